import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Choice, chooseNeeded } from '../../src/core/block-choice.ts';
import { Computation } from '../../src/core/computation.ts';
import { type Interval, IntervalSet } from '../../src/core/interval-set.ts';
import { JobState } from '../../src/core/job-state.ts';
import { leased } from '../../src/core/lease-book.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import { liveContenders, rosterContenders } from '../../src/core/membership.ts';
import { takeNearness } from '../../src/core/nearness.ts';
import { newPeerState, type PeerState } from '../../src/core/peer-state.ts';
import { estimate, grainOf, reachOf } from '../../src/core/reach.ts';
import type { Lease, Register } from '../../src/core/register.ts';
import { rendezvousOwner } from '../../src/core/rendezvous.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { Turn } from '../../src/core/turn.ts';
import { sha256, sha256Hasher } from '../sim/world/machine.ts';
import { Random } from '../sim/world/random.ts';
import { owned } from './owned-lease.ts';
import { PLAIN_TERMS } from './plain-terms.ts';

const HASH = sha256('computation');
const MATH = 'aa'.repeat(8);
const START = { incarnation: 1, nonce: '00'.repeat(8) };

const span = fc
  .tuple(fc.nat(150), fc.integer({ min: 1, max: 12 }))
  .map(([lo, length]): Interval => [lo, lo + length]);
const happening = fc.oneof(
  fc.record({ done: span }),
  fc.record({
    peer: fc.constantFrom('anna', 'bert', 'carl'),
    spans: fc.array(span, { maxLength: 2 }),
  }),
  fc.record({ own: span }),
  fc.record({ skip: fc.nat(150) }),
  fc.record({ stuck: fc.nat(150) }),
  fc.record({ passMs: fc.nat(9000) }),
  fc.constant({ nothing: true }),
);

/** A peer with one job, three others that hold leases, and a count of the draws. */
class Claimant {
  readonly state: PeerState;
  readonly job: JobState;
  now = 1000;
  #records = 0;

  /**
   * experienced: so many segments are in that it may look ahead up to the bound. commandsOf: whose
   * commands they are, if they are some.
   */
  constructor(experienced: boolean, commandsOf: string | null = null) {
    const self = { peer: 'self', name: 'self', version: '0', slots: 1, mathClass: MATH };
    this.state = newPeerState(self, START, DEFAULT_TIMING);
    const spec = {
      ...{
        program: HASH,
        params: HASH,
        seed: 0,
        items: null,
        contract: 1,
        mathClass: MATH,
        commandsOf,
      },
    };
    const manifest: Manifest = {
      ...{ owner: 'self', nonce: '00'.repeat(16), name: 'job', spec },
      target: { kind: 'accept', count: 30, maxEvals: 160 },
      ...PLAIN_TERMS,
      probe: { candidates: 10, accepted: 1, ms: 1000 },
    };
    this.job = new JobState(HASH, manifest, new Computation(HASH, spec), HASH, 0);
    this.state.computations.set(HASH, this.job.computation);
    for (let k = 0; experienced && k < 12; k++) this.meet({ done: [13 * k, 13 * k + 1] });
  }

  meet(what: typeof happening extends fc.Arbitrary<infer T> ? T : never): void {
    const { computation, skips } = this.job;
    if ('done' in what) {
      const [lo, hi] = what.done;
      const outcomes = { accepted: [], errors: [], fresh: false };
      computation.apply(this.#key(), {
        ...{ kind: 'segment', job: HASH, lo, hi, ms: 100 * (hi - lo), ...outcomes },
      });
    } else if ('peer' in what) this.#hear(what.peer, what.spans);
    else if ('own' in what) this.state.leases.push(owned(leaseOf(0, what.own)));
    else if ('skip' in what) skips.add(what.skip);
    else if ('stuck' in what) {
      const attempt = {
        job: HASH,
        lo: what.stuck,
        hi: what.stuck + 1,
        limits: NO_LIMITS,
        failure: 'died',
        detail: '',
      };
      for (let k = 0; k < 3; k++) {
        computation.addAttempt(this.#key(), { kind: 'attempt', ...attempt }, this.now);
      }
    } else if ('passMs' in what) this.now += what.passMs;
  }

  /** What a way to choose comes to, and how many numbers it draws. */
  chosen<T>(choose: (turn: Turn) => T): { readonly choice: T; readonly draws: number } {
    const rng = new Random(`look at ${this.now}`).next;
    let draws = 0;
    const counted = (): number => {
      draws++;
      return rng();
    };
    const { now } = this;
    const sign = () => new Uint8Array();
    const env = { now, rng: counted, hash: sha256, hasher: sha256Hasher, sign, verify: () => true };
    const choice = choose(new Turn(this.state, env));
    return { choice, draws };
  }

  /** Takes in where inputs are. */
  learn(far: readonly Interval[], held: Readonly<Record<string, readonly Interval[]>>): void {
    const told = new Map(Object.entries(held));
    this.chosen((turn) => takeNearness(turn, HASH, far, told));
  }

  /** Claims until nothing is left to claim now: all that was claimed. */
  claimed(): Interval[] {
    const all = new IntervalSet();
    for (;;) {
      const { choice } = this.chosen((turn) => chooseNeeded(turn, this.job));
      if (choice === null) return all.toArray();
      all.add(choice.lo, choice.hi);
      this.meet({ own: [choice.lo, choice.hi] });
    }
  }

  #key() {
    return { scope: HASH, origin: 'anna', start: START, n: this.#records++ };
  }

  #hear(peer: string, spans: readonly Interval[]): void {
    const register: Register = {
      ...{ peer, start: START, sequence: ++this.#records, name: peer, version: '0', slots: 1 },
      ...{
        mathClass: MATH,
        addresses: [],
        tags: [],
        refuses: [],
        heartbeatMs: 1000,
        leaving: false,
      },
      ...{ stores: true, load: null, leases: spans.map((each, k) => leaseOf(k, each)) },
    };
    this.state.roster.hear(register, this.now);
  }
}

function leaseOf(id: number, [lo, hi]: Interval): Lease {
  const limits = NO_LIMITS;
  return { id, computation: HASH, job: HASH, lo, hi, limits, copy: false, running: true };
}

/** The rule of design.md section 4 as it is told: block after block, nothing remembered. */
function plainChoice(turn: Turn, job: JobState): Pick<Choice, 'lo' | 'hi' | 'scarce'> | null {
  const { computation } = job;
  const all = rosterContenders(turn, computation).list;
  const live = liveContenders(turn, computation).list;
  const slots = live.reduce((sum, contender) => sum + contender.slots, 0);
  const expected = estimate(job);
  const grain = grainOf(job, expected, slots, turn.now - job.heardAt, DEFAULT_TIMING);
  const reach = reachOf(job, expected, grain, slots);
  const taken = leased(turn, job.ground).union(computation.coverage);
  for (const index of [...job.skips, ...computation.attempts.keys()]) taken.add(index, index + 1);
  const pieces: Interval[] = [];
  for (const [lo, hi] of new IntervalSet(taken.gaps(0, reach)).toArray()) {
    for (let at = lo; at < hi; at = pieces.at(-1)?.[1] ?? hi) {
      pieces.push([at, Math.min(hi, (Math.floor(at / grain) + 1) * grain)]);
    }
  }
  const ownerAmong = (peers: typeof all, [lo]: Interval) =>
    rendezvousOwner(HASH, Math.floor(lo / grain), peers);
  const isMine = (piece: Interval): boolean => ownerAmong(all, piece) === 'self';
  const isHeir = (piece: Interval): boolean => {
    const owner = ownerAmong(all, piece);
    const lives = live.some(({ peer }) => peer === owner);
    return (lives ? owner : ownerAmong(live, piece)) === 'self';
  };
  const own = isCutOff(turn, all) ? pieces.find(isMine) : undefined;
  const mine = own ?? pieces.find(isHeir);
  if (pieces.length === 0) return null;
  const piece = mine ?? pieces[Math.floor(turn.env.rng() * pieces.length)];
  return piece === undefined
    ? null
    : { lo: piece[0], hi: piece[1], scarce: pieces.length < 4 * slots };
}

/** More than one peer, and more than a quarter of the slots, fell silent within two minutes. */
function isCutOff(turn: Turn, all: readonly { readonly slots: number }[]): boolean {
  const { roster } = turn.state;
  const silent = roster.all().filter(([, view]) => {
    const isDead = roster.state(view, turn.now) === 'dead' && view.evidenceAt === null;
    return isDead && !view.register.leaving && turn.now - view.heardAt <= 120_000;
  });
  const slots = silent.reduce((sum, [, { register }]) => sum + register.slots, 0);
  return silent.length > 1 && 4 * slots > all.reduce((sum, each) => sum + each.slots, 0);
}

describe('the next block', () => {
  test('and the draws for it are those of a look at each block, whatever is remembered', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.array(happening, { maxLength: 30 }), (experienced, story) => {
        const claimant = new Claimant(experienced);
        for (const what of story) {
          claimant.meet(what);
          if (!claimant.job.active) return;
          const plain = claimant.chosen((turn) => plainChoice(turn, claimant.job));
          const { choice, draws } = claimant.chosen((turn) => chooseNeeded(turn, claimant.job));
          const short = choice && { lo: choice.lo, hi: choice.hi, scarce: choice.scarce };
          expect({ choice: short, draws }).toEqual(plain);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('is one that needs nothing of other machines, as long as there is one', () => {
    const claimant = new Claimant(true);
    const { job } = claimant;
    const far: Interval[] = [
      [0, 80],
      [100, 160],
    ];
    claimant.learn(far, {});
    const chosen: Interval[] = [];
    for (;;) {
      const { choice } = claimant.chosen((turn) => chooseNeeded(turn, job));
      if (choice === null || choice.lo < 80 || choice.hi > 100) break;
      chosen.push([choice.lo, choice.hi]);
      claimant.meet({ done: [choice.lo, choice.hi] });
    }
    expect(new IntervalSet([...chosen, [91, 92]]).toArray()).toEqual([[80, 100]]);
    // Then the others have their turn: nothing is left lying.
    const { choice } = claimant.chosen((turn) => chooseNeeded(turn, job));
    expect(choice).not.toBe(null);
  });

  test('is not one that another has the inputs of, for eight heartbeats while it lives', () => {
    for (const [timesMs, isClaimed] of [
      [[4000, 3900], false],
      [[4000, 4100], true],
    ] as const) {
      const claimant = new Claimant(true);
      claimant.meet({ peer: 'anna', spans: [] });
      claimant.learn([[0, 160]], { anna: [[20, 60]] });
      for (const passMs of timesMs) {
        claimant.meet({ passMs });
        claimant.meet({ peer: 'anna', spans: [] });
      }
      const claimed = new IntervalSet(claimant.claimed());
      expect([claimed.count(0, 20) > 0, claimed.count(60, 160) > 0]).toEqual([true, true]);
      expect(claimed.overlaps(20, 60)).toBe(isClaimed);
    }
    const bereaved = new Claimant(true);
    bereaved.meet({ peer: 'anna', spans: [] });
    bereaved.meet({ passMs: 6900 });
    bereaved.learn([[0, 160]], { anna: [[20, 60]] });
    expect(new IntervalSet(bereaved.claimed()).overlaps(20, 60)).toBe(false);
    bereaved.meet({ passMs: 200 });
    expect(new IntervalSet(bereaved.claimed()).overlaps(20, 60)).toBe(true);
  });

  test('is given back when another turns out to have its inputs, unless it has begun', () => {
    const claimant = new Claimant(true);
    const { state } = claimant;
    claimant.meet({ peer: 'anna', spans: [] });
    const spans: Interval[] = [
      [20, 30],
      [40, 50],
      [70, 80],
    ];
    for (const own of spans) claimant.meet({ own });
    const [begun] = state.leases;
    if (begun !== undefined) begun.startedAt = 0;
    claimant.learn([[0, 160]], { anna: [[20, 60]] });
    expect(state.leases.map(({ lease }) => [lease.lo, lease.hi])).toEqual([
      [20, 30],
      [70, 80],
    ]);
  });

  test('is for the publisher one that nobody else has the inputs of, while there is one', () => {
    const once = new Claimant(true, 'self');
    once.meet({ peer: 'anna', spans: [] });
    once.learn([], {
      anna: [
        [0, 80],
        [90, 160],
      ],
    });
    const { choice } = once.chosen((turn) => chooseNeeded(turn, once.job));
    expect([80, 81, 82, 83, 84, 85, 86, 87, 88, 89]).toContain(choice?.lo);
    // It has them all, and does not wait.
    expect(new IntervalSet(once.claimed()).overlaps(0, 79)).toBe(true);
  });

  test('is not looked for again when nothing changed', () => {
    const claimant = new Claimant(false);
    const { job, state } = claimant;
    claimant.meet({ peer: 'anna', spans: [[0, 4]] });
    claimant.chosen((turn) => chooseNeeded(turn, job));
    const before = state.scans.get(job);
    claimant.meet({ peer: 'anna', spans: [[0, 4]] });
    claimant.meet({ passMs: 10 });
    claimant.chosen((turn) => chooseNeeded(turn, job));
    expect(state.scans.get(job)).toBe(before);
    claimant.meet({ peer: 'anna', spans: [[0, 5]] });
    claimant.chosen((turn) => chooseNeeded(turn, job));
    expect(state.scans.get(job)).not.toBe(before);
  });
});
