import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** A file takes an entry, whatever is in it: nobody is to make them without end. */
const ENTRY_BYTES = 256;
/** What `blocks` counts. */
const BLOCK_BYTES = 512;
const FILES_A_CALL = 500;

/** What a file takes on the disk, holes left out. */
export function bytesOnDisk({ blocks }: Stats): number {
  return blocks * BLOCK_BYTES;
}

/**
 * Measures what a folder takes on the disk, a few files a call, so that whoever measures has other
 * things to do between: yields null until the bytes are known. Stops above `mostBytes`.
 */
export function* measureTree(path: string, mostBytes: number): Generator<number | null, void> {
  let bytes = 0;
  let seen = 0;
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const names = namesIn(next);
    // What nobody may look into is not to be filled: it counts as too much.
    if (names === null) bytes = mostBytes + 1;
    for (const name of names ?? []) {
      const found = factsOf(join(next, name));
      bytes +=
        found === null
          ? mostBytes + 1
          : ENTRY_BYTES + (found === undefined ? 0 : bytesOnDisk(found));
      if (bytes > mostBytes) break;
      if (found?.isDirectory() === true) waiting.push(join(next, name));
      seen += 1;
      if (seen % FILES_A_CALL === 0) yield null;
    }
    if (bytes > mostBytes) break;
  }
  yield bytes;
}

/** Undefined: it is gone. Null: nobody can say, as of a path that is too long. */
function factsOf(path: string): Stats | null | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return null;
  }
}

/** Null: nobody can say, as of a folder whose rights were taken from it. */
function namesIn(folder: string): string[] | null {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // Removed meanwhile, or not made yet, or all descriptors are in use: another look tells.
    return ['EACCES', 'EPERM', 'ENAMETOOLONG'].includes(code) ? null : [];
  }
}
