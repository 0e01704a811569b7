import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { placeOf } from '../path-stats.ts';

/** Bytes read at a time. */
const PIECE_BYTES = 1_048_576;

/**
 * The SHA-256 of each argument that is a file, by name. A command with the same text counts as
 * another one when the content of a file that it is given has changed. directory: where it runs.
 */
export function contentsOf(args: readonly string[], directory: string): Record<string, string> {
  const contents: Record<string, string> = {};
  for (const argument of args) {
    const hash = contentOf(placeOf(directory, argument));
    if (hash !== null) contents[argument] = hash;
  }
  return contents;
}

/** One for all files: there may be thousands, and each new one would cost more than reading it. */
const PIECE: Buffer = Buffer.allocUnsafeSlow(PIECE_BYTES);

/** Null for what is no file, or cannot be read: the command itself will say so. */
function contentOf(path: string): string | null {
  let file: number | null = null;
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
    file = openSync(path, 'r');
    const hash = createHash('sha256');
    for (let bytes = readSync(file, PIECE); bytes > 0; bytes = readSync(file, PIECE)) {
      hash.update(PIECE.subarray(0, bytes));
    }
    return hash.digest('hex');
  } catch {
    return null;
  } finally {
    if (file !== null) closeSync(file);
  }
}
