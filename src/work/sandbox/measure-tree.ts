import { lstatSync, readdirSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** A file takes an entry, whatever is in it: nobody is to make them without end. */
const ENTRY_BYTES = 256;
/** What `blocks` counts. */
const BLOCK_BYTES = 512;
const FILES_A_CALL = 500;

/**
 * Measures what a folder takes on the disk, a few files a call, so that whoever measures has other
 * things to do between: yields null until the bytes are known. Stops above `mostBytes`.
 */
export function* measureTree(path: string, mostBytes: number): Generator<number | null, void> {
  let bytes = 0;
  let seen = 0;
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const name of namesIn(next)) {
      const found = factsOf(join(next, name));
      // What cannot be looked at is not to be filled: it counts as too much.
      bytes += found === null ? mostBytes + 1 : ENTRY_BYTES + (found?.blocks ?? 0) * BLOCK_BYTES;
      if (bytes > mostBytes) {
        yield bytes;
        return;
      }
      if (found?.isDirectory() === true) waiting.push(join(next, name));
      seen += 1;
      if (seen % FILES_A_CALL === 0) yield null;
    }
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

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Removed meanwhile.
    return [];
  }
}
