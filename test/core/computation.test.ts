import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Column, ErrorOutcome } from '../../src/core/column.ts';
import { Computation, STUCK_AFTER } from '../../src/core/computation.ts';
import { IMPURE_AFTER } from '../../src/core/disputes.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import type { ComputationSpec } from '../../src/core/manifest.ts';
import { outcomeHash, outcomeKey } from '../../src/core/outcome.ts';
import { type Attempt, LOST, type RecordKey, type Segment } from '../../src/core/record.ts';

const HASH = 'cd'.repeat(32);
const JOBS = ['a1'.repeat(32), 'b2'.repeat(32)] as const;
const BOUND = 12;
const SPEC: ComputationSpec = {
  ...{ program: HASH, params: HASH, seed: 7, items: null, contract: 1 },
  ...{ mathClass: '00'.repeat(8), commandsOf: null },
};
const START = { incarnation: 1, nonce: '11'.repeat(8) };

/** An outcome in short: a number is a value, a text the name of an error, null is rejected. */
type Brief = number | string | null;

function key(n: number): RecordKey {
  return { scope: HASH, origin: `peer-${n % 3}`, start: START, n };
}

function segment(lo: number, outcomes: readonly Brief[], fresh: boolean, job = JOBS[0]): Segment {
  const values: [number, number][] = [];
  const errors: ErrorOutcome[] = [];
  for (const [k, outcome] of outcomes.entries()) {
    if (typeof outcome === 'number') values.push([lo + k, outcome]);
    if (typeof outcome === 'string') errors.push({ index: lo + k, name: outcome, detail: 'here' });
  }
  const column: Column = {
    kind: 'number',
    indices: Float64Array.from(values, ([at]) => at),
    values: Float64Array.from(values, ([, value]) => value),
  };
  const hi = lo + outcomes.length;
  return { kind: 'segment', job, lo, hi, ms: 1, fresh, accepted: [column], errors };
}

function blank(items = false): Computation {
  const list = items ? { root: HASH, count: BOUND } : null;
  return new Computation(HASH, { ...SPEC, items: list });
}

type Work = Segment | Attempt;

function applied(work: readonly (readonly [RecordKey, Work])[], items = false): Computation {
  const computation = blank(items);
  for (const [at, body] of work) {
    if (body.kind === 'segment') computation.apply(at, body);
    else computation.addAttempt(at, body, at.n);
  }
  return computation;
}

/** All that must not depend on the order in which records came. */
function known(computation: Computation): object {
  const { coverage, answers, disputes, attempts, losses, impureAt, candidates } = computation;
  const indices = Array.from({ length: BOUND }, (_, index) => index);
  return {
    coverage: coverage.toArray(),
    outcomes: indices.map((index) => outcomeKey(answers.get(index))),
    lines: Array.from({ length: answers.lines }, (_, k) => answers.lineAt(k)),
    errors: answers.errors,
    disputes: [...disputes.indices()].sort((a, b) => a - b),
    open: computation.openDisputes(),
    attempts: indices.map((index) => (attempts.get(index) ?? []).map(({ peer }) => peer).sort()),
    stuck: indices.filter((index) => computation.isStuck(index, NO_LIMITS)),
    losses: losses.map(({ lo, hi, peer }) => `${peer} ${lo} ${hi}`).sort(),
    impureAt,
    candidates,
    ran: JOBS.map((job) => [computation.ranFor(job), computation.peersFor(job)]),
  };
}

const brief: fc.Arbitrary<Brief> = fc.constantFrom(1, 2, null, 'RangeError', 'TypeError');
const anySegment = fc
  .record({
    lo: fc.nat(BOUND - 1),
    outcomes: fc.array(brief, { minLength: 1, maxLength: 5 }),
    fresh: fc.boolean(),
    job: fc.constantFrom(...JOBS),
  })
  .map(({ lo, outcomes, fresh, job }): Work => {
    return segment(lo, outcomes.slice(0, BOUND - lo), fresh, job);
  });
const anyAttempt = fc
  .record({ lo: fc.nat(BOUND - 2), failure: fc.constantFrom('died', 'memory', LOST) })
  .map(
    ({ lo, failure }): Work => ({
      kind: 'attempt',
      job: JOBS[0],
      lo,
      hi: lo + 1,
      limits: NO_LIMITS,
      failure,
      detail: '',
    }),
  );
const someWork = fc
  .array(fc.oneof({ weight: 4, arbitrary: anySegment }, anyAttempt), { maxLength: 14 })
  .map((all) => all.map((body, n) => [key(n), body] as const));

describe('a computation is a function of the set of its records', () => {
  test.each([false, true])('any order gives the same knowledge (items: %s)', (items) => {
    const orders = someWork.chain((work) =>
      fc.tuple(fc.constant(work), fc.shuffledSubarray(work, { minLength: work.length })),
    );
    fc.assert(
      fc.property(orders, ([first, second]) => {
        expect(known(applied(first, items))).toEqual(known(applied(second, items)));
      }),
      { numRuns: 3000 },
    );
  });

  test('a pure function gives the same knowledge however its intervals are cut', () => {
    const pure = (index: number): Brief => (index % 3 === 0 ? index : index % 5 === 0 ? 'E' : null);
    const cuts = fc.array(fc.tuple(fc.nat(BOUND), fc.nat(BOUND)), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(cuts, (intervals) => {
        const computation = blank();
        for (const [n, [a, b]] of intervals.entries()) {
          const [lo, hi] = [Math.min(a, b), Math.max(a, b) + 1];
          const outcomes = Array.from({ length: hi - lo }, (_, k) => pure(lo + k));
          expect(computation.apply(key(n), segment(lo, outcomes, n % 2 === 0))).toEqual([]);
        }
        expect(computation.disputes.size).toBe(0);
        for (let index = 0; index < BOUND; index++) {
          const covered = intervals.some(
            ([a, b]) => index >= Math.min(a, b) && index <= Math.max(a, b),
          );
          expect(computation.coverage.has(index)).toBe(covered);
          const outcome = covered ? pure(index) : null;
          const wanted = outcome === 'E' ? 'error E' : outcome === null ? 'rejected' : undefined;
          expect(outcomeKey(computation.answers.get(index))).toBe(wanted ?? `value ${outcome}`);
        }
      }),
    );
  });
});

describe('disputes', () => {
  const one = (outcome: Brief, fresh: boolean): Segment => segment(3, [outcome], fresh);
  const through = (...runs: readonly Segment[]): Computation =>
    applied(runs.map((run, n) => [key(n), run] as const));

  test('an index with two outcomes is uncovered until two fresh evaluations agree', () => {
    const computation = blank();
    computation.apply(key(0), segment(0, [1, 1, 1, 1, 1], false));
    expect(computation.apply(key(1), one(2, true))).toEqual([3]);
    expect(computation.coverage.toArray()).toEqual([
      [0, 3],
      [4, 5],
    ]);
    expect(computation.openDisputes()).toEqual([3]);
    expect(computation.answers.get(3)).toBeUndefined();
    computation.apply(key(2), one(1, true));
    expect(computation.openDisputes()).toEqual([3]);
    computation.apply(key(3), one(2, true));
    expect(computation.openDisputes()).toEqual([]);
    expect(computation.coverage.toArray()).toEqual([[0, 5]]);
    expect(computation.answers.get(3)).toEqual({ kind: 'value', text: '2' });
  });

  test('rejected is an outcome that can win', () => {
    const computation = through(one(1, false), one(null, true), one(null, true));
    expect(computation.coverage.has(3)).toBe(true);
    expect(computation.answers.get(3)).toBeUndefined();
    expect(computation.answers.lines).toBe(0);
  });

  test('evaluations in used executors never settle a dispute', () => {
    const computation = through(one(1, false), one(2, false), one(2, false), one(2, false));
    expect(computation.openDisputes()).toEqual([3]);
  });

  test('fresh evaluations that were made before the dispute count', () => {
    const computation = through(one(2, true), one(2, true), one(1, false));
    expect(computation.openDisputes()).toEqual([]);
    expect(computation.answers.get(3)).toEqual({ kind: 'value', text: '2' });
  });

  test('more fresh evaluations win', () => {
    const computation = through(...[1, 1, 2, 2, 2].map((value) => one(value, true)));
    expect(computation.answers.get(3)).toEqual({ kind: 'value', text: '2' });
  });

  test('five fresh evaluations without two equal ones are impure, four are not', () => {
    const four = [1, 2, 3, 4].map((value) => one(value, true));
    expect(IMPURE_AFTER).toBe(5);
    expect(through(...four).impureAt).toBeNull();
    expect(through(...four, one(5, false)).impureAt).toBeNull();
    expect(through(...four, one(5, true)).impureAt).toBe(3);
    expect(through(...four, one(4, true)).impureAt).toBeNull();
  });

  test('the lowest impure index is named', () => {
    const runs = [9, 5, 7].flatMap((index) =>
      [1, 2, 3, 4, 5].map((value) => segment(index, [value], true)),
    );
    expect(through(...runs).impureAt).toBe(5);
  });
});

describe('long values', () => {
  const long = (lo: number, hi: number, fresh: boolean, ...at: number[]): Segment => ({
    ...{ kind: 'segment', job: 'ab'.repeat(32), lo, hi, ms: 1, fresh, errors: [] },
    accepted: at.map((index) => ({
      ...{ kind: 'hash', indices: Float64Array.of(index), hashes: [HASH], sizes: [300] },
    })),
  });

  test('one that a dispute ends without is not looked for, one that another index has is', () => {
    for (const other of [[], [7]]) {
      const computation = blank();
      computation.apply(key(0), long(3, 8, false, 3, ...other));
      expect(computation.names(HASH)).toBe(true);
      for (const n of [1, 2]) computation.apply(key(n), long(3, 4, true));
      computation.missing.add(3, 4);
      computation.forgetReplaced();
      expect(computation.missing.isEmpty()).toBe(true);
      expect(computation.names(HASH)).toBe(other.length === 1);
      expect([...computation.unstored.keys()]).toEqual(other.length === 1 ? [HASH] : []);
      // Its file is removed with the computation.
      expect(computation.long.get(HASH)).toBe(other[0] ?? 3);
      computation.apply(key(3), long(9, 10, false, 9));
      expect(computation.long.get(HASH)).toBe(other[0] ?? 9);
    }
  });

  test('one that is missing comes only by an evaluation that comes to it', () => {
    const computation = blank();
    computation.apply(key(0), long(3, 6, false, 3));
    computation.certify(6);
    computation.missing.add(3, 4);
    computation.apply(key(1), long(3, 4, false));
    expect(computation.missing.toArray()).toEqual([[3, 4]]);
    computation.apply(key(2), long(3, 4, false, 3));
    expect(computation.missing.isEmpty()).toBe(true);
  });
});

describe('outcomes', () => {
  const sha = (bytes: Uint8Array | string): string =>
    createHash('sha256').update(bytes).digest('hex');
  const error = (name: string, detail: string) => ({ kind: 'error', name, detail }) as const;

  test("an error's digest covers the name alone", () => {
    const here = error('RangeError', 'stack of one engine');
    const there = error('RangeError', 'stack of another');
    expect(outcomeHash(here, sha)).toBe(outcomeHash(there, sha));
    expect(outcomeKey(here)).toBe(outcomeKey(there));
    expect(outcomeHash(here, sha)).not.toBe(outcomeHash(error('TypeError', ''), sha));
  });

  test('errors with different details are no dispute, with different names they are', () => {
    const failed = (name: string, detail: string): Segment => ({
      ...segment(3, [null], false),
      errors: [{ index: 3, name, detail }],
    });
    const computation = applied([[key(0), failed('RangeError', 'a')]]);
    expect(computation.apply(key(1), failed('RangeError', 'b'))).toEqual([]);
    expect(computation.apply(key(2), failed('TypeError', 'a'))).toEqual([3]);
  });

  test('a value and the error of its text are told apart', () => {
    const value = { kind: 'value', text: '"x"' } as const;
    expect(outcomeHash(value, sha)).toBe(sha(new TextEncoder().encode('"x"')));
    expect(outcomeHash(value, sha)).not.toBe(outcomeHash(error('"x"', ''), sha));
  });

  test('in a map job errors are lines, in an accept job they are not', () => {
    const work = [[key(0), segment(0, [1, 'E', null, 2], false)]] as const;
    expect(applied(work, false).answers.lines).toBe(2);
    expect(applied(work, true).answers.lines).toBe(3);
  });
});

describe('attempts', () => {
  const died = (index: number, failure = 'died'): Attempt => ({
    ...{ kind: 'attempt', job: JOBS[0], lo: index, hi: index + 1 },
    ...{ limits: NO_LIMITS, failure, detail: '' },
  });

  test('an index is stuck after three attempts, and no longer once a machine succeeds', () => {
    const computation = applied([0, 1].map((n) => [key(n), died(4)] as const));
    expect(STUCK_AFTER).toBe(3);
    expect(computation.isStuck(4, NO_LIMITS)).toBe(false);
    computation.addAttempt(key(2), died(4), 0);
    expect(computation.isStuck(4, NO_LIMITS)).toBe(true);
    computation.apply(key(3), segment(4, [1], false));
    expect(computation.isStuck(4, NO_LIMITS)).toBe(false);
  });

  test('an interval that was lost never counts towards stuck', () => {
    const lost = [0, 1, 2, 3, 4].map((n) => [key(n), died(4, LOST)] as const);
    const computation = applied(lost);
    expect(computation.isStuck(4, NO_LIMITS)).toBe(false);
    expect(computation.losses).toHaveLength(5);
  });
});

test('an outcome that a dispute replaced is told as revised, to whom had seen it only', () => {
  const computation = applied([
    [key(0), segment(0, [1, 1, 1], false)],
    [key(1), segment(1, [2], true)],
    [key(2), segment(1, [2], true)],
  ]);
  expect(outcomeKey(computation.answers.get(1))).toBe('value 2');
  expect(computation.revisedBelow(1)).toBeNull();
  expect(computation.revisedBelow(2)).toBe(1);
  const confirmed = applied([
    [key(0), segment(0, [1, 1, 1], false)],
    [key(1), segment(1, [2], true)],
    [key(2), segment(1, [1], true)],
    [key(3), segment(1, [1], true)],
  ]);
  expect(confirmed.revisedBelow(3)).toBeNull();
});
