import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Computation } from '../../../src/core/computation.ts';
import { LogBook } from '../../../src/core/log-book.ts';
import { outcomeKey } from '../../../src/core/outcome.ts';
import type { Segment } from '../../../src/core/record.ts';
import { sha256 } from '../../sim/world/machine.ts';
import { computationOf, outcomesOf } from './knowledge.ts';
import {
  agreeing,
  attempt,
  BOUND,
  disagreeing,
  type Placed,
  placed,
  pure,
} from './work-records.ts';

const SCOPE = 'ab'.repeat(32);
const JOBS = ['a1'.repeat(32), 'b2'.repeat(32)] as const;

function blank(items: boolean): Computation {
  return new Computation(SCOPE, {
    ...{
      program: SCOPE,
      params: SCOPE,
      seed: 7,
      contract: 1,
      mathClass: '00'.repeat(8),
      commandsOf: null,
    },
    items: items ? { root: SCOPE, count: BOUND } : null,
  });
}

/** A log book and what its records say: the smallest thing that can be merged with another. */
class Holding {
  readonly book = new LogBook();
  readonly computation: Computation;
  readonly #all: ReadonlyMap<string, Placed>;

  constructor(all: ReadonlyMap<string, Placed>, items: boolean) {
    this.#all = all;
    this.computation = blank(items);
  }

  take([key, body]: Placed): void {
    if (this.book.has(key)) return;
    this.book.add(key);
    if (body.kind === 'segment') this.computation.apply(key, body);
    else this.computation.addAttempt(key, body, key.n);
  }

  /** Takes what the other holds and this one lacks, in the order of the other's summary. */
  merge(other: Holding): this {
    for (const { origin, start, ranges } of this.book.lacks(SCOPE, other.book.summary(SCOPE))) {
      for (const [lo, hi] of ranges) {
        for (let n = lo; n < hi; n++) {
          const record = this.#all.get(nameOf([{ scope: SCOPE, origin, start, n }, null]));
          if (record !== undefined) this.take(record);
        }
      }
    }
    return this;
  }

  /** All that must be the same wherever the same records are. */
  get told(): object {
    const { book, computation } = this;
    const known = computationOf(computation);
    const ran = JOBS.map((job) => [computation.ranFor(job), computation.peersFor(job)]);
    return { digest: book.digest(SCOPE, sha256), held: book.summary(SCOPE), known, ran };
  }
}

function nameOf([{ origin, start, n }]: Placed<unknown>): string {
  return `${origin} ${start.incarnation} ${n}`;
}

const work = fc
  .oneof(
    fc.array(agreeing(JOBS), { minLength: 1, maxLength: 16 }),
    fc.array(disagreeing(JOBS), { minLength: 1, maxLength: 16 }),
    fc.array(fc.oneof(disagreeing(JOBS), attempt), { minLength: 4, maxLength: 24 }),
  )
  .map((bodies) => placed(SCOPE, bodies));

/** Records, and three shares of them in some order, which may overlap and leave some out. */
const shared = work.chain((all) =>
  fc.tuple(
    fc.constant(new Map(all.map((record) => [nameOf(record), record]))),
    fc.tuple(fc.shuffledSubarray(all), fc.shuffledSubarray(all), fc.shuffledSubarray(all)),
    fc.boolean(),
  ),
);

describe('two holdings of records', () => {
  test('merge in any order, any grouping and any number of times to the same knowledge', () => {
    fc.assert(
      fc.property(shared, ([all, shares, items]) => {
        const holding = (k: number): Holding => {
          const made = new Holding(all, items);
          for (const record of shares[k] ?? []) made.take(record);
          return made;
        };
        const left = holding(0).merge(holding(1)).merge(holding(2));
        const right = holding(0).merge(holding(1).merge(holding(2)));
        const turned = holding(2).merge(holding(1)).merge(holding(0));
        expect(right.told).toEqual(left.told);
        expect(turned.told).toEqual(left.told);
        const before = left.told;
        expect(left.merge(right).merge(turned).merge(left).told).toEqual(before);
      }),
      { seed: 201, numRuns: 1200 },
    );
  });

  test('know the same once each lacks nothing of the other', () => {
    fc.assert(
      fc.property(shared, ([all, shares, items]) => {
        const [a, b] = [new Holding(all, items), new Holding(all, items)];
        for (const record of shares[0]) a.take(record);
        for (const record of shares[1]) b.take(record);
        a.merge(b);
        b.merge(a);
        expect(a.book.exceeds(SCOPE, b.book.summary(SCOPE))).toBe(false);
        expect(b.book.lacks(SCOPE, a.book.summary(SCOPE))).toEqual([]);
        expect(b.told).toEqual(a.told);
      }),
      { seed: 202, numRuns: 600 },
    );
  });
});

describe('segments', () => {
  test('applied in any order and again, with nothing to hold them back, tell the same', () => {
    const twice = fc
      .array(disagreeing(JOBS), { minLength: 1, maxLength: 12 })
      .map((bodies) => placed(SCOPE, bodies))
      .chain((all) =>
        fc.tuple(
          fc.constant(all),
          fc.shuffledSubarray([...all, ...all], { minLength: 2 * all.length }),
        ),
      );
    fc.assert(
      fc.property(twice, fc.boolean(), ([once, again], items) => {
        const [first, second] = [once, again].map((order) => {
          const computation = blank(items);
          for (const [key, body] of order) computation.apply(key, body);
          return outcomesOf(computation);
        });
        expect(second).toEqual(first);
      }),
      { seed: 203, numRuns: 1500 },
    );
  });

  test('of a pure function cover their union with its outcomes, certified early or not', () => {
    const cuts = fc.array(agreeing(JOBS), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(cuts, fc.nat(BOUND), fc.nat(12), (bodies, end, when) => {
        const computation = blank(false);
        const covered = new Set<number>();
        for (const [k, [key, body]] of placed(SCOPE, bodies).entries()) {
          if (k === when) computation.certify(end);
          expect(computation.apply(key, body)).toEqual([]);
          for (let index = body.lo; index < body.hi; index++) covered.add(index);
        }
        for (let index = 0; index < BOUND; index++) {
          expect(computation.coverage.has(index)).toBe(covered.has(index));
          const found = outcomeKey(computation.answers.get(index));
          expect(found).toBe(covered.has(index) ? keyOf(index) : 'rejected');
        }
      }),
      { seed: 204, numRuns: 800 },
    );
  });

  test('cover an index exactly when it is undisputed or two fresh ones agree on it', () => {
    const bodies = fc.array(disagreeing(JOBS), { minLength: 1, maxLength: 16 });
    fc.assert(
      fc.property(bodies, (all) => {
        const computation = blank(true);
        const records = placed(SCOPE, all);
        for (const [key, body] of records) computation.apply(key, body);
        for (let index = 0; index < BOUND; index++) {
          const { covered, outcome } = expected(all, index);
          expect(computation.coverage.has(index)).toBe(covered);
          expect(outcomeKey(computation.answers.get(index))).toBe(covered ? outcome : 'rejected');
        }
      }),
      { seed: 205, numRuns: 1200 },
    );
  });
});

/** The text that tells the pure function's outcomes apart. */
function keyOf(index: number): string {
  const outcome = pure(index);
  if (typeof outcome === 'number') return `value ${outcome}`;
  if (outcome === null) return 'rejected';
  return outcome.startsWith('E') ? `error ${outcome}` : `long ${sha256(outcome)}`;
}

/** The rule of disputes, straight from the list of segments. */
function expected(
  all: readonly Segment[],
  index: number,
): { readonly covered: boolean; readonly outcome: string } {
  const about = all.filter(({ lo, hi }) => lo <= index && index < hi);
  const said = about.map((segment) => {
    const alone = blank(true);
    alone.apply({ scope: SCOPE, origin: 'a', start: { incarnation: 1, nonce: '' }, n: 0 }, segment);
    return { outcome: outcomeKey(alone.answers.get(index)), fresh: segment.fresh };
  });
  const [first] = said;
  if (first === undefined) return { covered: false, outcome: '' };
  if (said.every(({ outcome }) => outcome === first.outcome)) {
    return { covered: true, outcome: first.outcome };
  }
  const votes = new Map<string, number>();
  for (const { outcome, fresh } of said) {
    if (fresh) votes.set(outcome, (votes.get(outcome) ?? 0) + 1);
  }
  const [best] = [...votes].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const settled = best !== undefined && best[1] >= 2;
  return { covered: settled, outcome: settled ? best[0] : '' };
}
