import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IntervalBag } from '../../../src/core/interval-bag.ts';
import { type Interval, IntervalSet, MAX_INDEX } from '../../../src/core/interval-set.ts';

/** Numbers under test lie in [base, base + WIDTH]. */
const WIDTH = 48;

/** Where the window begins: at zero, around 2^32, and up against the largest bound. */
const BASES = [0, 2 ** 32 - 20, MAX_INDEX - WIDTH] as const;

/** The same set as one bit a number, the lowest for `base`. */
class BitSet {
  bits = 0n;
  readonly base: number;

  constructor(base: number, bits = 0n) {
    this.base = base;
    this.bits = bits;
  }

  mask(lo: number, hi: number): bigint {
    if (lo >= hi) return 0n;
    return ((1n << BigInt(hi - lo)) - 1n) << BigInt(lo - this.base);
  }

  has(i: number): boolean {
    return ((this.bits >> BigInt(i - this.base)) & 1n) === 1n;
  }

  count(lo: number, hi: number): number {
    let total = 0;
    for (let i = lo; i < hi; i++) if (this.has(i)) total++;
    return total;
  }

  /** Maximal runs of members, or of numbers that are none, in [lo, hi). */
  runs(lo: number, hi: number, members: boolean): Interval[] {
    const found: Interval[] = [];
    for (let from = lo; from < hi; ) {
      let to = from;
      while (to < hi && this.has(to) === members) to++;
      if (to > from) found.push([from, to]);
      from = Math.max(to, from + 1);
    }
    return found;
  }
}

type Change =
  | { readonly kind: 'add' | 'remove'; readonly lo: number; readonly hi: number }
  | { readonly kind: 'union' | 'minus' | 'rebuild'; readonly parts: readonly Interval[] };

/** Bounds in any order, equal ones included: an interval that ends before it starts is empty. */
const bounds = (base: number): fc.Arbitrary<[number, number]> =>
  fc.tuple(fc.nat(WIDTH), fc.nat(WIDTH)).map(([a, b]) => [base + a, base + b]);

const change = (base: number): fc.Arbitrary<Change> =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc
        .tuple(fc.constantFrom('add' as const, 'remove' as const), bounds(base))
        .map(([kind, [lo, hi]]) => ({ kind, lo, hi })),
    },
    fc.record({
      kind: fc.constantFrom('union' as const, 'minus' as const, 'rebuild' as const),
      parts: fc.array(bounds(base), { maxLength: 6 }),
    }),
  );

const history = fc
  .constantFrom(...BASES)
  .chain((base) =>
    fc.tuple(
      fc.constant(base),
      fc.array(change(base), { minLength: 1, maxLength: 14 }),
      fc.array(bounds(base), { minLength: 1, maxLength: 3 }),
    ),
  );

function maskOf(bits: BitSet, parts: readonly Interval[]): bigint {
  return parts.reduce((all, [lo, hi]) => all | bits.mask(lo, hi), 0n);
}

/** Makes one change to both; returns the set, which some changes make anew. */
function apply(set: IntervalSet, bits: BitSet, step: Change): IntervalSet {
  switch (step.kind) {
    case 'add':
      set.add(step.lo, step.hi);
      bits.bits |= bits.mask(step.lo, step.hi);
      return set;
    case 'remove':
      set.remove(step.lo, step.hi);
      bits.bits &= ~bits.mask(step.lo, step.hi);
      return set;
    case 'union':
      bits.bits |= maskOf(bits, step.parts);
      return set.union(new IntervalSet(step.parts));
    case 'minus':
      bits.bits &= ~maskOf(bits, step.parts);
      return set.minus(new IntervalSet(step.parts));
    case 'rebuild':
      bits.bits |= maskOf(bits, step.parts);
      return new IntervalSet([...step.parts, ...set.toArray().toReversed()]);
  }
}

function expectSame(set: IntervalSet, bits: BitSet): void {
  const { base } = bits;
  const all = bits.runs(base, base + WIDTH, true);
  expect(set.toArray()).toEqual(all);
  expect(set.size).toBe(all.length);
  expect(set.isEmpty()).toBe(all.length === 0);
  expect(set.end()).toBe(all.at(-1)?.[1] ?? 0);
  expect(set.count()).toBe(bits.count(base, base + WIDTH));
}

function expectSameAnswers(set: IntervalSet, bits: BitSet, lo: number, hi: number): void {
  const inside = bits.count(lo, hi);
  expect(set.within(lo, hi)).toEqual(bits.runs(lo, hi, true));
  expect(set.gaps(lo, hi)).toEqual(bits.runs(lo, hi, false));
  expect(set.count(lo, hi)).toBe(inside);
  expect(set.count(lo)).toBe(bits.count(lo, bits.base + WIDTH));
  expect(set.covers(lo, hi)).toBe(lo >= hi || inside === hi - lo);
  expect(set.overlaps(lo, hi)).toBe(inside > 0);
  expect(set.has(lo)).toBe(bits.has(lo));
  let gap = lo;
  while (bits.has(gap)) gap++;
  expect(set.firstGap(lo)).toBe(gap);
}

describe('an interval set', () => {
  test('is a bit set after any history, at zero, around 2^32 and up to 2^53 − 1', () => {
    fc.assert(
      fc.property(history, ([base, steps, questions]) => {
        const bits = new BitSet(base);
        let set = new IntervalSet();
        for (const step of steps) {
          set = apply(set, bits, step);
          expectSame(set, bits);
        }
        for (const [lo, hi] of questions) expectSameAnswers(set, bits, lo, hi);
      }),
      { seed: 101, numRuns: 3000 },
    );
  });

  test('is not changed by a question, a union, a difference or a change of its clone', () => {
    fc.assert(
      fc.property(history, ([base, steps, questions]) => {
        let set = new IntervalSet();
        for (const step of steps) set = apply(set, new BitSet(base), step);
        const before = set.toArray();
        const copy = set.clone();
        expect(copy.equals(set)).toBe(true);
        for (const [lo, hi] of questions) {
          const other = new IntervalSet([[Math.min(lo, hi), Math.max(lo, hi)]]);
          set.union(other).remove(base, base + WIDTH);
          set.minus(other).add(base, base + WIDTH);
          set.within(lo, hi);
          set.gaps(lo, hi);
          copy.remove(lo, hi);
          copy.add(hi, lo);
        }
        copy.add(base, base + WIDTH);
        expect(set.toArray()).toEqual(before);
      }),
      { seed: 102, numRuns: 500 },
    );
  });

  test('unites in any order and grouping, and with itself, to the same set', () => {
    const parts = (base: number) => fc.array(bounds(base), { maxLength: 6 });
    const three = fc
      .constantFrom(...BASES)
      .chain((base) => fc.tuple(parts(base), parts(base), parts(base)));
    fc.assert(
      fc.property(three, (all) => {
        const [a, b, c] = all.map((one) => new IntervalSet(one)) as [
          IntervalSet,
          IntervalSet,
          IntervalSet,
        ];
        expect(a.union(b).equals(b.union(a))).toBe(true);
        expect(
          a
            .union(b)
            .union(c)
            .equals(a.union(b.union(c))),
        ).toBe(true);
        expect(a.union(a).equals(a)).toBe(true);
        expect(a.minus(b).union(a).equals(a)).toBe(true);
        expect(a.minus(b.union(c)).equals(a.minus(b).minus(c))).toBe(true);
      }),
      { seed: 103, numRuns: 1000 },
    );
  });

  test('two sets are equal exactly when their members are', () => {
    // Few numbers, so that equal sets, and sets of equal starts and counts, do come up.
    const narrow = fc.array(
      fc
        .tuple(fc.nat(8), fc.integer({ min: 1, max: 3 }))
        .map(([lo, size]): Interval => [lo, lo + size]),
      { maxLength: 3 },
    );
    const pair = fc.tuple(fc.constantFrom(...BASES), narrow, narrow);
    fc.assert(
      fc.property(pair, ([base, first, second]) => {
        const [a, b] = [first, second].map((parts) => {
          const moved = parts.map(([lo, hi]): Interval => [base + lo, base + hi]);
          return { set: new IntervalSet(moved), bits: maskOf(new BitSet(base), moved) };
        });
        if (a === undefined || b === undefined) throw new Error('two sets are compared');
        expect(a.set.equals(b.set)).toBe(a.bits === b.bits);
      }),
      { seed: 104, numRuns: 3000 },
    );
  });

  test('finds the gaps that another set has as well, and as many of them as are asked for', () => {
    const two = fc.constantFrom(...BASES).chain((base) => {
      const parts = fc.array(bounds(base), { maxLength: 6 });
      return fc.tuple(fc.constant(base), parts, parts, bounds(base), fc.nat(4));
    });
    fc.assert(
      fc.property(two, ([base, mine, theirs, [lo, hi], limit]) => {
        const bits = new BitSet(base);
        bits.bits = maskOf(bits, mine) | maskOf(bits, theirs);
        const [set, other] = [new IntervalSet(mine), new IntervalSet(theirs)];
        const free = bits.runs(lo, hi, false);
        // What the two sets cover one after the other may part a gap in two that touch.
        const found = set.gapsBeside(other, lo, hi, 1000);
        expect(new IntervalSet(found).toArray()).toEqual(free);
        expect(set.gapsBeside(other, lo, hi, limit)).toEqual(found.slice(0, limit));
      }),
      { seed: 105, numRuns: 2000 },
    );
  });

  test('ends its first so many open numbers where counting one by one does', () => {
    const asked = fc.tuple(fc.array(bounds(0), { maxLength: 6 }), fc.integer({ min: 1, max: 60 }));
    fc.assert(
      fc.property(asked, ([parts, count]) => {
        const set = new IntervalSet(parts);
        let end = 0;
        for (let open = 0; open < count; end++) if (!set.has(end)) open++;
        expect(set.endOfOpen(count)).toBe(end);
      }),
      { seed: 106, numRuns: 1000 },
    );
  });

  test('has another version whenever its members are others', () => {
    fc.assert(
      fc.property(history, ([base, steps]) => {
        const set = new IntervalSet();
        for (const step of steps) {
          const before = { members: set.toArray(), version: set.version };
          if (step.kind === 'add' || step.kind === 'remove') apply(set, new BitSet(base), step);
          if (set.version === before.version) expect(set.toArray()).toEqual(before.members);
          expect(set.version).toBeGreaterThanOrEqual(before.version);
        }
      }),
      { seed: 107, numRuns: 500 },
    );
  });
});

describe('an interval bag', () => {
  test('covers what its intervals cover, whichever of them went', () => {
    // The number says which of those that are there goes; most of the time one comes.
    const move = (base: number) => fc.tuple(bounds(base), fc.nat(60));
    const moves = fc
      .constantFrom(...BASES)
      .chain((base) => fc.array(move(base), { minLength: 1, maxLength: 24 }));
    fc.assert(
      fc.property(moves, (all) => {
        const bag = new IntervalBag();
        const there: Interval[] = [];
        for (const [[a, b], which] of all) {
          const [gone] = which < there.length ? there.splice(which, 1) : [];
          if (gone !== undefined) bag.remove(...gone);
          if (a !== b) {
            const came: Interval = [Math.min(a, b), Math.max(a, b)];
            bag.add(...came);
            there.push(came);
          }
          expect(bag.cover.toArray()).toEqual(new IntervalSet(there).toArray());
          expect(bag.isEmpty()).toBe(there.length === 0);
        }
      }),
      { seed: 108, numRuns: 1000 },
    );
  });
});
