import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IntervalBag } from '../../src/core/interval-bag.ts';
import { type Interval, IntervalSet } from '../../src/core/interval-set.ts';

const interval = fc
  .tuple(fc.nat(60), fc.integer({ min: 1, max: 20 }))
  .map(([lo, length]): Interval => [lo, lo + length]);
const intervals = fc.array(interval, { maxLength: 12 });

describe('a bag of intervals', () => {
  test('covers what its intervals cover, whatever came and went', () => {
    // A number takes out the interval that came at that place, counted from the oldest.
    const change = fc.oneof(interval, fc.nat(30));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const bag = new IntervalBag();
        const held: Interval[] = [];
        for (const what of changes) {
          if (typeof what !== 'number') {
            held.push(what);
            bag.add(...what);
          } else {
            const [gone] = held.splice(what % Math.max(held.length, 1), 1);
            if (gone !== undefined) bag.remove(...gone);
          }
          expect(bag.cover.toArray()).toEqual(new IntervalSet(held).toArray());
          expect(bag.isEmpty()).toBe(held.length === 0);
        }
      }),
    );
  });

  test('is not changed by the removal of what it has not got', () => {
    const bag = new IntervalBag();
    bag.add(3, 8);
    bag.add(9, 11);
    bag.remove(3, 7);
    bag.remove(10, 12);
    expect(bag.cover.toArray()).toEqual([
      [3, 8],
      [9, 11],
    ]);
  });
});

describe('two sets together', () => {
  test('leave the gaps that their union leaves, up to the limit', () => {
    const bounds = fc.tuple(fc.nat(90), fc.nat(90), fc.integer({ min: 1, max: 6 }));
    fc.assert(
      fc.property(intervals, intervals, bounds, (a, b, [lo, hi, limit]) => {
        const [one, other] = [new IntervalSet(a), new IntervalSet(b)];
        const gaps = one.union(other).gaps(lo, hi).slice(0, limit);
        expect(one.gapsBeside(other, lo, hi, limit)).toEqual(gaps);
      }),
    );
  });
});

describe('an interval set', () => {
  test('has as many open numbers below the end of so many open ones', () => {
    fc.assert(
      fc.property(intervals, fc.integer({ min: 1, max: 99 }), (all, count) => {
        const set = new IntervalSet(all);
        const end = set.endOfOpen(count);
        expect(end - set.count(0, end)).toBe(count);
        expect(set.has(end - 1)).toBe(false);
      }),
    );
  });

  test('has another version when it changed, and only then', () => {
    const change = fc.tuple(fc.boolean(), interval);
    fc.assert(
      fc.property(intervals, change, (all, [adds, [lo, hi]]) => {
        const set = new IntervalSet(all);
        const before = { version: set.version, copy: set.clone() };
        if (adds) set.add(lo, hi);
        else set.remove(lo, hi);
        expect(set.version === before.version).toBe(set.equals(before.copy));
      }),
    );
  });
});
