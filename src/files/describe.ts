import { type FileHandle, open } from 'node:fs/promises';
import { MeshError } from '../core/mesh-error.ts';
import {
  CHUNK_BYTES,
  chunkCount,
  type FileDescription,
  hashOfChunk,
  isZeros,
  MAX_FILE_BYTES,
  zeroHash,
} from './description.ts';

/** A file as it was when it was described. */
export interface Described {
  readonly description: FileDescription;
  /** Time of its last change, in whole ms since 1970. */
  readonly changedMs: number;
}

/**
 * Describes a file, links followed; nothing of it is kept. It reads all of it once, a chunk at a
 * time. @throws MeshError MESH_NO_FILE for what is no file or cannot be read, MESH_USAGE for one of
 * more than 4 GiB, or one that changes meanwhile.
 */
export async function describeFile(path: string): Promise<Described> {
  const handle = await open(path, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new MeshError('MESH_NO_FILE', `${path}: ${plainReason(cause)}`, { cause });
  });
  try {
    const found = await handle.stat();
    if (found.isDirectory()) {
      const text = `${path} is a folder: only files are sent; name its files, or pack it with tar`;
      throw new MeshError('MESH_NO_FILE', text);
    }
    if (!found.isFile()) throw new MeshError('MESH_NO_FILE', `${path} is no file`);
    if (found.size > MAX_FILE_BYTES) {
      const text = `${path} has ${found.size} bytes; files of at most 4 GiB are sent`;
      throw new MeshError('MESH_USAGE', text);
    }
    const chunks = await hashesOf(handle, found.size);
    const after = await handle.stat();
    if (chunks === null || after.size !== found.size || after.mtimeMs !== found.mtimeMs) {
      throw new MeshError('MESH_USAGE', `${path} changes while it is read: try again`);
    }
    const description = { bytes: found.size, mode: found.mode & 0o777, chunks };
    return { description, changedMs: Math.trunc(found.mtimeMs) };
  } finally {
    await handle.close();
  }
}

/** Describes what is in memory. mode: permissions, 0 … 0o777. */
export function describeBytes(bytes: Uint8Array, mode: number): FileDescription {
  const count = chunkCount(bytes.length);
  const chunks = new Uint8Array(count * 32);
  for (let index = 0; index < count; index++) {
    const chunk = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    chunks.set(isZeros(chunk) ? zeroHash() : hashOfChunk(chunk), index * 32);
  }
  return { bytes: bytes.length, mode, chunks };
}

/** Null when the file is shorter than it was. */
async function hashesOf(handle: FileHandle, bytes: number): Promise<Uint8Array | null> {
  const count = chunkCount(bytes);
  const hashes = new Uint8Array(count * 32);
  const buffer = Buffer.allocUnsafe(Math.min(bytes, CHUNK_BYTES));
  for (let index = 0; index < count; index++) {
    const chunk = await readAt(handle, index, Math.min(CHUNK_BYTES, bytes - index * CHUNK_BYTES), {
      buffer,
    });
    if (chunk === null) return null;
    hashes.set(isZeros(chunk) ? zeroHash() : hashOfChunk(chunk), index * 32);
  }
  return hashes;
}

/** Reads a chunk, by default into memory of its own. Null when the file ends before. */
export async function readAt(
  handle: FileHandle,
  index: number,
  length: number,
  { buffer = Buffer.allocUnsafe(length) }: { readonly buffer?: Buffer } = {},
): Promise<Uint8Array | null> {
  let filled = 0;
  while (filled < length) {
    const at = index * CHUNK_BYTES + filled;
    const { bytesRead } = await handle.read(buffer, filled, length - filled, at);
    if (bytesRead === 0) return null;
    filled += bytesRead;
  }
  return buffer.subarray(0, length);
}

function plainReason({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file to send';
  if (code === 'EACCES' || code === 'EPERM') return 'this file cannot be read';
  return message;
}
