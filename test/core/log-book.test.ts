import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IntervalSet } from '../../src/core/interval-set.ts';
import { LogBook } from '../../src/core/log-book.ts';
import type { RecordKey } from '../../src/core/record.ts';
import { sha256 } from '../sim/world/machine.ts';

const SCOPE = 'ab'.repeat(32);
const START = { incarnation: 1, nonce: '00'.repeat(8) };

function key(n: number, origin = 'anna', incarnation = 1): RecordKey {
  return { scope: SCOPE, origin, start: { ...START, incarnation }, n };
}

function bookOf(keys: readonly RecordKey[]): LogBook {
  const book = new LogBook();
  for (const each of keys) book.add(each);
  return book;
}

const keys = fc.array(
  fc
    .tuple(fc.nat(20), fc.constantFrom('anna', 'bert'), fc.integer({ min: 1, max: 2 }))
    .map(([n, origin, incarnation]) => key(n, origin, incarnation)),
  { maxLength: 40 },
);

describe('a log book', () => {
  test('tells what it holds as intervals, gaps included', () => {
    const book = bookOf([0, 1, 2, 5, 6, 9].map((n) => key(n)));
    expect(book.summary(SCOPE)).toEqual([
      {
        origin: 'anna',
        start: START,
        ranges: [
          [0, 3],
          [5, 7],
          [9, 10],
        ],
      },
    ]);
    expect(book.summary('control')).toEqual([]);
  });

  test('two books have the same digest exactly when they hold the same', () => {
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        const [first, second] = [bookOf(a), bookOf(b)];
        const same = JSON.stringify(first.summary(SCOPE)) === JSON.stringify(second.summary(SCOPE));
        expect(first.digest(SCOPE, sha256) === second.digest(SCOPE, sha256)).toBe(same);
      }),
    );
  });

  test('the digest follows every record', () => {
    const book = bookOf([key(0)]);
    const before = book.digest(SCOPE, sha256);
    expect(book.digest(SCOPE, sha256)).toBe(before);
    book.add(key(1));
    expect(book.digest(SCOPE, sha256)).not.toBe(before);
  });

  test('what is lacking, once fetched, leaves nothing lacking and nothing exceeded', () => {
    fc.assert(
      fc.property(keys, keys, (mine, theirs) => {
        const [here, there] = [bookOf(mine), bookOf(theirs)];
        for (const { origin, start, ranges } of here.lacks(SCOPE, there.summary(SCOPE))) {
          for (const [lo, hi] of ranges) {
            for (let n = lo; n < hi; n++) {
              const lacking = { scope: SCOPE, origin, start, n };
              expect(here.has(lacking)).toBe(false);
              expect(there.has(lacking)).toBe(true);
              here.add(lacking);
            }
          }
        }
        expect(here.lacks(SCOPE, there.summary(SCOPE))).toEqual([]);
        expect(there.exceeds(SCOPE, here.summary(SCOPE))).toBe(false);
        for (const each of mine) expect(here.has(each)).toBe(true);
      }),
    );
  });

  test('it exceeds a summary exactly when the other side lacks something', () => {
    fc.assert(
      fc.property(keys, keys, (mine, theirs) => {
        const [here, there] = [bookOf(mine), bookOf(theirs)];
        const lacking = there.lacks(SCOPE, here.summary(SCOPE));
        expect(here.exceeds(SCOPE, there.summary(SCOPE))).toBe(lacking.length > 0);
      }),
    );
  });

  test('a gap in the middle is lacking, whatever the highest number is', () => {
    const book = bookOf([0, 1, 9].map((n) => key(n)));
    const ranges = new IntervalSet([[0, 10]]).toArray();
    const [lacking] = book.lacks(SCOPE, [{ origin: 'anna', start: START, ranges }]);
    expect(lacking?.ranges).toEqual([[2, 9]]);
  });

  test('a refused record is not held and not fetched again', () => {
    const book = bookOf([key(0)]);
    book.refuse(key(1));
    const ranges = new IntervalSet([[0, 3]]).toArray();
    const [lacking] = book.lacks(SCOPE, [{ origin: 'anna', start: START, ranges }]);
    expect(lacking?.ranges).toEqual([[2, 3]]);
    expect(book.has(key(1))).toBe(false);
  });

  test("the next number of one's own log is above all, for each start anew", () => {
    const book = bookOf([0, 1, 4].map((n) => key(n)));
    expect(book.next(SCOPE, 'anna', START)).toBe(5);
    expect(book.next(SCOPE, 'anna', { ...START, incarnation: 2 })).toBe(0);
    expect(book.next('control', 'anna', START)).toBe(0);
  });

  test('a dropped scope is forgotten whole, but for the numbers that are used up', () => {
    const book = bookOf([key(0)]);
    const before = book.digest(SCOPE, sha256);
    book.drop(SCOPE, 'anna', START);
    expect(book.next(SCOPE, 'anna', START)).toBe(1);
    expect(book.has(key(0))).toBe(false);
    expect(book.digest(SCOPE, sha256)).not.toBe(before);
    expect(book.digest(SCOPE, sha256)).toBe(new LogBook().digest('control', sha256));
  });
});
