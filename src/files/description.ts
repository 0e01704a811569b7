import { createHash } from 'node:crypto';

/** The name of a file: the hash of its description, 64 hexadecimal digits. */
export type FileHash = string;

/** Bytes of a chunk; the last one of a file may be shorter. */
export const CHUNK_BYTES: number = 1024 * 1024;

/** The largest file, in bytes. */
export const MAX_FILE_BYTES: number = 4 * 1024 ** 3;

/** What a file is, all but its name. */
export interface FileDescription {
  /** 0 … MAX_FILE_BYTES. */
  readonly bytes: number;
  /** Permissions, 0 … 0o777. */
  readonly mode: number;
  /** The SHA-256 of each chunk, 32 bytes each, one after the other. */
  readonly chunks: Uint8Array;
}

const MAGIC = 'meshdfl1';
const HEAD_BYTES = 20;
const HASH_BYTES = 32;

/** The longest description, in bytes. */
export const MAX_DESCRIPTION_BYTES: number =
  HEAD_BYTES + (MAX_FILE_BYTES / CHUNK_BYTES) * HASH_BYTES;

const ZEROS = Buffer.alloc(CHUNK_BYTES);
const ZERO_HASH = createHash('sha256').update(ZEROS).digest();

/** How many chunks a file of this size has. */
export function chunkCount(bytes: number): number {
  return Math.ceil(bytes / CHUNK_BYTES);
}

/** The SHA-256 of a chunk. */
export function hashOfChunk(chunk: Uint8Array): Uint8Array {
  return createHash('sha256').update(chunk).digest();
}

/** Says whether a chunk is whole and all zeros: such a one is never sent, and is a hole on disk. */
export function isZeros(chunk: Uint8Array): boolean {
  return chunk.byteLength === CHUNK_BYTES && ZEROS.equals(chunk);
}

/** The hash that the description has of a whole chunk of zeros. */
export function zeroHash(): Uint8Array {
  return ZERO_HASH;
}

/** The hash of one chunk, 0 … chunkCount − 1. */
export function chunkHash({ chunks }: FileDescription, index: number): Uint8Array {
  return chunks.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
}

/** The length of one chunk, in bytes. */
export function chunkLength({ bytes }: FileDescription, index: number): number {
  return Math.min(CHUNK_BYTES, bytes - index * CHUNK_BYTES);
}

/** Says whether a chunk is a hole. */
export function isHole(description: FileDescription, index: number): boolean {
  return ZERO_HASH.equals(chunkHash(description, index));
}

/** Says whether bytes are those of a chunk. */
export function fits(description: FileDescription, index: number, chunk: Uint8Array): boolean {
  if (chunk.byteLength !== chunkLength(description, index)) return false;
  const wanted = chunkHash(description, index);
  if (isZeros(chunk)) return ZERO_HASH.equals(wanted);
  return Buffer.compare(hashOfChunk(chunk), wanted) === 0;
}

/** The chunks of a file that have to be sent: all but the holes. */
export function solidChunks(description: FileDescription): number[] {
  const all = Array.from({ length: chunkCount(description.bytes) }, (_, index) => index);
  return all.filter((index) => !isHole(description, index));
}

/** The one encoding of a description: magic, size and mode (big endian), hashes. */
export function encodeDescription({ bytes, mode, chunks }: FileDescription): Uint8Array {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(MAGIC, 'latin1');
  head.writeBigUInt64BE(BigInt(bytes), 8);
  head.writeUInt32BE(mode, 16);
  return Buffer.concat([head, chunks]);
}

/** Reads a description. Null when it is malformed. */
export function decodeDescription(encoded: Uint8Array): FileDescription | null {
  const all = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  if (all.length < HEAD_BYTES || all.toString('latin1', 0, 8) !== MAGIC) return null;
  const bytes = Number(all.readBigUInt64BE(8));
  const mode = all.readUInt32BE(16);
  const chunks = all.subarray(HEAD_BYTES);
  if (bytes > MAX_FILE_BYTES || mode > 0o777) return null;
  if (chunks.length !== chunkCount(bytes) * HASH_BYTES) return null;
  return { bytes, mode, chunks: Uint8Array.from(chunks) };
}

/** The name of the file that a description is of. */
export function fileHash(description: FileDescription): FileHash {
  return createHash('sha256').update(encodeDescription(description)).digest('hex');
}

/** Says whether a text has the form of a file's name. */
export function isFileHash(text: unknown): text is FileHash {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}
