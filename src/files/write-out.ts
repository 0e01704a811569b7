import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CHUNK_BYTES, chunkCount, type FileDescription, isHole } from './description.ts';

/** Gives a chunk that was held against its hash. @throws Error when there is none such. */
export type ChunkReader = (index: number) => Promise<Uint8Array>;

/** How a file is written. */
export interface WriteOptions {
  /** It is on the disk when it is told to be written. */
  readonly sync: boolean;
  /**
   * Part of its name until it is whole: what a killed process left under the same is overwritten.
   * Of two at a time it must not be the same. @default a random text
   */
  readonly token?: string;
}

/**
 * Writes a file, in one step for all who look: under a name of its own beside the place, then
 * renamed. Whole chunks of zeros become holes. With sync it is on the disk when this returns.
 * Returns its size and its time of change, in whole ms since 1970.
 */
export async function writeOut(
  path: string,
  description: FileDescription,
  read: ChunkReader,
  { sync, token = randomBytes(6).toString('hex') }: WriteOptions,
): Promise<readonly [bytes: number, changedMs: number]> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const short = basename(path).slice(0, 40);
  const draft = join(folder, `.${short}.${token}.meshd`);
  const handle = await open(draft, 'w', 0o600);
  try {
    try {
      await handle.truncate(description.bytes);
      for (let index = 0; index < chunkCount(description.bytes); index++) {
        if (isHole(description, index)) continue;
        const chunk = await read(index);
        await writeAt(handle, index, chunk);
      }
      await handle.chmod(description.mode | 0o400);
      if (sync) await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  if (sync) await syncFolder(folder);
  const { size, mtimeMs } = await stat(path);
  return [size, Math.trunc(mtimeMs)];
}

/** Writes a chunk in its place. */
export async function writeAt(handle: FileHandle, index: number, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    const at = index * CHUNK_BYTES + done;
    done += (await handle.write(chunk, done, chunk.byteLength - done, at)).bytesWritten;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch {
    // Some file systems cannot; the file itself is on the disk.
  } finally {
    await handle.close();
  }
}
