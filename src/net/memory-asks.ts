import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { MemoryHub } from './memory-hub.ts';
import { Places } from './places.ts';
import { checkRequest, MAX_QUESTIONS, reasonOf } from './topics.ts';

/** The questions of one peer on a hub. */
export class MemoryAsks {
  readonly #self: PeerId;
  readonly #hub: MemoryHub;
  readonly #places = new Places(MAX_QUESTIONS);
  readonly #asked = new Map<PeerId, Set<AbortController>>();

  constructor(self: PeerId, hub: MemoryHub) {
    this.#self = self;
    this.#hub = hub;
  }

  /** See Network.ask. */
  async *ask(
    peer: PeerId,
    topic: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    checkRequest(topic, request);
    const leave = await this.#places.take(peer, signal);
    try {
      yield* this.#answer(peer, topic, request, signal);
    } finally {
      leave();
    }
  }

  /** Ends the questions to a peer that is not linked any more. */
  broke(peer: PeerId): void {
    const error = new MeshError('MESH_NO_PEER', `no whole answer of ${peer}: the link broke`);
    for (const link of this.#asked.get(peer) ?? []) link.abort(error);
    this.#asked.delete(peer);
  }

  async *#answer(
    peer: PeerId,
    topic: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const end = this.#hub.endOf(this.#self, peer);
    if (end === undefined) {
      throw new MeshError('MESH_NO_PEER', `${peer} is not connected to this peer`);
    }
    const link = new AbortController();
    const asked = this.#asked.get(peer) ?? new Set();
    this.#asked.set(peer, asked.add(link));
    const ended = AbortSignal.any([signal, link.signal]);
    const over = Promise.withResolvers<never>();
    over.promise.catch(() => {
      // Told by the race below; without one nobody waits for it.
    });
    ended.addEventListener('abort', () => over.reject(ended.reason));
    const answer = end.answer(this.#self, topic, request.slice(), ended);
    const parts = answer[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await Promise.race([parts.next(), over.promise]);
        if (next.done === true) return;
        yield next.value.slice();
      }
    } catch (error) {
      ended.throwIfAborted();
      throw new MeshError('MESH_REFUSED', reasonOf(error));
    } finally {
      asked.delete(link);
      link.abort(new Error('the answer is not wanted any more'));
      parts.return?.().catch(() => {
        // It was told to end; how it does so is nobody's business any more.
      });
    }
  }
}
