import type { Computation } from './computation.ts';
import { servesComputation } from './duty.ts';
import type { ComputationId, PeerId } from './ids.ts';
import type { JobState } from './job-state.ts';
import { isOfClass } from './manifest.ts';
import type { Register } from './register.ts';
import { type Contender, Contenders, rendezvousRank } from './rendezvous.ts';
import type { Turn } from './turn.ts';

/** Copies of everything that is acknowledged, where there are so many peers. */
export const HOLDERS = 3;

/** Lists of holders that are remembered. */
const MAX_HOLDERS = 1024;

function fits(register: Register, computation: Computation): boolean {
  return (
    register.slots > 0 &&
    register.stores &&
    !register.leaving &&
    isOfClass(computation.spec, register.mathClass) &&
    !register.refuses.includes(computation.id)
  );
}

/** Says whether this peer may evaluate a computation. */
export function eligible(turn: Turn, computation: Computation): boolean {
  const { self, diskFull, stopped, refuses } = turn.state;
  return (
    self.slots > 0 &&
    !diskFull &&
    !stopped &&
    isOfClass(computation.spec, self.mathClass) &&
    !refuses.has(computation.id) &&
    servesComputation(turn.state, computation.id)
  );
}

/** Peers of the roster that may evaluate a computation, the suspected and dead ones included. */
export function rosterContenders(turn: Turn, computation: Computation): Contenders {
  return turn.state.members.of(turn, computation).all;
}

/** Those of them that are not dead. */
export function liveContenders(turn: Turn, computation: Computation): Contenders {
  return turn.state.members.of(turn, computation).live;
}

/** Slots of all live peers that may evaluate a computation. */
export function slotsInMesh(turn: Turn, computation: Computation): number {
  return liveContenders(turn, computation).slots;
}

/** Candidates of a job that the mesh can run at once, at least 1. */
export function runsInMesh(turn: Turn, { computation, manifest }: JobState): number {
  return Math.max(Math.floor(slotsInMesh(turn, computation) / manifest.needs.cpus), 1);
}

/** Live peers that keep records, this one included, in the order of their ids. */
export function livingStorers(turn: Turn): readonly PeerId[] {
  return turn.state.members.storers(turn);
}

/** The holders of a computation: the publisher if it is alive, then by rendezvous. */
export function holdersOf(turn: Turn, computation: Computation, owner: PeerId): readonly PeerId[] {
  return turn.state.members.holders(turn, computation, owner);
}

/** Who may evaluate a computation. */
interface Workforce {
  /** Whether this peer is one of them. */
  readonly self: boolean;
  readonly all: Contenders;
  readonly live: Contenders;
}

/** Lists of peers that follow from the roster, kept until its revision changes. */
export class Members {
  #revision = -1;
  #diskFull = false;
  #slots = -1;
  #workforces = new Map<ComputationId, Workforce>();
  /** Those of the revision before: what did not change is taken over. */
  #former = new Map<ComputationId, Workforce>();
  #storers: PeerId[] | null = null;
  #neighbours: PeerId[] | null = null;
  /** By computation and publisher. */
  readonly #holders = new Map<string, readonly PeerId[]>();

  of(turn: Turn, computation: Computation): Workforce {
    this.#follow(turn);
    const self = eligible(turn, computation);
    const known = this.#workforces.get(computation.id);
    if (known?.self === self) return known;
    const former = known ?? this.#former.get(computation.id);
    const fresh = workforce(turn, computation, self, former);
    this.#workforces.set(computation.id, fresh);
    return fresh;
  }

  storers(turn: Turn): readonly PeerId[] {
    this.#follow(turn);
    if (this.#storers !== null) return this.#storers;
    const { self, roster, diskFull } = turn.state;
    const peers = diskFull ? [] : [self.peer];
    for (const [peer, view] of roster.all()) {
      if (view.register.stores && roster.state(view, turn.now) !== 'dead') peers.push(peer);
    }
    this.#storers = peers.sort();
    return this.#storers;
  }

  neighbours(turn: Turn): readonly PeerId[] {
    this.#follow(turn);
    const { roster } = turn.state;
    this.#neighbours ??= roster
      .all()
      .filter(([, view]) => view.connected && roster.state(view, turn.now) !== 'dead')
      .map(([peer]) => peer);
    return this.#neighbours;
  }

  holders(turn: Turn, { id }: Computation, owner: PeerId): readonly PeerId[] {
    const living = this.storers(turn);
    const key = `${id} ${owner}`;
    const known = this.#holders.get(key);
    if (known !== undefined) return known;
    const first = living.includes(owner) ? [owner] : [];
    const others = living.filter((peer) => peer !== owner).map((peer) => ({ peer, slots: 1 }));
    const holders = [...first, ...rendezvousRank(id, others, HOLDERS - first.length)];
    if (this.#holders.size >= MAX_HOLDERS) this.#holders.clear();
    this.#holders.set(key, holders);
    return holders;
  }

  /** Forgets all when something changed that it follows from. */
  #follow(turn: Turn): void {
    const { roster, diskFull, computations, self } = turn.state;
    const revision = roster.revision(turn.now);
    const isSame = diskFull === this.#diskFull && self.slots === this.#slots;
    if (revision === this.#revision && isSame) return;
    this.#revision = revision;
    this.#diskFull = diskFull;
    this.#slots = self.slots;
    const last = [...this.#former, ...this.#workforces].filter(([id]) => computations.has(id));
    this.#former = new Map(last);
    this.#workforces = new Map();
    this.#storers = null;
    this.#neighbours = null;
    this.#holders.clear();
  }
}

function workforce(
  turn: Turn,
  computation: Computation,
  self: boolean,
  former: Workforce | undefined,
): Workforce {
  const { state, now } = turn;
  const { peer, slots } = state.self;
  const all: Contender[] = self ? [{ peer, slots }] : [];
  const live = [...all];
  for (const [other, view] of state.roster.all()) {
    if (!fits(view.register, computation)) continue;
    const contender = { peer: other, slots: view.register.slots };
    all.push(contender);
    if (state.roster.state(view, now) !== 'dead') live.push(contender);
  }
  const whole = former?.all.follow(all) ?? new Contenders(computation.id, all);
  const living = former?.live ?? whole;
  return { self, all: whole, live: whole.equals(live) ? whole : living.follow(live) };
}
