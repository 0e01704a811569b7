import { closeSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Where Linux lists a process's open files, and tells how each was opened. */
const LISTING = '/proc/self/fd';
const DETAILS = '/proc/self/fdinfo';
const ALWAYS_OPEN = 3;

/** The flag of an open file that no program started by the process has. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what a process has open beyond stdin, stdout, stderr and the numbers to keep, unless Node
 * opened it, and returns what it was. A child inherits what its parent, or who started that, opened
 * without close-on-exec: LevelDB's files, which a stray write of user code would damage, a pipe or
 * the terminal of a shell. Node's own have that flag; those up to 16 Node itself keeps from its
 * children, so that a peer hands on none. Does nothing where there is no /proc.
 */
export function closeInheritedFiles(keep: readonly number[] = []): string[] {
  const closed: string[] = [];
  let names: string[];
  try {
    names = readdirSync(LISTING);
  } catch {
    // Not Linux: the listing is only there.
    return closed;
  }
  for (const name of names
    .map(Number)
    .filter((number) => number >= ALWAYS_OPEN && !keep.includes(number))) {
    try {
      const target = readlinkSync(`${LISTING}/${name}`);
      if (!isFile(target) && isClosedOnExec(name)) continue;
      closeSync(name);
      closed.push(target);
    } catch {
      // The listing's own descriptor, closed by now.
    }
  }
  return closed;
}

/**
 * The numbers of what a child has open that this process handed on without meaning to, for a child
 * that may not look itself: from its own list, code under Node's permission model climbs to any
 * file (`/proc/self/fd/N/..`). Empty where that cannot be told.
 */
export function inheritedBy(child: number | undefined): number[] {
  const listing = `/proc/${child}/fd`;
  try {
    return readdirSync(listing).map(Number).filter(isHandedOn);
  } catch {
    return [];
  }

  /** The same thing is open here under the same number, without the flag. */
  function isHandedOn(number: number): boolean {
    try {
      const target = readlinkSync(`${LISTING}/${number}`);
      const isSame = readlinkSync(`${listing}/${number}`) === target;
      return number >= ALWAYS_OPEN && isSame && !isClosedOnExec(number);
    } catch {
      return false;
    }
  }
}

/** Closes what of these numbers is open. */
export function closeAll(numbers: readonly number[]): void {
  for (const number of numbers) {
    try {
      closeSync(number);
    } catch {
      // It was closed before.
    }
  }
}

/** A regular file or a folder; of these Node has none open when it starts. */
function isFile(target: string): boolean {
  return target.startsWith('/') && !target.startsWith('/dev/') && !target.startsWith('/proc/');
}

function isClosedOnExec(descriptor: number): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`${DETAILS}/${descriptor}`, 'utf8'));
  return flags === null || (Number.parseInt(flags[1] ?? '', 8) & CLOSE_ON_EXEC) !== 0;
}
