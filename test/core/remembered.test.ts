import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Computation } from '../../src/core/computation.ts';
import { IntervalSet } from '../../src/core/interval-set.ts';
import { leased } from '../../src/core/lease-book.ts';
import { type Ground, type Limits, NO_LIMITS } from '../../src/core/limits.ts';
import {
  eligible,
  HOLDERS,
  holdersOf,
  liveContenders,
  livingStorers,
  rosterContenders,
} from '../../src/core/membership.ts';
import { newPeerState, type PeerState } from '../../src/core/peer-state.ts';
import type { Lease, Register } from '../../src/core/register.ts';
import { rendezvousOwner, rendezvousRank } from '../../src/core/rendezvous.ts';
import { neighbours } from '../../src/core/sync.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { Turn } from '../../src/core/turn.ts';
import { sha256, sha256Hasher } from '../sim/world/machine.ts';
import { Random } from '../sim/world/random.ts';
import { owned } from './owned-lease.ts';

const MATH = 'aa'.repeat(8);
const IDS = [sha256('one computation'), sha256('another')] as const;
/** Leases at other limits compete for another ground. */
const LIMITS: readonly Limits[] = [NO_LIMITS, { timeoutMs: 1000, memoryBytes: null }];
const PEERS = ['anna', 'bert', 'carl', 'dora'] as const;

const lease: fc.Arbitrary<Lease> = fc
  .record({
    id: fc.integer({ min: 1, max: 6 }),
    computation: fc.constantFrom(...IDS),
    job: fc.constant(sha256('job')),
    lo: fc.nat(40),
    length: fc.integer({ min: 1, max: 9 }),
    limits: fc.constantFrom(...LIMITS),
    copy: fc.boolean(),
    running: fc.boolean(),
    segment: fc.option(fc.nat(3)),
  })
  .map(({ lo, length, segment, ...rest }) => ({
    ...{ ...rest, lo, hi: lo + length },
    ...(segment === null ? {} : { segment }),
  }));
/** Those of the first computation without limits come first. */
function groundsOf(computations: readonly Computation[]): Ground[] {
  return computations.flatMap(({ id }) => LIMITS.map((limits) => ({ computation: id, limits })));
}

function isOn({ computation, limits }: Lease, ground: Ground): boolean {
  const { timeoutMs } = ground.limits;
  return computation === ground.computation && limits.timeoutMs === timeoutMs;
}

const peer = fc.constantFrom(...PEERS);

/** What happens to a roster, and to this peer itself. */
const happening = fc.oneof(
  { arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.nat(4000) }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.nat(400_000) }), weight: 1 },
  {
    arbitrary: fc.record({
      ...{ kind: fc.constant('hear'), peer, leases: fc.array(lease, { maxLength: 5 }) },
      ...{ restart: fc.nat(9), slots: fc.nat(3), heartbeatMs: fc.constantFrom(500, 1000, 3000) },
      ...{ leaving: fc.nat(9), stores: fc.nat(9), refuses: fc.nat(9), alien: fc.nat(9) },
    }),
    weight: 8,
  },
  { arbitrary: fc.record({ kind: fc.constant('again'), peer }), weight: 4 },
  { arbitrary: fc.record({ kind: fc.constant('link'), peer, stands: fc.boolean() }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('evidence'), peer }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('stretch'), ms: fc.nat(20_000) }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('expire') }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('disk'), full: fc.boolean() }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('refuse'), refuse: fc.boolean() }), weight: 1 },
  { arbitrary: fc.record({ kind: fc.constant('claim'), lease }), weight: 2 },
  { arbitrary: fc.record({ kind: fc.constant('release') }), weight: 1 },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

/** A peer that others are told to, with its clock. */
class Listener {
  readonly state: PeerState;
  readonly computations: readonly Computation[];
  now = 1000;
  #sequence = 0;
  #incarnation = 1;

  constructor() {
    const self = { peer: 'self', name: 'self', version: '0', slots: 2, mathClass: MATH };
    this.state = newPeerState(self, { incarnation: 1, nonce: '00'.repeat(8) }, DEFAULT_TIMING);
    const hash = sha256('');
    const spec = { program: hash, params: hash, seed: 0, items: null, contract: 1 };
    this.computations = IDS.map(
      (id) => new Computation(id, { ...spec, mathClass: MATH, commandsOf: null }),
    );
    for (const one of this.computations) this.state.computations.set(one.id, one);
  }

  get turn(): Turn {
    const { now } = this;
    const sign = () => new Uint8Array();
    const rng = new Random('remembered').next;
    return new Turn(this.state, {
      now,
      rng,
      hash: sha256,
      hasher: sha256Hasher,
      sign,
      verify: () => true,
    });
  }

  meet(what: Happening): void {
    const { roster } = this.state;
    if (what.kind === 'pass' && 'ms' in what) this.now += what.ms;
    else if (what.kind === 'stretch' && 'ms' in what) {
      this.now += what.ms;
      roster.stretch(what.ms);
    } else if ('slots' in what) this.#hear(what);
    else if (what.kind === 'again' && 'peer' in what) {
      const known = roster.get(what.peer)?.register;
      if (known !== undefined) roster.hear({ ...known, sequence: ++this.#sequence }, this.now);
    } else if ('stands' in what) roster.connected(what.peer, what.stands);
    else if (what.kind === 'evidence' && 'peer' in what) roster.evidence(what.peer, this.now);
    else if (what.kind === 'expire') roster.expire(this.now);
    else if ('full' in what) this.state.diskFull = what.full;
    else if ('refuse' in what) {
      if (what.refuse) this.state.refuses.set(IDS[0], 'setup');
      else this.state.refuses.delete(IDS[0]);
    } else if ('lease' in what) this.state.leases.push(owned(what.lease));
    else if (what.kind === 'release') this.state.leases = this.state.leases.slice(1);
  }

  #hear(what: Extract<Happening, { slots: number }>): void {
    if (what.restart === 0) this.#incarnation++;
    const register: Register = {
      ...{ peer: what.peer, name: what.peer, version: '0', addresses: [], leases: what.leases },
      start: { incarnation: this.#incarnation, nonce: '00'.repeat(8) },
      ...{ sequence: ++this.#sequence, slots: what.slots, heartbeatMs: what.heartbeatMs },
      mathClass: what.alien === 0 ? 'bb'.repeat(8) : MATH,
      tags: [],
      refuses: what.refuses === 0 ? [IDS[0]] : [],
      ...{ leaving: what.leaving === 0, stores: what.stores !== 0, load: null },
    };
    this.state.roster.hear(register, this.now);
  }
}

/** Runs a check after each of a list of happenings. */
function always(check: (listener: Listener) => void): void {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 40 }), (story) => {
      const listener = new Listener();
      for (const what of story) {
        listener.meet(what);
        check(listener);
      }
    }),
    { numRuns: 300 },
  );
}

/** All others that are not dead, as a look at each one says. */
function living({ state, now }: Listener) {
  const { roster } = state;
  return PEERS.flatMap((peer) => {
    const view = roster.get(peer);
    return view === undefined || roster.state(view, now) === 'dead' ? [] : [view];
  });
}

function fits({ register }: { register: Register }, { id, spec }: Computation): boolean {
  const { slots, stores, leaving, mathClass, refuses } = register;
  return slots > 0 && stores && !leaving && mathClass === spec.mathClass && !refuses.includes(id);
}

describe('what is remembered of the roster is what a fresh look finds:', () => {
  test('who may evaluate, and whose a block is', () => {
    always((listener) => {
      const { turn, state, computations } = listener;
      for (const one of computations) {
        const own = eligible(turn, one) ? [{ peer: 'self', slots: 2 }] : [];
        const views = PEERS.flatMap((peer) => state.roster.get(peer) ?? []);
        const contender = ({ register: { peer, slots } }: { register: Register }) => ({
          ...{ peer, slots },
        });
        const all = [...own, ...views.filter((view) => fits(view, one)).map(contender)];
        const live = [
          ...own,
          ...living(listener)
            .filter((v) => fits(v, one))
            .map(contender),
        ];
        expect(rosterContenders(turn, one).list).toEqual(all);
        expect(liveContenders(turn, one).list).toEqual(live);
        expect(liveContenders(turn, one).slots).toBe(live.reduce((sum, c) => sum + c.slots, 0));
        for (const block of [3, 7, 3 + 4096]) {
          const owner = rendezvousOwner(one.id, block, all);
          expect(rosterContenders(turn, one).owner(block)).toBe(owner);
          expect(liveContenders(turn, one).owner(block)).toBe(rendezvousOwner(one.id, block, live));
        }
        for (const peer of ['self', ...PEERS]) {
          const lives = live.some((c) => c.peer === peer);
          expect(liveContenders(turn, one).has(peer)).toBe(lives);
        }
      }
    });
  });

  test('who keeps records, who holds a computation, who is near', () => {
    always((listener) => {
      const { turn, state, computations } = listener;
      const keep = living(listener).filter(({ register }) => register.stores);
      const storers = [
        ...keep.map(({ register }) => register.peer),
        ...(state.diskFull ? [] : ['self']),
      ].sort();
      expect(livingStorers(turn)).toEqual(storers);
      for (const one of computations) {
        for (const owner of ['anna', 'self', 'nobody']) {
          const first = storers.includes(owner) ? [owner] : [];
          const others = storers.filter((p) => p !== owner).map((p) => ({ peer: p, slots: 1 }));
          const rest = rendezvousRank(one.id, others, HOLDERS - first.length);
          expect(holdersOf(turn, one, owner)).toEqual([...first, ...rest]);
        }
      }
      const near = living(listener).filter(({ connected }) => connected);
      expect(neighbours(turn)).toEqual(near.map(({ register }) => register.peer));
    });
  });

  test('what leases cover', () => {
    always((listener) => {
      const { turn, state, computations, now } = listener;
      for (const ground of groundsOf(computations)) {
        const cover = new IntervalSet();
        for (const { lease: own } of state.leases) {
          if (isOn(own, ground)) cover.add(own.lo, own.hi);
        }
        for (const [, view] of state.roster.all()) {
          for (const theirs of view.register.leases) {
            if (!isOn(theirs, ground) || !state.roster.holds(view, theirs, now)) continue;
            cover.add(theirs.lo, theirs.hi);
          }
        }
        expect(leased(turn, ground).toArray()).toEqual(cover.toArray());
      }
    });
  });

  test('which leases stand for long', () => {
    always(({ state, computations, now }) => {
      const { roster } = state;
      for (const [k, ground] of groundsOf(computations).entries()) {
        const leastMs = [700, 6000][k] ?? 0;
        const aged = roster.all().flatMap(([peer, view]) =>
          view.register.leases
            .filter((each) => isOn(each, ground))
            .filter((each) => each.segment === undefined && roster.holds(view, each, now))
            .map((each) => ({ peer, lease: each, age: now - (view.leaseSeen.get(each.id) ?? now) }))
            .filter(({ age }) => age >= leastMs),
        );
        expect(roster.agedLeases(ground, leastMs, now)).toEqual(aged);
      }
    });
  });

  test('who is off the roster', () => {
    always(({ state, now }) => {
      const { roster } = state;
      const due = roster.all().filter(([, view]) => {
        const silent = now - view.heardAt;
        return silent > 600_000 || (view.register.leaving && silent > 7000);
      });
      expect(roster.expire(now).sort()).toEqual(due.map(([peer]) => peer));
      expect(roster.all().map(([peer]) => peer)).toEqual(
        PEERS.filter((peer) => roster.get(peer) !== undefined),
      );
    });
  });
});

describe('a lease', () => {
  const HOUR = 3_600_000;
  const RUN: Lease = {
    ...{ id: 1, computation: IDS[0], job: sha256('job'), lo: 0, hi: 8 },
    ...{ limits: NO_LIMITS, copy: false, running: true },
  };
  const LATER: Lease = { ...RUN, lo: 20, hi: 22 };

  function told(listener: Listener, peer: 'anna' | 'bert', leases: Lease[]): void {
    const ways = { restart: 9, slots: 1, heartbeatMs: 1000, alien: 9 } as const;
    const what = { kind: 'hear', peer, leases, leaving: 9, stores: 9, refuses: 9 } as const;
    listener.meet({ ...what, ...ways });
  }

  function lives({ turn, computations }: Listener): boolean | undefined {
    return computations.map((one) => liveContenders(turn, one).has('anna'))[0];
  }

  function covered({ turn, computations }: Listener): unknown {
    return groundsOf(computations).map((ground) => leased(turn, ground).toArray())[0];
  }

  function aged({ state, now }: Listener): number[] {
    return state.roster
      .agedLeases({ computation: IDS[0], limits: NO_LIMITS }, HOUR, now)
      .map(({ lease: { lo } }) => lo);
  }

  test('of a peer off the roster counts no more, also when no look came between', () => {
    const listener = new Listener();
    told(listener, 'anna', [RUN]);
    listener.now += 700_000;
    expect(listener.state.roster.expire(listener.now)).toEqual(['anna']);
    expect(covered(listener)).toEqual([]);
  });

  test('of a peer that seemed dead counts again when only this one stood still', () => {
    const listener = new Listener();
    told(listener, 'anna', [RUN]);
    listener.state.roster.evidence('anna', listener.now);
    listener.now += 1000;
    expect(covered(listener)).toEqual([]);
    expect(lives(listener)).toBe(false);
    listener.state.roster.stretch(900);
    expect(covered(listener)).toEqual([[0, 8]]);
    expect(lives(listener)).toBe(true);
  });

  test('of an hour outlasts a silence of half a minute, and stands again after a stall', () => {
    const listener = new Listener();
    told(listener, 'anna', [RUN]);
    listener.now += HOUR;
    told(listener, 'anna', [RUN]);
    listener.now += 30_000;
    told(listener, 'bert', [LATER]);
    expect(covered(listener)).toEqual([
      [0, 8],
      [20, 22],
    ]);
    expect(aged(listener)).toEqual([0]);
    listener.now += 6500;
    expect(covered(listener)).toEqual([[20, 22]]);
    expect(aged(listener)).toEqual([]);
    listener.state.roster.stretch(6400);
    expect(covered(listener)).toEqual([
      [0, 8],
      [20, 22],
    ]);
    expect(aged(listener)).toEqual([0]);
  });
});
