import { compareStarts, type PeerId } from './ids.ts';
import type { Lease, Register } from './register.ts';
import type { Timing } from './timing.ts';

/** How a peer looks from here. */
export type PeerState = 'alive' | 'suspect' | 'dead';

/** What this peer knows of another one; times are on its own monotonic clock. */
export interface PeerView {
  register: Register;
  heardAt: number;
  /** When a broken direct connection or a refused dial told of its death; null without. */
  evidenceAt: number | null;
  connected: boolean;
  /** The state that the log last told. */
  told: PeerState;
  /** When each lease of its register was first seen. */
  readonly leaseSeen: Map<number, number>;
}

/** Newest registers and signs of life of all other peers heard of in the last ten minutes. */
export class Roster {
  readonly #views = new Map<PeerId, PeerView>();
  readonly #timing: Timing;

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  get(peer: PeerId): PeerView | undefined {
    return this.#views.get(peer);
  }

  /** All views in the order of their ids. */
  all(): [PeerId, PeerView][] {
    return [...this.#views].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  get size(): number {
    return this.#views.size;
  }

  /** Takes a register that its peer sent. True when it is newer than what was known. */
  hear(register: Register, now: number): boolean {
    const view = this.#views.get(register.peer);
    if (view === undefined) {
      const leaseSeen = new Map(register.leases.map((lease) => [lease.id, now]));
      this.#views.set(register.peer, {
        register,
        heardAt: now,
        evidenceAt: null,
        connected: false,
        told: 'alive',
        leaseSeen,
      });
      return true;
    }
    const order = compareStarts(register.start, view.register.start);
    if (order < 0 || (order === 0 && register.sequence <= view.register.sequence)) return false;
    if (order > 0) view.leaseSeen.clear();
    const ids = new Set(register.leases.map((lease) => lease.id));
    for (const id of view.leaseSeen.keys()) if (!ids.has(id)) view.leaseSeen.delete(id);
    for (const id of ids) if (!view.leaseSeen.has(id)) view.leaseSeen.set(id, now);
    view.register = register;
    view.heardAt = now;
    view.evidenceAt = null;
    return true;
  }

  connected(peer: PeerId, connected: boolean): void {
    const view = this.#views.get(peer);
    if (view !== undefined) view.connected = connected;
  }

  /** Notes direct evidence that a peer's process is gone. */
  evidence(peer: PeerId, now: number): void {
    const view = this.#views.get(peer);
    if (view !== undefined) view.evidenceAt ??= now;
  }

  /** This peer's own loop stood still: it could not hear, so silence meanwhile does not count. */
  stretch(gapMs: number): void {
    for (const view of this.#views.values()) {
      view.heardAt += gapMs;
      view.evidenceAt = null;
      for (const [id, at] of view.leaseSeen) view.leaseSeen.set(id, at + gapMs);
    }
  }

  state(view: PeerView, now: number): PeerState {
    if (view.register.leaving) return 'dead';
    const silent = now - view.heardAt;
    const interval = view.register.heartbeatMs;
    if (silent > this.#deadAfter(view)) return 'dead';
    if (view.evidenceAt !== null && now - view.evidenceAt >= this.#timing.evidenceMs) return 'dead';
    return silent > 3 * interval || view.evidenceAt !== null ? 'suspect' : 'alive';
  }

  /**
   * Says whether a lease still counts. Death voids it; by mere silence, a running lease only after
   * 1 % of its age, for a long run is worth waiting for.
   */
  holds(view: PeerView, lease: Lease, now: number): boolean {
    if (view.register.leaving) return false;
    if (this.state(view, now) !== 'dead') return true;
    if (view.evidenceAt !== null || !lease.running) return false;
    const age = view.heardAt - (view.leaseSeen.get(lease.id) ?? view.heardAt);
    return now - view.heardAt < age / 100;
  }

  /** Drops peers that were silent for ten minutes or left; returns them. */
  expire(now: number): PeerId[] {
    const gone: PeerId[] = [];
    for (const [peer, view] of this.#views) {
      const left = view.register.leaving && now - view.heardAt > this.#timing.deadMs;
      if (left || now - view.heardAt > this.#timing.rosterMs) {
        this.#views.delete(peer);
        gone.push(peer);
      }
    }
    return gone;
  }

  #deadAfter(view: PeerView): number {
    return Math.max(this.#timing.deadMs, 6 * view.register.heartbeatMs + 1000);
  }
}
