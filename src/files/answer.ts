import { MeshError } from '../core/mesh-error.ts';
import { encodeDescription, solidChunks } from './description.ts';
import type { FileStore } from './file-store.ts';
import { decodeRequest, type FileRequest, SMALL_CHUNKS, STOCK } from './request.ts';

const EMPTY = new Uint8Array();

/**
 * Answers what a member asks of this peer's files; see FileRequest.
 * @throws MeshError MESH_REFUSED for a request that is none.
 */
export async function* answerRequest(
  store: FileStore,
  bytes: Uint8Array,
): AsyncGenerator<Uint8Array> {
  const request = decodeRequest(bytes);
  if (request === null) throw new MeshError('MESH_REFUSED', 'the request is malformed');
  const { hash } = request;
  if (request.ask === 'fetched') {
    store.fetched(hash, request.of);
    if (request.drop) await store.drop(hash);
    return;
  }
  const unpin = store.pin(hash);
  try {
    if (request.ask === 'chunks') yield* chunksOf(store, request);
    else yield* fileOf(store, request);
  } finally {
    unpin();
  }
}

async function* fileOf(
  store: FileStore,
  { hash, content: isWanted }: Extract<FileRequest, { ask: 'file' }>,
): AsyncGenerator<Uint8Array> {
  const description = await store.description(hash);
  await using content = await store.content(hash);
  if (description === null || content === null) {
    yield Uint8Array.of(description === null ? STOCK.nothing : await store.lack(hash));
    return;
  }
  yield Uint8Array.of((await store.has(hash)) ? STOCK.whole : STOCK.part);
  yield encodeDescription(description);
  const solid = solidChunks(description);
  if (!isWanted || solid.length > SMALL_CHUNKS) return;
  for (const index of solid) yield (await content.read(index)) ?? EMPTY;
}

async function* chunksOf(
  store: FileStore,
  { hash, chunks }: Extract<FileRequest, { ask: 'chunks' }>,
): AsyncGenerator<Uint8Array> {
  await using content = await store.content(hash);
  for (const index of chunks) yield (await content?.read(index)) ?? EMPTY;
}
