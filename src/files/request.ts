import { type FileHash, isFileHash } from './description.ts';

/** Chunks that one request names at most. */
export const MAX_ASKED_CHUNKS = 64;

/** A file of so many chunks to send, or fewer, comes with its description. */
export const SMALL_CHUNKS = 16;

/**
 * What one peer asks of another. file: a part of one byte, what is there (see STOCK); unless that
 * is nothing, the description; and with `content`, the chunks of a small file but for its holes.
 * chunks: a part for each, empty for one that is not there. fetched: the publisher has what was
 * made there; the answer is empty.
 */
export type FileRequest =
  | { readonly ask: 'file'; readonly hash: FileHash; readonly content: boolean }
  | { readonly ask: 'chunks'; readonly hash: FileHash; readonly chunks: readonly number[] }
  | FetchedRequest;

/** of: the computation whose command made it. drop: nobody is to keep it. */
export interface FetchedRequest {
  readonly ask: 'fetched';
  readonly hash: FileHash;
  readonly of: string;
  readonly drop: boolean;
}

/** What is there of a file. gone: it was the user's, and is another one now, or no more. */
export const STOCK = { nothing: 0, whole: 1, part: 2, gone: 3 } as const;

export function encodeRequest(request: FileRequest): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(request));
}

/** Reads a request. Null when it is malformed. */
export function decodeRequest(bytes: Uint8Array): FileRequest | null {
  const { ask, hash, content, chunks, drop, of } = fieldsOf(bytes);
  if (!isFileHash(hash)) return null;
  if (ask === 'file' && typeof content === 'boolean') return { ask, hash, content };
  if (ask === 'fetched' && typeof drop === 'boolean' && typeof of === 'string') {
    return { ask, hash, of, drop };
  }
  if (ask !== 'chunks' || !Array.isArray(chunks) || chunks.length > MAX_ASKED_CHUNKS) return null;
  return chunks.every((one) => Number.isInteger(one) && one >= 0) ? { ask, hash, chunks } : null;
}

function fieldsOf(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
