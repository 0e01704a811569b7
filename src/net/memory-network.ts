import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { GossipMessage, Message, StreamMessage } from '../core/message.ts';
import { decodeMessage, encodeMessage } from '../core/message-codec.ts';
import { MAX_FRAME_BYTES } from './frame.ts';
import { MemoryAsks } from './memory-asks.ts';
import type { HubEnd, MemoryHub } from './memory-hub.ts';
import type { AskHandler, Connection, Network, NetworkHandlers } from './network.ts';
import { Topics } from './topics.ts';

/** The address of a peer on a hub. */
export function memoryAddress(peer: PeerId): string {
  return `/memory/${peer}/p2p/${peer}`;
}

/**
 * A network inside one process, over a MemoryHub. Messages are encoded and decoded like on a wire,
 * arrive asynchronously and in order. A peer that joins one member is linked to all of them.
 */
export class MemoryNetwork implements Network {
  readonly self: PeerId;
  readonly #hub: MemoryHub;
  readonly #handlers: NetworkHandlers;
  readonly #linked = new Set<PeerId>();
  readonly #topics = new Topics();
  readonly #asks: MemoryAsks;
  #isClosed = false;

  constructor(hub: MemoryHub, self: PeerId, handlers: NetworkHandlers) {
    this.self = self;
    this.#hub = hub;
    this.#handlers = handlers;
    this.#asks = new MemoryAsks(self, hub);
    hub.attach(this.#end());
  }

  addresses(): string[] {
    return this.#isClosed ? [] : [memoryAddress(this.self)];
  }

  listening(): string[] {
    return this.#isClosed ? [] : [`/memory/${this.self}`];
  }

  connections(): Connection[] {
    return [...this.#linked].map((peer) => ({
      peer,
      address: memoryAddress(peer),
      via: 'direct',
      relay: null,
      rttMs: 0,
    }));
  }

  broadcast(message: GossipMessage): void {
    if (this.#isClosed) return;
    const body = encodeMessage(message);
    for (const peer of this.#hub.reachableFrom(this.self)) {
      this.#hub.deliver(this.self, peer, false, () => this.#read(body, 'gossip'));
    }
  }

  send(to: PeerId, message: StreamMessage): boolean {
    if (this.#isClosed || !this.#linked.has(to)) return false;
    const body = encodeMessage(message);
    if (body.byteLength > MAX_FRAME_BYTES) return false;
    this.#hub.deliver(this.self, to, true, () => this.#read(body, 'stream'));
    return true;
  }

  ask(
    peer: PeerId,
    topic: string,
    request: Uint8Array,
    options: { signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    return this.#asks.ask(peer, topic, request, options.signal);
  }

  serve(topic: string, handler: AskHandler): void {
    this.#topics.serve(topic, handler);
  }

  know(peer: PeerId): void {
    if (!this.#isClosed) this.#hub.wish(this.self, peer);
  }

  forget(peer: PeerId): void {
    this.#hub.unwish(this.self, peer);
  }

  async join(addresses: readonly string[], options: { signal: AbortSignal }): Promise<PeerId[]> {
    options.signal.throwIfAborted();
    const peers = addresses.map((address) => address.split('/').at(-1) ?? '');
    const reached = peers.filter((peer) => this.#hub.link(this.self, peer));
    if (reached.length === 0) {
      const list = addresses.map((address) => `${address} refused the connection`).join('; ');
      throw new MeshError(
        'MESH_NO_BOOTSTRAP',
        `no bootstrap could be joined: ${list || 'no address was given'}`,
      );
    }
    for (const peer of this.#hub.reachableFrom(this.self)) this.#hub.link(this.self, peer);
    // The links are told in microtasks queued before this one.
    await Promise.resolve();
    return reached;
  }

  /** Ends like SIGKILL: the others are told of a reset, this side of nothing. */
  drop(): void {
    this.#leave(true);
  }

  close(): Promise<void> {
    this.#leave(false);
    return Promise.resolve();
  }

  #leave(reset: boolean): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const peer of this.#linked) this.#asks.broke(peer);
    this.#linked.clear();
    this.#hub.detach(this.self, reset);
  }

  #end(): HubEnd {
    return {
      self: this.self,
      arrived: (from, message) => {
        if (!this.#isClosed) this.#handlers.message(from, message);
      },
      linked: (peer) => {
        if (this.#isClosed || this.#linked.has(peer)) return;
        this.#linked.add(peer);
        this.#hub.wish(this.self, peer);
        this.#handlers.connected(peer);
      },
      unlinked: (peer, reset) => {
        this.#asks.broke(peer);
        if (this.#isClosed || !this.#linked.delete(peer)) return;
        this.#handlers.disconnected(peer, reset);
      },
      refused: (peer) => {
        if (!this.#isClosed) this.#handlers.refused(peer);
      },
      answer: (...question) => this.#topics.answer(...question),
    };
  }

  #read(body: Uint8Array, limit: 'gossip' | 'stream'): Message | null {
    const decoded = decodeMessage(body, limit);
    if ('message' in decoded) return decoded.message;
    this.#handlers.log('debug', 'message.rejected', { reason: decoded.rejected });
    return null;
  }
}
