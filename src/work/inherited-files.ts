import { closeSync, readdirSync, readlinkSync } from 'node:fs';

/** Where Linux lists a process's open files. */
const LISTING = '/proc/self/fd';

/**
 * Closes the regular files that a process has open beyond stdin, stdout, stderr and those to keep,
 * and returns their paths. A child inherits what its parent opened without close-on-exec, LevelDB's
 * files among it, and a stray write of user code would damage them. Does nothing where there is no
 * /proc.
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
  for (const name of names.map(Number).filter((number) => number > 2 && !keep.includes(number))) {
    try {
      const target = readlinkSync(`${LISTING}/${name}`);
      if (!target.startsWith('/') || target.startsWith('/dev/') || target.startsWith('/proc/')) {
        continue;
      }
      closeSync(name);
      closed.push(target);
    } catch {
      // The listing's own descriptor, closed by now.
    }
  }
  return closed;
}
