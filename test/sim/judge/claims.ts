import type { Effect, PeerEvent } from '../../../src/core/event.ts';
import { type Ground, NO_LIMITS, sameGround } from '../../../src/core/limits.ts';
import type { OwnLease, PeerState } from '../../../src/core/peer-state.ts';
import type { Lease, Register } from '../../../src/core/register.ts';
import { type Machine, sha256 } from '../world/machine.ts';
import type { Observer, World } from '../world/world.ts';
import { Violation } from './violation.ts';

/** Copies of an interval that may run at a time. */
const MAX_COPIES = 2;

const NO_LEASE = { id: 0, job: '', copy: false, running: false } as const;

/** E1: holds each claim against what its peer knew of the others' leases and outcomes. */
export class Claims implements Observer {
  readonly #world: World;
  /** Leases whose interval was covered without a record of another peer. */
  readonly #covered = new WeakSet<OwnLease>();
  /** The last sequence heard, by hearer and start: what comes twice is no news. */
  readonly #newest = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  #fail(what: string): never {
    throw new Violation('E1', this.#world.now, what);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    const { state } = machine;
    if (state === null || !state.booted) return;
    for (const effect of effects) {
      if (effect.kind !== 'log' || effect.event !== 'lease.claimed') continue;
      this.#checkClaim(machine, state, effect.fields);
    }
    this.#checkCovered(machine, state, event);
    if (event.kind === 'wall') this.#checkDead(machine, state);
    if (event.kind === 'message' && event.message.kind === 'heartbeat') {
      this.#checkYield(machine, state, event.message.register);
    }
  }

  /**
   * L2: what a dead peer held is free. A lease that ran for long counts for a while longer: 1 % of
   * its age.
   */
  #checkDead({ plan, clock }: Machine, state: PeerState): void {
    const { roster, timing, jobs } = state;
    for (const { active, ground } of jobs.values()) {
      if (!active) continue;
      for (const { peer, lease, age } of roster.openLeases(ground, clock)) {
        const view = roster.get(peer);
        if (view === undefined || roster.state(view, clock) !== 'dead') continue;
        if (lease.running && clock - view.heardAt < Math.max(timing.deadMs, age / 100)) continue;
        const what = `${lease.lo}–${lease.hi} of ${peer}, which it holds dead`;
        throw new Violation('L2', this.#world.now, `${plan.name} leaves ${what}`);
      }
    }
  }

  /** What another peer holds is not claimed, and not copied more than twice. */
  #checkClaim(
    machine: Machine,
    state: PeerState,
    { purpose, computation, job, lo, hi }: Record<string, unknown>,
  ): void {
    const limits = state.jobs.get(String(job))?.limits ?? NO_LIMITS;
    const ground = { computation: String(computation), limits };
    const overlaps = (lease: Lease): boolean =>
      sameGround(lease, ground) && lease.lo < Number(hi) && lease.hi > Number(lo);
    const theirs = state.roster
      .all()
      .filter(([, view]) => state.roster.state(view, machine.clock) !== 'dead')
      .flatMap(([, { register }]) => register.leases.filter(overlaps))
      // What failed alone is over where its lease is, although no outcome comes of it.
      .filter(({ segment }) => purpose !== 'single' || segment === undefined);
    const where = `${machine.plan.name} claims ${lo}–${hi}`;
    if (purpose === 'lost') this.#checkPatience(machine, state, ground, overlaps);
    if (purpose === 'copy') {
      const own = state.leases.filter(({ lease }) => overlaps(lease));
      const all = [...theirs, ...own.map(({ lease }) => lease)];
      const copies = all.filter(({ copy, segment }) => copy && segment === undefined);
      if (copies.length > MAX_COPIES) this.#fail(`${where} as copy ${copies.length}`);
    } else if (purpose !== 'dispute' && theirs.length > 0) {
      this.#fail(`${where}, which another peer holds`);
    }
  }

  /** What three processes or more ended with is not tried again before its time. */
  #checkPatience(
    machine: Machine,
    state: PeerState,
    ground: Ground,
    overlaps: (lease: Lease) => boolean,
  ): void {
    const losses = state.computations.get(ground.computation)?.losses ?? [];
    const over = losses.filter(({ lo, hi }) => overlaps({ ...NO_LEASE, ...ground, lo, hi }));
    if (over.length < 3) return;
    const { lostMs } = state.timing;
    const times = over.map(({ at }) => at).sort((a, b) => a - b);
    // Machines that fell together, before they could tell of it, count as one.
    let waitMs = lostMs;
    for (let k = 1; k < times.length; k++) {
      if ((times[k] ?? 0) - (times[k - 1] ?? 0) >= lostMs) waitMs *= 2;
    }
    const sinceMs = machine.clock - (times.at(-1) ?? 0);
    if (sinceMs >= waitMs) return;
    const what = `what was lost ${over.length} times, after ${Math.round(sinceMs)} ms`;
    this.#fail(`${machine.plan.name} tries again ${what}`);
  }

  /** What an arriving record covers is not evaluated on. */
  #checkCovered(machine: Machine, state: PeerState, event: PeerEvent): void {
    for (const own of state.leases) {
      const { lo, hi, segment, computation } = own.lease;
      if (segment !== undefined || own.purpose === 'dispute' || this.#covered.has(own)) continue;
      const known = state.computations.get(computation);
      // A value that was lost is evaluated again, although its index is covered.
      if (known?.coverage.covers(lo, hi) !== true || known.missing.overlaps(lo, hi)) continue;
      this.#covered.add(own);
      const endsAt = own.stopping === 'kill' ? machine.clock : (own.killAt ?? Infinity);
      const isTold = endsAt <= machine.clock + state.timing.yieldGraceMs;
      if (event.kind !== 'message' || isTold) continue;
      this.#fail(`${machine.plan.name} goes on with ${lo}–${hi}, which has come`);
    }
  }

  /** Of two peers whose leases overlap, one gives way at once. */
  #checkYield({ plan, clock, run }: Machine, state: PeerState, register: Register): void {
    const { peer, leases, leaving, sequence } = register;
    const about = `${plan.number} ${run} ${peer} ${register.start.nonce}`;
    const isNews = (this.#newest.get(about) ?? -1) < sequence;
    if (isNews) this.#newest.set(about, sequence);
    if (!isNews || leaving || state.roster.get(peer)?.register.leases !== leases) return;
    for (const other of leases) {
      if (other.copy || other.segment !== undefined) continue;
      for (const { lease, startedAt, stopping } of state.leases) {
        const isOpen = lease.segment === undefined && !lease.copy && stopping === null;
        const isOver = lease.lo < other.hi && lease.hi > other.lo;
        if (!isOpen || !isOver || !sameGround(lease, other)) continue;
        if (startedAt !== null && clock - startedAt >= state.timing.yieldMs) continue;
        if (rank(lease, state.self.peer) < rank(other, peer)) continue;
        this.#fail(`${plan.name} keeps ${lease.lo}–${lease.hi}, which ${peer} holds`);
      }
    }
  }
}

/** The lower one holds. */
function rank({ computation, lo }: Lease, peer: string): string {
  return sha256(`${computation} ${lo} ${peer}`);
}
