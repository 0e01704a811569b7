import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { MeshError } from '../core/mesh-error.ts';

/** A text that an option names. */
export interface TextSource {
  /** For messages: the option, and what it names. */
  readonly shown: string;
  /** A file's path, or what is read in its place. */
  readonly from: string | Readable;
  /** Of the text at most: a device has no end. */
  readonly mostBytes: number;
  /** Told where there are more. */
  readonly tooLong: string;
}

/**
 * Reads a text in UTF-8, a byte order mark left out.
 * @throws MeshError MESH_NO_FILE; MESH_USAGE for bytes that are no UTF-8, and more of them
 */
export async function readText({ shown, from, mostBytes, tooLong }: TextSource): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of typeof from === 'string' ? createReadStream(from) : from) {
      const piece = Buffer.from(chunk);
      bytes += piece.length;
      if (bytes > mostBytes) break;
      chunks.push(piece);
    }
  } catch (cause) {
    const text = `${shown}: it cannot be read (${(cause as Error).message})`;
    throw new MeshError('MESH_NO_FILE', text, { cause });
  }
  if (bytes > mostBytes) throw new MeshError('MESH_USAGE', tooLong);
  try {
    // It leaves out a byte order mark, which editors on Windows write.
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (cause) {
    const text = `${shown}: it is not UTF-8; convert it (iconv -t UTF-8)`;
    throw new MeshError('MESH_USAGE', text, { cause });
  }
}
