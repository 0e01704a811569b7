import {
  appendFileSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { join } from 'node:path';
import { decodeDescription, fileHash, MAX_DESCRIPTION_BYTES } from './description.ts';

/** A run of commands that make one and the same more often than this keeps it no longer for it. */
const MOST_TIMES = 65_536;

/**
 * Moves what commands made from a store of their own into another one in the same file system.
 * What lies there may be anything, put there by the commands, and become something else while it
 * is looked at. So all of it is renamed first, which follows no link, to names in a folder that
 * they do not reach, and looked at there: only plain files in a real folder count, and a
 * description under a wrong name does not.
 * aside: the folder out of reach, in the same file system; what is left over stays in it. by: the
 * computation whose command it was; see FileStore.release.
 */
export function takeMade(from: string, to: string, aside: string, by: string): void {
  // Most commands make nothing, and a new folder costs more than a look.
  if (!isFolder(from)) return;
  const hand = mkdtempSync(join(aside, 'made-'));
  const made = join(hand, 'store');
  if (!takeAway(from, made) || !isFolder(made)) return;
  for (const name of readdirSync(made)) {
    const [, hash] = /^([0-9a-f]{64})\.file$/.exec(name) ?? [];
    if (hash === undefined) continue;
    const [description, data] = [join(hand, name), join(hand, `${hash}.data`)];
    if (!takeAway(join(made, name), description)) continue;
    if (!isPlain(description, MAX_DESCRIPTION_BYTES)) continue;
    const encoded = readFileSync(description);
    const decoded = decodeDescription(encoded);
    if (decoded === null || fileHash(decoded) !== hash) continue;
    const times = timesMade(join(made, `${hash}.made`), join(hand, `${hash}.made`));
    if (!takeAway(join(made, `${hash}.data`), data) || !isPlain(data, decoded.bytes)) continue;
    appendFileSync(join(to, `${hash}.made`), `${by}\n`.repeat(times), { mode: 0o600 });
    renameSync(description, join(to, name));
    renameSync(data, join(to, `${hash}.data`));
  }
}

/** How many commands made the same, by what their own store says of it. */
function timesMade(from: string, to: string): number {
  if (!takeAway(from, to) || !isPlain(to, MOST_TIMES)) return 1;
  return Math.max(1, lstatSync(to).size);
}

/** Says whether a folder is there, and no link to one. */
export function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isPlain(path: string, mostBytes: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size <= mostBytes;
}

/** False when there is nothing. */
function takeAway(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
