import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/column.ts';
import { columnForm, columnTuple } from '../../src/core/column-codec.ts';
import { Rejection } from '../../src/core/form.ts';

const LO = 100;
const HI = 100_000;

/** What a column's encodable form is refused for; the empty text when it is taken. */
function fault(tuple: unknown): string {
  const column = columnForm(LO, HI)(tuple);
  return column instanceof Rejection ? column.reason : '';
}

function numbers(steps: readonly number[], count: number): unknown {
  return [0, Uint8Array.from(steps), new Uint8Array(8 * count)];
}

describe('the indices of a column', () => {
  test('are steps of seven bits a byte from the start of the interval', () => {
    const column: Column = {
      kind: 'number',
      indices: Float64Array.of(100, 101, 229, 16_614, 99_999),
      values: new Float64Array(5),
    };
    const [, steps] = columnTuple(column, LO);
    expect(steps).toEqual(Uint8Array.of(0, 0, 127, 0x80, 0x80, 0x01, 0xb8, 0x8b, 0x05));
    expect(columnForm(LO, HI)(columnTuple(column, LO))).toEqual(column);
  });

  test.each([
    ['a step with a needless byte', [0x80, 0x00], 1, 'shortest form'],
    ['a step that is cut short', [0x80], 1, 'cut short'],
    ['a step of nine bytes', [255, 255, 255, 255, 255, 255, 255, 255, 1], 1, 'too long'],
    ['an index at the end', [0xbc, 0x8c, 0x06], 1, 'outside'],
    ['more numbers than indices', [1], 2, 'not 1 numbers'],
    ['fewer numbers than indices', [1, 1, 1], 2, 'not 3 numbers'],
  ])('%s is refused', (_, steps, count, reason) => {
    expect(fault(numbers(steps, count))).toContain(reason);
  });

  test('65 536 are taken, one more is not', () => {
    const at = (count: number): unknown => [2, new Uint8Array(count), Array(count).fill('1')];
    expect(fault(at(65_536))).toBe('');
    expect(fault(at(65_537))).not.toBe('');
  });
});

describe('the values of a column', () => {
  const steps = Uint8Array.of(3);
  const one = new Uint8Array(8);
  const hash = new Uint8Array(32);

  test.each<[string, unknown, string]>([
    ['a text of 257 characters', [2, steps, [`"${'x'.repeat(255)}"`]], '0 to 256'],
    ['a text for no index', [2, steps, ['1', '2']], 'not 1 texts'],
    ['two keys of one name', [1, steps, ['a', 'a'], [one, one]], 'do not fit'],
    ['a key without a column', [1, steps, ['a', 'b'], [one]], 'do not fit'],
    ['no keys', [1, steps, [], []], 'a list of 1'],
    ['a hash of 31 bytes', [3, steps, [hash.slice(1)], [300]], '32 to 32 bytes'],
    ['a hash for no index', [3, steps, [hash, hash], [300, 300]], 'not 1 hashes'],
    ['a value of nothing', [3, steps, [hash], [0]], 'from 1 to'],
    ['a value above 1 MiB', [3, steps, [hash], [1_048_577]], 'from 1 to'],
    ['an unknown kind', [4, steps, []], 'not a column'],
    ['no list', { kind: 0 }, 'not a column'],
  ])('%s is refused', (_, tuple, reason) => {
    expect(fault(tuple)).toContain(reason);
  });

  test('the longest inline text and the longest value are taken', () => {
    expect(fault([2, steps, [`"${'x'.repeat(254)}"`]])).toBe('');
    expect(fault([3, steps, [hash], [1_048_576]])).toBe('');
    expect(fault([1, steps, ['a'], [one]])).toBe('');
  });
});
