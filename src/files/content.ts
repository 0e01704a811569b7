import type { FileHandle } from 'node:fs/promises';
import { readAt } from './describe.ts';
import { chunkCount, chunkLength, type FileDescription, fits } from './description.ts';

/** The content of a file of which all or some chunks are on this disk. */
export class Content implements AsyncDisposable {
  readonly description: FileDescription;
  readonly #handle: FileHandle;

  constructor(description: FileDescription, handle: FileHandle) {
    this.description = description;
    this.#handle = handle;
  }

  /** A chunk, held against its hash; null when it is not there, or is another one now. */
  async read(index: number): Promise<Uint8Array | null> {
    if (!Number.isInteger(index) || index < 0) return null;
    if (index >= chunkCount(this.description.bytes)) return null;
    const chunk = await readAt(this.#handle, index, chunkLength(this.description, index));
    return chunk !== null && fits(this.description, index, chunk) ? chunk : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
