import { MeshError } from '../core/mesh-error.ts';
import type { FileHash } from './description.ts';
import type { FileStore } from './file-store.ts';
import { type WriteOptions, writeOut } from './write-out.ts';

/** A chunk of a file of the store is not what it was. */
export class AlteredError extends MeshError {
  constructor(hash: FileHash) {
    super('MESH_NO_FILE', `file ${hash.slice(0, 12)} was altered where it is kept`);
  }
}

/**
 * Writes a file of the store to a place outside it, each chunk held against its hash; see writeOut.
 * @throws AlteredError when it is not, or not any more, there whole.
 */
export async function copyOut(
  store: FileStore,
  hash: FileHash,
  path: string,
  options: WriteOptions,
): Promise<readonly [bytes: number, changedMs: number]> {
  await using content = await store.content(hash);
  if (content === null) throw new AlteredError(hash);
  const read = async (index: number): Promise<Uint8Array> => {
    const chunk = await content.read(index);
    if (chunk === null) throw new AlteredError(hash);
    return chunk;
  };
  return await writeOut(path, content.description, read, options);
}
