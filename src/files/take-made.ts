import { lstatSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeDescription, fileHash, MAX_DESCRIPTION_BYTES } from './description.ts';

/**
 * Moves what commands made from a store of their own into another one in the same file system.
 * What lies there may be anything, put there by the commands: only plain files count, and a
 * description under a wrong name does not.
 */
export function takeMade(from: string, to: string): void {
  for (const name of namesIn(from)) {
    const [, hash] = /^([0-9a-f]{64})\.file$/.exec(name) ?? [];
    if (hash === undefined) continue;
    const [description, data] = [join(from, name), join(from, `${hash}.data`)];
    if (!isPlain(description, MAX_DESCRIPTION_BYTES)) continue;
    const encoded = readFileSync(description);
    const decoded = decodeDescription(encoded);
    if (decoded === null || fileHash(decoded) !== hash || !isPlain(data, decoded.bytes)) continue;
    writeFileSync(join(to, `${hash}.made`), '', { mode: 0o600 });
    renameSync(description, join(to, name));
    renameSync(data, join(to, `${hash}.data`));
  }
}

function isPlain(path: string, mostBytes: number): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isFile() === true && found.size <= mostBytes;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
