import { MeshError } from '../core/mesh-error.ts';
import {
  decodeDescription,
  type FileDescription,
  type FileHash,
  fileHash,
  solidChunks,
} from './description.ts';
import type { Draft } from './draft.ts';
import type { FileStore } from './file-store.ts';
import { encodeRequest, type FileRequest, SMALL_CHUNKS, STOCK } from './request.ts';

/** Chunks asked for at a time. */
const ASKED_AT_ONCE = 8;

/** Requests under way to one source. */
const STREAMS_PER_SOURCE = 2;

/** Sources used at once. */
const MAX_SOURCES = 4;

/** Whom to ask, and how. */
export interface FileSources {
  /** Members that are connected, by id. */
  peers(): readonly string[];
  /** The parts of the answer; see FileRequest. */
  ask(peer: string, request: Uint8Array, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** What is wanted, and who is likely to have it. */
export interface Wanted {
  readonly hash: FileHash;
  /** Asked first, the likeliest first. */
  readonly likely: readonly string[];
  /** Its word that a file of its own is gone is final. */
  readonly owner: string;
}

/** Fetches files from whoever has them, each chunk held against its hash. */
export class Fetcher {
  readonly #store: FileStore;
  readonly #sources: FileSources;
  readonly #running = new Map<FileHash, Promise<void>>();

  constructor(store: FileStore, sources: FileSources) {
    this.#store = store;
    this.#sources = sources;
  }

  /**
   * Sees to it that a file is in the store. What came before a break is not asked for again.
   * again: looks at what is here, chunk by chunk, and fetches what is not as it should be.
   * @throws MeshError MESH_NO_PEER when nobody that is connected has all of it, MESH_NO_FILE when
   * its owner says that it is gone. The reason of an abort.
   */
  async fetch(
    wanted: Wanted,
    { signal, again = false }: { readonly signal: AbortSignal; readonly again?: boolean },
  ): Promise<void> {
    const { hash } = wanted;
    const before = this.#running.get(hash) ?? Promise.resolve();
    const turn = before
      .catch(() => undefined)
      .then(() => this.#once(wanted, again, signal))
      .finally(() => {
        if (this.#running.get(hash) === turn) this.#running.delete(hash);
      });
    this.#running.set(hash, turn);
    return turn;
  }

  async #once(wanted: Wanted, again: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const unpin = this.#store.pin(wanted.hash);
    try {
      if (again || !(await this.#store.has(wanted.hash))) await this.#fetch(wanted, signal);
      await this.#store.touch(wanted.hash);
    } finally {
      unpin();
    }
  }

  async #fetch(wanted: Wanted, signal: AbortSignal): Promise<void> {
    const known = await this.#store.description(wanted.hash);
    const finds: Find[] = [];
    let draft: Draft | null = known === null ? null : await this.#store.draft(known);
    try {
      let isGone = false;
      for (const peer of this.#candidates(wanted)) {
        if (draft?.missing.length === 0 || finds.length === MAX_SOURCES) break;
        const found = await this.#look(peer, wanted, draft, signal);
        if (found === 'gone') isGone = true;
        if (found === null || found === 'gone') continue;
        draft ??= found.draft;
        finds.push(found);
      }
      if (draft !== null) await this.#rest(wanted.hash, draft, finds, signal);
      if (draft === null || draft.missing.length > 0) {
        if (isGone) throw gone(wanted.hash);
        throw nobody(wanted.hash, draft?.missing.length ?? 0);
      }
      await draft.finish();
    } finally {
      await draft?.[Symbol.asyncDispose]();
    }
  }

  #candidates({ likely, owner }: Wanted): string[] {
    const connected = this.#sources.peers();
    const first = [...new Set([...likely, owner])].filter((peer) => connected.includes(peer));
    return [...first, ...connected.filter((peer) => !first.includes(peer))];
  }

  /**
   * Asks one peer for a file; takes what comes with the answer. Null when it has none of it; gone
   * when it is the owner, and says so.
   */
  async #look(
    peer: string,
    { hash, owner }: Wanted,
    known: Draft | null,
    signal: AbortSignal,
  ): Promise<Find | 'gone' | null> {
    let draft = known;
    const isFirst = known === null || solidChunks(known.description).length <= SMALL_CHUNKS;
    let stock: number | null = null;
    let solid: number[] = [];
    let at = 0;
    try {
      for await (const part of this.#ask(peer, { ask: 'file', hash, content: isFirst }, signal)) {
        if (stock === null) {
          stock = part[0] ?? STOCK.nothing;
        } else if (at === 0) {
          draft ??= await this.#store.draft(descriptionOf(hash, part));
          solid = solidChunks(draft.description);
          at = 1;
        } else if (draft !== null) {
          await draft.put(solid[at++ - 1] ?? -1, part);
        }
      }
    } catch (error) {
      // A full disk is not the source's fault. What came is kept; another peer may have the rest.
      if (signal.aborted || !(error instanceof MeshError)) {
        if (known === null) await draft?.[Symbol.asyncDispose]();
        signal.throwIfAborted();
        throw error;
      }
    }
    if (stock === STOCK.gone && peer === owner) return 'gone';
    if (draft === null || at === 0) return null;
    return { peer, draft };
  }

  /** Fetches what is missing from those that have some of it, at once. */
  async #rest(
    hash: FileHash,
    draft: Draft,
    finds: readonly Find[],
    signal: AbortSignal,
  ): Promise<void> {
    const open = new Set(draft.missing);
    let underWay = 0;
    let over = Promise.withResolvers<void>();
    const stream = async (peer: string, lacks: Set<number>): Promise<void> => {
      for (;;) {
        const batch = [...open].filter((index) => !lacks.has(index)).slice(0, ASKED_AT_ONCE);
        if (batch.length === 0) {
          // What another source is asked for now may be for this one, if that has it not.
          if (underWay === 0) return;
          await over.promise;
          continue;
        }
        for (const index of batch) open.delete(index);
        underWay += 1;
        let at = 0;
        try {
          const request: FileRequest = { ask: 'chunks', hash, chunks: batch };
          for await (const part of this.#ask(peer, request, signal)) {
            const index = batch[at++];
            if (index === undefined) break;
            if (await draft.put(index, part)) continue;
            lacks.add(index);
          }
        } catch (error) {
          signal.throwIfAborted();
          // This source is of no use now; what it did not bring is for the others. A full disk is
          // not its fault.
          if (!(error instanceof MeshError)) throw error;
          for (const index of draft.missing) lacks.add(index);
          return;
        } finally {
          const missing = new Set(draft.missing);
          for (const index of batch) if (missing.has(index)) open.add(index);
          underWay -= 1;
          over.resolve();
          over = Promise.withResolvers();
        }
        for (const index of batch.slice(at)) lacks.add(index);
      }
    };
    await Promise.all(
      finds.flatMap(({ peer }) => {
        const lacks = new Set<number>();
        return Array.from({ length: STREAMS_PER_SOURCE }, () => stream(peer, lacks));
      }),
    );
  }

  #ask(peer: string, request: FileRequest, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return this.#sources.ask(peer, encodeRequest(request), signal);
  }
}

/** A peer that has a file, or some of it. */
interface Find {
  readonly peer: string;
  readonly draft: Draft;
}

function descriptionOf(hash: FileHash, part: Uint8Array): FileDescription {
  const description = decodeDescription(part);
  if (description !== null && fileHash(description) === hash) return description;
  throw new MeshError('MESH_REFUSED', 'the description is of another file');
}

function gone(hash: FileHash): MeshError {
  return new MeshError('MESH_NO_FILE', `file ${hash.slice(0, 12)} is gone, or was changed`);
}

function nobody(hash: FileHash, missing: number): MeshError {
  const what =
    missing === 0 ? 'file' : missing === 1 ? '1 chunk of file' : `${missing} chunks of file`;
  return new MeshError('MESH_NO_PEER', `no connected member has ${what} ${hash.slice(0, 12)}`);
}
