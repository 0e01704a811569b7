import { constants, type FileHandle, open, rename } from 'node:fs/promises';
import { readAt } from './describe.ts';
import {
  CHUNK_BYTES,
  chunkLength,
  type FileDescription,
  fits,
  isZeros,
  solidChunks,
} from './description.ts';
import { writeAt } from './write-out.ts';

/** A file of which chunks are still to come. */
export class Draft implements AsyncDisposable {
  readonly description: FileDescription;
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #whole: string;
  readonly #missing: Set<number>;

  private constructor(
    description: FileDescription,
    handle: FileHandle,
    { path, whole, missing }: { path: string; whole: string; missing: Set<number> },
  ) {
    this.description = description;
    this.#handle = handle;
    this.#path = path;
    this.#whole = whole;
    this.#missing = missing;
  }

  /** Reads what is at `path` already; what is whole in the end goes to `whole`. */
  static async open(description: FileDescription, path: string, whole: string): Promise<Draft> {
    const opened = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      const { size } = await opened.stat();
      const missing = new Set(solidChunks(description));
      const buffer = Buffer.allocUnsafe(Math.min(description.bytes, CHUNK_BYTES));
      for (const index of size === 0 ? [] : [...missing]) {
        const length = chunkLength(description, index);
        const chunk = await readAt(opened, index, length, { buffer });
        if (chunk === null || isZeros(chunk)) continue;
        if (fits(description, index, chunk)) missing.delete(index);
      }
      await opened.truncate(description.bytes);
      return new Draft(description, opened, { path, whole, missing });
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** The chunks that are not here, rising. */
  get missing(): number[] {
    return [...this.#missing];
  }

  /** Takes a chunk. False when it is not the one that it should be. */
  async put(index: number, chunk: Uint8Array): Promise<boolean> {
    if (!this.#missing.has(index)) return true;
    if (!fits(this.description, index, chunk)) return false;
    await writeAt(this.#handle, index, chunk);
    this.#missing.delete(index);
    return true;
  }

  /** Makes it a file of the store, once nothing is missing. */
  async finish(): Promise<void> {
    if (this.#missing.size > 0) throw new Error(`${this.#missing.size} chunks are missing`);
    await rename(this.#path, this.#whole);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}
