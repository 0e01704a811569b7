import { compareStarts, type PeerId } from './ids.ts';
import { IntervalBag } from './interval-bag.ts';
import { IntervalSet } from './interval-set.ts';
import { type Ground, groundKey, sameGround } from './limits.ts';
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
  /** When it was last told that its start is not its latest. */
  hintedAt: number;
  /** When each lease of its register was first seen. */
  readonly leaseSeen: Map<number, number>;
}

/** The leases of one ground. */
interface Held {
  readonly bag: IntervalBag;
  /** No open lease was seen first before it. */
  oldestAt: number;
}

/** An open lease with how long it has been known, in ms. */
export interface AgedLease {
  readonly peer: PeerId;
  readonly lease: Lease;
  readonly age: number;
}

/** Peers above which each of them tells what it has to tell more rarely. */
const DENSE_PEERS = 100;

/** Silence that may be a partition's; after a longer one its cause does not matter. In ms. */
const CUT_OFF_MS = 120_000;

/** A moment in ms by which the roster looks early at what time changes, for rounding's sake. */
const EARLY_MS = 1;

/** Newest registers and signs of life of all other peers heard of in the last ten minutes. */
export class Roster {
  readonly #views = new Map<PeerId, PeerView>();
  readonly #timing: Timing;
  /** All views in the order of their ids; null when peers came or went since. */
  #sorted: readonly (readonly [PeerId, PeerView])[] | null = null;
  #revision = 0;
  /** Those that were dead when last looked at; their leases are not in `#leases`. */
  readonly #dead = new Set<PeerView>();
  /** Before it nobody dies of silence or evidence, and nobody is off the roster. */
  #nextDeathAt = Number.POSITIVE_INFINITY;
  #nextExpiryAt = Number.POSITIVE_INFINITY;
  /** Leases of those that are not in `#dead`. */
  readonly #held = new Map<string, Held>();
  readonly #nothing = new IntervalSet();

  constructor(timing: Timing) {
    this.#timing = timing;
  }

  get(peer: PeerId): PeerView | undefined {
    return this.#views.get(peer);
  }

  /** All views in the order of their ids. */
  all(): readonly (readonly [PeerId, PeerView])[] {
    this.#sorted ??= [...this.#views].sort(([a], [b]) => (a < b ? -1 : 1));
    return this.#sorted;
  }

  get size(): number {
    return this.#views.size;
  }

  /** How many times rarer each peer tells something to all: 1 up to 100 peers, else peers/100. */
  get spacing(): number {
    return Math.max(1, (this.#views.size + 1) / DENSE_PEERS);
  }

  /**
   * Counts all changes but those of leases, addresses and signs of life: who is here, who is dead,
   * to whom a stream stands, and what decides which work a peer may take. Time never goes back.
   */
  revision(now: number): number {
    this.#bury(now);
    return this.#revision;
  }

  /** What the leases of a ground cover of all peers that are not dead; to be read only. */
  leases(ground: Ground, now: number): IntervalSet {
    this.#bury(now);
    return this.#held.get(groundKey(ground))?.bag.cover ?? this.#nothing;
  }

  /** Leases of the dead that still count: of the silent ones, long runs. */
  lingering(ground: Ground, now: number): Lease[] {
    this.#bury(now);
    const found: Lease[] = [];
    for (const view of this.#dead) {
      for (const lease of view.register.leases) {
        if (sameGround(lease, ground) && this.holds(view, lease, now)) found.push(lease);
      }
    }
    return found;
  }

  /**
   * Slots of the peers that fell silent lately without any evidence of their death: more likely cut
   * off than gone where they are many. One alone is more likely gone: 0.
   */
  silentSlots(now: number): number {
    this.#bury(now);
    let slots = 0;
    let peers = 0;
    for (const { register, evidenceAt, heardAt } of this.#dead) {
      if (register.leaving || evidenceAt !== null || now - heardAt > CUT_OFF_MS) continue;
      slots += register.slots;
      peers++;
    }
    return peers > 1 ? slots : 0;
  }

  /** Takes a register that its peer sent. True when it is newer than what was known. */
  hear(register: Register, now: number): boolean {
    const view = this.#views.get(register.peer);
    if (view === undefined) {
      this.#enter(register, now);
      return true;
    }
    const before = view.register;
    const order = compareStarts(register.start, before.start);
    if (order < 0 || (order === 0 && register.sequence <= before.sequence)) return false;
    if (order > 0) view.leaseSeen.clear();
    view.register = register;
    view.heardAt = now;
    view.evidenceAt = null;
    see(view, now);
    if (!this.#dead.has(view)) this.#replace(before.leases, register.leases);
    if (!sameFitness(before, register)) this.#revision++;
    this.#settle(view, now);
    return true;
  }

  connected(peer: PeerId, connected: boolean): void {
    const view = this.#views.get(peer);
    if (view === undefined || view.connected === connected) return;
    view.connected = connected;
    this.#revision++;
  }

  /** Notes direct evidence that a peer's process is gone. */
  evidence(peer: PeerId, now: number): void {
    const view = this.#views.get(peer);
    if (view === undefined) return;
    view.evidenceAt ??= now;
    this.#nextDeathAt = Math.min(this.#nextDeathAt, this.#diesAt(view));
  }

  /** This peer's own loop stood still: it could not hear, so silence meanwhile does not count. */
  stretch(gapMs: number): void {
    for (const view of this.#views.values()) {
      view.heardAt += gapMs;
      view.evidenceAt = null;
      for (const [id, at] of view.leaseSeen) view.leaseSeen.set(id, at + gapMs);
    }
    this.#nextDeathAt = Number.NEGATIVE_INFINITY;
    for (const held of this.#held.values()) held.oldestAt = Number.NEGATIVE_INFINITY;
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

  /** Open leases of a ground that count and have been known for at least so long. */
  agedLeases(ground: Ground, leastMs: number, now: number): AgedLease[] {
    const held = this.#held.get(groundKey(ground));
    if (held !== undefined && now - held.oldestAt < leastMs) return [];
    const open = this.openLeases(ground, now);
    const oldest = open.reduce((most, { age }) => Math.max(most, age), Number.NEGATIVE_INFINITY);
    if (held !== undefined) held.oldestAt = now - oldest;
    return open.filter(({ age }) => age >= leastMs);
  }

  /** Open leases of a ground that count, in the order of their peers. wanted: only such. */
  openLeases(
    ground: Ground,
    now: number,
    wanted: (lease: Lease) => boolean = () => true,
  ): AgedLease[] {
    const open: AgedLease[] = [];
    for (const [peer, view] of this.all()) {
      for (const lease of view.register.leases) {
        if (!isOpen(lease) || !sameGround(lease, ground) || !wanted(lease)) continue;
        if (!this.holds(view, lease, now)) continue;
        open.push({ peer, lease, age: now - (view.leaseSeen.get(lease.id) ?? now) });
      }
    }
    return open;
  }

  /** Drops a peer at once: its leases are void. */
  remove(peer: PeerId): void {
    const view = this.#views.get(peer);
    if (view === undefined) return;
    this.#views.delete(peer);
    if (!this.#dead.delete(view)) this.#replace(view.register.leases, []);
    this.#sorted = null;
    this.#revision++;
  }

  /** Drops peers that were silent for ten minutes or left; returns them. */
  expire(now: number): PeerId[] {
    const gone: PeerId[] = [];
    if (now < this.#nextExpiryAt) return gone;
    this.#nextExpiryAt = Number.POSITIVE_INFINITY;
    for (const [peer, view] of this.#views) {
      if (now - view.heardAt > this.#keptMs(view)) {
        this.#views.delete(peer);
        if (!this.#dead.delete(view)) this.#replace(view.register.leases, []);
        gone.push(peer);
      } else {
        this.#nextExpiryAt = Math.min(this.#nextExpiryAt, this.#goesAt(view));
      }
    }
    if (gone.length > 0) {
      this.#sorted = null;
      this.#revision++;
    }
    return gone;
  }

  #enter(register: Register, now: number): void {
    const view: PeerView = {
      register,
      heardAt: now,
      evidenceAt: null,
      connected: false,
      told: 'alive',
      hintedAt: Number.NEGATIVE_INFINITY,
      leaseSeen: new Map(),
    };
    this.#views.set(register.peer, view);
    this.#sorted = null;
    this.#revision++;
    see(view, now);
    this.#replace([], register.leases);
    this.#settle(view, now);
  }

  /** Looks after those whose time may have come since. */
  #bury(now: number): void {
    if (now < this.#nextDeathAt) return;
    this.#nextDeathAt = Number.POSITIVE_INFINITY;
    for (const view of this.#views.values()) this.#settle(view, now);
  }

  /** Notes whether a peer is dead, what that makes of its leases, and when time may change it. */
  #settle(view: PeerView, now: number): void {
    const dead = this.state(view, now) === 'dead';
    if (dead && !this.#dead.has(view)) {
      this.#dead.add(view);
      this.#replace(view.register.leases, []);
      this.#revision++;
    } else if (!dead && this.#dead.delete(view)) {
      this.#replace([], view.register.leases);
      this.#revision++;
    }
    if (!dead) {
      this.#noteAges(view);
      this.#nextDeathAt = Math.min(this.#nextDeathAt, this.#diesAt(view));
    }
    this.#nextExpiryAt = Math.min(this.#nextExpiryAt, this.#goesAt(view));
  }

  /** Counts one list of leases in the place of another: what stays is in the same order. */
  #replace(before: readonly Lease[], after: readonly Lease[]): void {
    let kept = 0;
    for (const lease of before) {
      const next = after[kept];
      if (next !== undefined && sameInterval(lease, next)) kept++;
      else this.#drop(lease);
    }
    for (const lease of after.slice(kept)) {
      const { lo, hi } = lease;
      const key = groundKey(lease);
      const held = this.#held.get(key) ?? {
        bag: new IntervalBag(),
        oldestAt: Number.NEGATIVE_INFINITY,
      };
      this.#held.set(key, held);
      held.bag.add(lo, hi);
    }
  }

  #drop(lease: Lease): void {
    const key = groundKey(lease);
    const held = this.#held.get(key);
    held?.bag.remove(lease.lo, lease.hi);
    if (held?.bag.isEmpty() === true) this.#held.delete(key);
  }

  #noteAges({ register, leaseSeen, heardAt }: PeerView): void {
    for (const lease of register.leases) {
      const held = isOpen(lease) ? this.#held.get(groundKey(lease)) : undefined;
      if (held === undefined) continue;
      held.oldestAt = Math.min(held.oldestAt, leaseSeen.get(lease.id) ?? heardAt);
    }
  }

  /** A lower bound of when silence or evidence makes a peer dead. */
  #diesAt(view: PeerView): number {
    const bySilence = view.heardAt + this.#deadAfter(view);
    const byEvidence = (view.evidenceAt ?? Number.POSITIVE_INFINITY) + this.#timing.evidenceMs;
    return Math.min(bySilence, byEvidence) - EARLY_MS;
  }

  /** A lower bound of when a peer is off the roster. */
  #goesAt(view: PeerView): number {
    return view.heardAt + this.#keptMs(view) - EARLY_MS;
  }

  /** Silence after which a peer is off the roster, in ms. */
  #keptMs({ register }: PeerView): number {
    const { deadMs, rosterMs } = this.#timing;
    return register.leaving ? Math.min(deadMs, rosterMs) : rosterMs;
  }

  #deadAfter(view: PeerView): number {
    return Math.max(this.#timing.deadMs, 6 * view.register.heartbeatMs + 1000);
  }
}

/** Notes when each lease of a register was first seen. */
function see({ register, leaseSeen }: PeerView, now: number): void {
  const ids = new Set(register.leases.map((lease) => lease.id));
  for (const id of leaseSeen.keys()) if (!ids.has(id)) leaseSeen.delete(id);
  for (const id of ids) if (!leaseSeen.has(id)) leaseSeen.set(id, now);
}

function isOpen(lease: Lease): boolean {
  return lease.segment === undefined;
}

function sameInterval(a: Lease, b: Lease): boolean {
  return a.lo === b.lo && a.hi === b.hi && sameGround(a, b);
}

/** Says whether two registers of a peer allow it the same work. */
function sameFitness(a: Register, b: Register): boolean {
  return (
    a.slots === b.slots &&
    a.mathClass === b.mathClass &&
    a.leaving === b.leaving &&
    a.stores === b.stores &&
    a.refuses.length === b.refuses.length &&
    a.refuses.every((computation, k) => computation === b.refuses[k])
  );
}
