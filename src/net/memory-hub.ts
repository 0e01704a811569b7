import type { PeerId } from '../core/ids.ts';
import type { Message } from '../core/message.ts';

/** What the hub needs of an end: one running peer. */
export interface HubEnd {
  readonly self: PeerId;
  arrived(from: PeerId, message: Message): void;
  linked(peer: PeerId): void;
  unlinked(peer: PeerId, reset: boolean): void;
  refused(peer: PeerId): void;
  /** See Topics.answer. */
  answer(
    from: PeerId,
    topic: string,
    request: Uint8Array,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

/** The wires between the memory networks of one process. Everything arrives asynchronously. */
export class MemoryHub {
  readonly #ends = new Map<PeerId, HubEnd>();
  readonly #links = new Set<string>();
  readonly #cuts = new Set<string>();
  /** Who wants to be connected to whom, running or not. */
  readonly #wishes = new Map<PeerId, Set<PeerId>>();

  /** Starts a peer; those that know it are connected to it again. */
  attach(end: HubEnd): void {
    this.#ends.set(end.self, end);
    for (const [peer, wishes] of this.#wishes) if (wishes.has(end.self)) this.link(peer, end.self);
    for (const peer of this.#wishes.get(end.self) ?? []) this.link(end.self, peer);
  }

  /** Ends a peer. reset: as by SIGKILL, without a farewell. */
  detach(self: PeerId, reset: boolean): void {
    const others = this.linkedTo(self);
    this.#ends.delete(self);
    for (const peer of others) this.#unlink(self, peer, reset);
  }

  isAttached(peer: PeerId): boolean {
    return this.#ends.has(peer);
  }

  /** `from` wants a link to `to`, now and after each loss. */
  wish(from: PeerId, to: PeerId): void {
    const wishes = this.#wishes.get(from) ?? new Set();
    this.#wishes.set(from, wishes.add(to));
    this.link(from, to);
  }

  unwish(from: PeerId, to: PeerId): void {
    this.#wishes.get(from)?.delete(to);
  }

  /** Links two running peers unless the wire is cut; tells `from` when there is nobody. */
  link(from: PeerId, to: PeerId): boolean {
    if (from === to || !this.#ends.has(from) || this.#cuts.has(pair(from, to))) return false;
    if (!this.#ends.has(to)) {
      queueMicrotask(() => this.#ends.get(from)?.refused(to));
      return false;
    }
    if (this.isLinked(from, to)) return true;
    this.#links.add(pair(from, to));
    queueMicrotask(() => {
      if (!this.isLinked(from, to)) return;
      this.#ends.get(from)?.linked(to);
      this.#ends.get(to)?.linked(from);
    });
    return true;
  }

  /** Cuts the wire between two peers: no link, no message, and no evidence that either died. */
  cut(a: PeerId, b: PeerId): void {
    this.#cuts.add(pair(a, b));
    this.#unlink(a, b, false);
  }

  /** Mends a cut wire; peers that know each other are linked again. */
  mend(a: PeerId, b: PeerId): void {
    this.#cuts.delete(pair(a, b));
    if (this.#wishes.get(a)?.has(b) === true) this.link(a, b);
    if (this.#wishes.get(b)?.has(a) === true) this.link(b, a);
  }

  isLinked(a: PeerId, b: PeerId): boolean {
    return this.#links.has(pair(a, b));
  }

  linkedTo(peer: PeerId): PeerId[] {
    return [...this.#ends.keys()].filter((other) => this.isLinked(peer, other));
  }

  /** All that gossip from a peer reaches, over others if need be. */
  reachableFrom(peer: PeerId): PeerId[] {
    const seen = new Set([peer]);
    for (const next of seen) for (const other of this.linkedTo(next)) seen.add(other);
    seen.delete(peer);
    return [...seen];
  }

  /** The other end of a link, when both run. */
  endOf(from: PeerId, to: PeerId): HubEnd | undefined {
    return this.isLinked(from, to) ? this.#ends.get(to) : undefined;
  }

  /** Delivers later, in order, unless the receiver or (direct) the link is gone by then. */
  deliver(from: PeerId, to: PeerId, direct: boolean, read: () => Message | null): void {
    const end = this.#ends.get(to);
    queueMicrotask(() => {
      if (end === undefined || this.#ends.get(to) !== end) return;
      if (direct && !this.isLinked(from, to)) return;
      const message = read();
      if (message !== null) end.arrived(from, message);
    });
  }

  #unlink(a: PeerId, b: PeerId, reset: boolean): void {
    if (!this.#links.delete(pair(a, b))) return;
    const [endA, endB] = [this.#ends.get(a), this.#ends.get(b)];
    queueMicrotask(() => {
      endA?.unlinked(b, reset);
      endB?.unlinked(a, reset);
    });
  }
}

function pair(a: PeerId, b: PeerId): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
