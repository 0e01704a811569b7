import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Interval, IntervalSet, MAX_INDEX } from '../../src/core/interval-set.ts';

const BOUND = 64;
const interval = fc
  .tuple(fc.nat(BOUND), fc.nat(BOUND))
  .map(([a, b]): Interval => [Math.min(a, b), Math.max(a, b)]);
const change = fc.tuple(fc.boolean(), interval);

/** The same set as one flag a number. */
function model(changes: readonly (readonly [boolean, Interval])[]): boolean[] {
  const flags = new Array<boolean>(BOUND + 1).fill(false);
  for (const [add, [lo, hi]] of changes) flags.fill(add, lo, hi);
  return flags;
}

function build(changes: readonly (readonly [boolean, Interval])[]): IntervalSet {
  const set = new IntervalSet();
  for (const [add, [lo, hi]] of changes) add ? set.add(lo, hi) : set.remove(lo, hi);
  return set;
}

function runs(flags: readonly boolean[], lo: number, hi: number, wanted: boolean): Interval[] {
  const found: Interval[] = [];
  for (let i = lo; i < hi; i++) {
    if ((flags[i] ?? false) !== wanted) continue;
    const last = found.at(-1);
    if (last !== undefined && last[1] === i) found[found.length - 1] = [last[0], i + 1];
    else found.push([i, i + 1]);
  }
  return found;
}

describe('IntervalSet', () => {
  test('answers every question as a list of flags does', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 24 }), interval, (changes, [lo, hi]) => {
        const set = build(changes);
        const flags = model(changes);
        const part = flags.slice(lo, hi);
        const inside = part.filter(Boolean).length;
        expect(set.toArray()).toEqual(runs(flags, 0, BOUND + 1, true));
        expect(set.size).toBe(set.toArray().length);
        expect(set.isEmpty()).toBe(!flags.includes(true));
        expect(set.end()).toBe(flags.lastIndexOf(true) + 1);
        expect(set.within(lo, hi)).toEqual(runs(flags, lo, hi, true));
        expect(set.gaps(lo, hi)).toEqual(runs(flags, lo, hi, false));
        expect(set.covers(lo, hi)).toBe(!part.includes(false));
        expect(set.overlaps(lo, hi)).toBe(part.includes(true));
        expect(set.count(lo, hi)).toBe(inside);
        expect(set.count()).toBe(flags.filter(Boolean).length);
        expect(set.has(lo)).toBe(flags[lo]);
        const gap = flags.indexOf(false, lo);
        expect(set.firstGap(lo)).toBe(gap < 0 ? BOUND + 1 : gap);
      }),
      { numRuns: 1000 },
    );
  });

  test('minus, union, clone and equals follow set algebra', () => {
    const changes = fc.array(change, { maxLength: 16 });
    fc.assert(
      fc.property(changes, changes, (first, second) => {
        const a = build(first);
        const b = build(second);
        const flagsB = model(second);
        const either = model(first).map((flag, i) => flag || flagsB[i] === true);
        const only = model(first).map((flag, i) => flag && flagsB[i] !== true);
        expect(a.union(b).toArray()).toEqual(runs(either, 0, BOUND + 1, true));
        expect(a.minus(b).toArray()).toEqual(runs(only, 0, BOUND + 1, true));
        expect(a.union(b).equals(b.union(a))).toBe(true);
        expect(
          a
            .minus(b)
            .union(a.minus(a.minus(b)))
            .equals(a),
        ).toBe(true);
        expect(a.equals(b)).toBe(JSON.stringify(a.toArray()) === JSON.stringify(b.toArray()));
      }),
      { numRuns: 1000 },
    );
  });

  test('a clone does not change with its original', () => {
    const set = new IntervalSet([[0, 4]]);
    const copy = set.clone();
    set.add(4, 9);
    expect(copy.toArray()).toEqual([[0, 4]]);
  });

  test('bounds up to 2^53 − 1 are kept exactly', () => {
    const set = new IntervalSet([[MAX_INDEX - 2, MAX_INDEX]]);
    set.remove(MAX_INDEX - 2, MAX_INDEX - 1);
    expect(set.toArray()).toEqual([[MAX_INDEX - 1, MAX_INDEX]]);
    expect(set.gaps(0, MAX_INDEX)).toEqual([[0, MAX_INDEX - 1]]);
    expect(set.firstGap(MAX_INDEX - 1)).toBe(MAX_INDEX);
  });

  test('a bound that is not a whole number is refused', () => {
    const set = new IntervalSet();
    expect(() => set.add(0.5, 3)).toThrow(TypeError);
    expect(() => set.remove(-1, 3)).toThrow(TypeError);
    expect(() => set.add(0, 2 ** 53)).toThrow('[0, 9007199254740992)');
  });
});
