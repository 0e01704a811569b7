import { createHash } from 'node:crypto';
import type { PeerId as LibPeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import type { PeerId } from '../core/ids.ts';
import type { ReservationStore } from './node-parts.ts';
import type { Reach } from './reachability.ts';

/** Relays kept: when one dies, the other still leads here. */
const WANTED = 2;

/** Reservations possible at once: two that lead here from afar may join two from nearby. */
export const RELAY_SLOTS = 4;

const LOOK_MS = 2000;
const AGAIN_MS = [2000, 5000, 15_000, 60_000];

/**
 * A peer that listens may simply not have been dialed yet: so long it waits before it uses relays
 * of its own subnet.
 */
const PATIENCE_MS = 5000;

/** A member that may relay. */
export interface RelayCandidate {
  readonly peer: PeerId;
  readonly reach: Reach;
}

/** What the relays need of their owner. */
export interface RelaysOptions {
  readonly self: PeerId;
  /** Whether it listens on anything. */
  readonly listens: boolean;
  readonly store: () => ReservationStore;
  /** This peer's own reach. */
  readonly reach: () => Reach;
  /** Members with a direct connection. */
  readonly candidates: () => readonly RelayCandidate[];
  /** The relays held are others now. */
  readonly changed: () => void;
  readonly nowMs: () => number;
  readonly log: (event: string, fields: object) => void;
}

/**
 * Keeps a place on two relays while nobody from another network has reached this peer directly:
 * of members that were reached from other networks, and, while nobody at all has reached this
 * peer, of members reached from nearby. Whether it is needed is not guessed; a place costs next to
 * nothing.
 */
export class Relays {
  readonly #options: RelaysOptions;
  readonly #held = new Set<PeerId>();
  readonly #asking = new Set<PeerId>();
  readonly #failed = new Map<PeerId, { times: number; dueMs: number }>();
  readonly #timer: NodeJS.Timeout;
  #aloneUntilMs: number;
  #isClosed = false;

  constructor(options: RelaysOptions) {
    this.#options = options;
    this.#aloneUntilMs = options.listens ? Number.POSITIVE_INFINITY : 0;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  /** To be called once the node runs. */
  start(): void {
    const store = this.#options.store();
    store.addEventListener('relay:removed', (event) => {
      const { relay } = (event as CustomEvent<{ relay: LibPeerId }>).detail;
      if (this.#isClosed || !this.#held.delete(relay.toString())) return;
      this.#options.log('relay.lost', { relay: relay.toString() });
      this.#options.changed();
      this.look();
    });
  }

  /** Members that relay for this peer now, those that were reached from afar first. */
  held(): PeerId[] {
    const reaches = new Map(this.#options.candidates().map(({ peer, reach }) => [peer, reach]));
    const isFar = (peer: PeerId): number => (reaches.get(peer) === 'far' ? 0 : 1);
    return [...this.#held].sort((a, b) => isFar(a) - isFar(b)).slice(0, WANTED);
  }

  /** To be called after each change of connections or of anybody's reach. */
  look(): void {
    if (this.#isClosed || this.#options.reach() === 'far') return;
    const candidates = this.#options.candidates();
    const nowMs = this.#options.nowMs();
    if (candidates.length > 0) {
      this.#aloneUntilMs = Math.min(this.#aloneUntilMs, nowMs + PATIENCE_MS);
    }
    this.#fill(candidates.filter(({ reach }) => reach === 'far'));
    if (this.#options.reach() !== 'none' || nowMs < this.#aloneUntilMs) return;
    this.#fill(candidates.filter(({ reach }) => reach !== 'none'));
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  #fill(candidates: readonly RelayCandidate[]): void {
    const nowMs = this.#options.nowMs();
    const taken = candidates.filter(({ peer }) => this.#held.has(peer) || this.#asking.has(peer));
    const free = candidates
      .filter((each) => !taken.includes(each) && (this.#failed.get(each.peer)?.dueMs ?? 0) <= nowMs)
      // Every peer has an order of its own, so that not all of them crowd on the same relays.
      .sort((a, b) => (this.#order(a.peer) < this.#order(b.peer) ? -1 : 1));
    for (const { peer } of free.slice(0, Math.max(0, WANTED - taken.length))) this.#ask(peer);
  }

  #order(relay: PeerId): string {
    return createHash('sha256').update(`${this.#options.self} ${relay}`).digest('hex');
  }

  #ask(peer: PeerId): void {
    if (this.#held.size + this.#asking.size >= RELAY_SLOTS) return;
    this.#asking.add(peer);
    this.#reserve(peer)
      .then(
        () => this.#granted(peer),
        (error: unknown) => this.#refused(peer, error),
      )
      .finally(() => this.#asking.delete(peer));
  }

  async #reserve(peer: PeerId): Promise<void> {
    await this.#options.store().addRelay(peerIdFromString(peer), 'discovered');
  }

  #granted(peer: PeerId): void {
    this.#failed.delete(peer);
    // The relay may be gone again by now; its end was told before it was held.
    if (this.#isClosed || !this.#options.store().hasReservation(peerIdFromString(peer))) return;
    this.#held.add(peer);
    this.#options.log('relay.held', { relay: peer });
    this.#options.changed();
  }

  #refused(peer: PeerId, error: unknown): void {
    if (this.#isClosed) return;
    const times = this.#failed.get(peer)?.times ?? 0;
    const waitMs = AGAIN_MS[Math.min(times, AGAIN_MS.length - 1)] ?? 0;
    this.#failed.set(peer, { times: times + 1, dueMs: this.#options.nowMs() + waitMs });
    const reason = error instanceof Error ? error.message : String(error);
    this.#options.log('relay.refused', { relay: peer, reason });
    // libp2p never asks a relay again that was gone when it was asked, unless told to begin anew.
    if (/previously invalid/.test(reason)) this.#options.store().reserveRelay();
  }
}
