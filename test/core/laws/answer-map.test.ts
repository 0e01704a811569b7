import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AnswerMap } from '../../../src/core/answer-map.ts';
import type { Column } from '../../../src/core/column.ts';
import { type Outcome, outcomeKey } from '../../../src/core/outcome.ts';

const BOUND = 16;

const outcome: fc.Arbitrary<Outcome | undefined> = fc.constantFrom(
  undefined,
  { kind: 'value', text: '1' },
  { kind: 'value', text: '"b"' },
  { kind: 'long', hash: 'cd'.repeat(32), bytes: 300 },
  { kind: 'error', name: 'RangeError', detail: 'x' },
);

const changes = fc.array(fc.tuple(fc.nat(BOUND - 1), outcome), { maxLength: 40 });

function built(all: readonly (readonly [number, Outcome | undefined])[], items: boolean) {
  const map = new AnswerMap(items);
  const plain: (Outcome | undefined)[] = Array.from({ length: BOUND }, () => undefined);
  for (const [index, value] of all) {
    map.set(index, value);
    plain[index] = value;
  }
  const indices = (wanted: (value: Outcome) => boolean): number[] =>
    plain.flatMap((value, index) => (value !== undefined && wanted(value) ? [index] : []));
  return { map, plain, indices };
}

/** A column in which each value tells its index. */
function columnOf(kind: Column['kind'], indices: Float64Array): Column {
  switch (kind) {
    case 'number':
      return { kind, indices, values: indices.slice() };
    case 'text':
      return { kind, indices, texts: Array.from(indices, (index) => `"${index}"`) };
    case 'record':
      return { kind, indices, keys: ['a', 'b'], columns: [indices, indices.map((i) => -i)] };
    case 'hash': {
      const hashes = Array.from(indices, (index) => `hash ${index}`);
      return { kind, indices, hashes, sizes: hashes.map(() => 300) };
    }
  }
}

/** The key of the outcome that such a column has at an index. */
function keyOf(kind: Column['kind'], index: number): string {
  if (kind === 'hash') return `long hash ${index}`;
  if (kind === 'number') return `value ${index}`;
  return kind === 'text' ? `value "${index}"` : `value {"a":${index},"b":${0 - index}}`;
}

const failed = ({ kind }: Outcome): boolean => kind === 'error';

describe('an answer map', () => {
  test('answers every question as a list of outcomes does', () => {
    fc.assert(
      fc.property(changes, fc.boolean(), fc.nat(BOUND), fc.nat(BOUND), (all, items, lo, hi) => {
        const { map, plain, indices } = built(all, items);
        const lines = indices((value) => items || !failed(value));
        const errors = indices(failed);
        for (const [index, value] of plain.entries()) expect(map.get(index)).toEqual(value);
        expect(map.lines).toBe(lines.length);
        expect(lines.map((_, k) => map.lineAt(k))).toEqual(lines);
        expect(map.lineAt(lines.length)).toBeUndefined();
        expect(map.positionOf(lo)).toBe(lines.filter((index) => index < lo).length);
        expect(map.errors).toBe(errors.length);
        expect(map.errorsBelow(hi)).toBe(errors.filter((index) => index < hi).length);
        expect(map.firstErrors(3).map(([index]) => index)).toEqual(errors.slice(0, 3));
        const within = indices(() => true).filter((index) => index >= lo && index < hi);
        expect([...map.indicesWithin(lo, hi)].sort((a, b) => a - b)).toEqual(within);
      }),
      { seed: 251, numRuns: 1500 },
    );
  });

  test('is the same when many indices come at once as when they come one by one', () => {
    const fresh = fc.uniqueArray(fc.tuple(fc.nat(4 * BOUND), outcome), {
      selector: ([index]) => index,
    });
    fc.assert(
      fc.property(fresh, fc.nat(40), fc.boolean(), (all, cut, items) => {
        const known = all.filter((entry): entry is [number, Outcome] => entry[1] !== undefined);
        const [one, many] = [new AnswerMap(items), new AnswerMap(items)];
        for (const [index, value] of known) one.set(index, value);
        many.addAll(known.slice(0, cut));
        many.addAll(known.slice(cut));
        const lines = (map: AnswerMap) =>
          Array.from({ length: map.lines }, (_, k) => map.lineAt(k));
        expect(lines(many)).toEqual(lines(one));
        expect(many.firstErrors(100)).toEqual(one.firstErrors(100));
        for (const [index] of all) expect(many.get(index)).toEqual(one.get(index));
      }),
      { seed: 252, numRuns: 1500 },
    );
  });

  test('keeps columns of any kind and size in index order, however they lie in one another', () => {
    const kinds = fc.constantFrom('number', 'text', 'record', 'hash' as const);
    const columns = fc.array(fc.tuple(kinds, fc.nat(3000), fc.integer({ min: 1, max: 900 })), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(columns, fc.array(fc.nat(6000), { maxLength: 5 }), (all, changed) => {
        const map = new AnswerMap(false);
        const plain = new Map<number, string>();
        for (const [n, [kind, lo, count]] of all.entries()) {
          const free = Array.from({ length: count }, (_, k) => lo + 2 * k + (n % 2));
          const indices = Float64Array.from(free.filter((index) => !plain.has(index)));
          if (indices.length === 0) continue;
          map.addSegment([columnOf(kind, indices)], []);
          for (const index of indices) plain.set(index, keyOf(kind, index));
        }
        for (const [k, index] of changed.entries()) {
          map.set(index, k % 2 === 0 ? undefined : { kind: 'value', text: '7' });
          if (k % 2 === 0) plain.delete(index);
          else plain.set(index, 'value 7');
        }
        const rising = [...plain].sort(([a], [b]) => a - b);
        const lines = [...map.linesBetween(0, map.lines)];
        expect(lines.map(({ index, outcome }) => [index, outcomeKey(outcome)])).toEqual(rising);
        const [from, to] = [map.positionOf(1000), map.positionOf(2000)];
        expect([...map.linesBetween(from, to)]).toEqual(lines.slice(from, to));
        for (const [k, { index, outcome }] of lines.entries()) {
          if (k % 37 !== 0) continue;
          expect([map.lineAt(k), map.positionOf(index), map.get(index)]).toEqual([
            index,
            k,
            outcome,
          ]);
        }
      }),
      { seed: 253, numRuns: 150 },
    );
  });

  test('is the same whatever was said of other indices in between', () => {
    const orders = fc
      .uniqueArray(fc.tuple(fc.nat(BOUND - 1), outcome), { selector: ([index]) => index })
      .chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
      );
    fc.assert(
      fc.property(orders, fc.boolean(), ([first, second], items) => {
        const [a, b] = [first, second].map((order) => {
          const { map } = built(order, items);
          const lines = Array.from({ length: map.lines }, (_, k) => map.lineAt(k) ?? -1);
          return { lines, outcomes: lines.map((index) => map.get(index)), errors: map.errors };
        });
        expect(b).toEqual(a);
      }),
      { seed: 252, numRuns: 800 },
    );
  });
});
