import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnText } from '../../src/core/column.ts';
import { createAcceptedColumn } from '../../src/work/candidate/accepted-column.ts';
import { valueText } from '../../src/work/candidate/value-text.ts';

describe('a column', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const record = fc
    .uniqueArray(fc.string({ unit: 'binary' }), { maxLength: 4 })
    .chain((keys) =>
      fc
        .array(fc.tuple(...keys.map(() => number)), { maxLength: 8 })
        .map((rows) => rows.map((row) => Object.fromEntries(keys.map((key, j) => [key, row[j]])))),
    );
  const lists = fc.oneof(
    fc.array(number, { maxLength: 200 }),
    record,
    fc.array(json, { maxLength: 20 }),
    fc.tuple(record, fc.array(json, { maxLength: 4 }), record).map((parts) => parts.flat()),
    fc.tuple(fc.array(number), fc.array(json, { maxLength: 4 })).map((parts) => parts.flat()),
  );

  test('holds the JSON text of every value, in order', () => {
    fc.assert(
      fc.property(lists, (values) => {
        const column = createAcceptedColumn();
        for (const [k, value] of values.entries()) column.push(k * 3, value);
        const taken = column.take();
        const texts = values.map((_, k) => (taken === null ? '' : columnText(taken, k)));
        expect(texts).toEqual(values.map((value) => JSON.stringify(value)));
        expect([...(taken?.indices ?? [])]).toEqual(values.map((_, k) => k * 3));
        expect(column.take()).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['number', [1, -0, 3.5]],
    [
      'record',
      [
        { x: 1, y: 2 },
        { x: -0, y: 4 },
      ],
    ],
    [
      'text',
      [
        { 7: 1, x: 2 },
        { 7: 3, x: 4 },
      ],
    ],
    [
      'text',
      [
        { x: 1, y: 2 },
        { y: 1, x: 2 },
      ],
    ],
    ['text', [JSON.parse('{"__proto__":1}')]],
    ['text', [{ '\ud800': 1 }]],
    ['text', [1, 'a']],
    ['text', [{}]],
  ] as const)('is of kind %s for %j', (kind, values) => {
    const column = createAcceptedColumn();
    for (const [k, value] of values.entries()) column.push(k, value);
    const taken = column.take();
    expect(taken?.kind).toBe(kind);
    const texts = values.map((_, k) => (taken === null ? '' : columnText(taken, k)));
    expect(texts).toEqual(values.map((value) => JSON.stringify(value)));
  });

  test('has 0 for −0, so that equal texts have equal bits', () => {
    const column = createAcceptedColumn();
    column.push(1, { x: -0 });
    expect(column.take()).toMatchObject({ columns: [new Float64Array([0])] });
    column.push(1, -0);
    expect(column.take()).toMatchObject({ values: new Float64Array([0]) });
  });

  test('is as before after a value that cannot be kept', () => {
    const column = createAcceptedColumn();
    column.push(1, { x: 1 });
    expect(() => column.push(2, { x: Number.NaN })).toThrow('value.x is NaN');
    column.push(3, { x: 3 });
    expect(column.take()).toEqual({
      kind: 'record',
      keys: ['x'],
      indices: new Float64Array([1, 3]),
      columns: [new Float64Array([1, 3])],
    });
  });
});

describe('a value', () => {
  const cycle: { inner?: unknown } = {};
  cycle.inner = { cycle };
  const sparse: number[] = [];
  sparse[1] = 1;
  test.each<[unknown, string]>([
    [Number.NaN, 'value is NaN'],
    [{ rate: Number.NaN }, 'value.rate is NaN'],
    [{ a: [1, { 'b c': Number.NEGATIVE_INFINITY }] }, 'value.a[1]["b c"] is -Infinity'],
    [new Float64Array([1, Number.NaN]), 'value[1] is NaN'],
    [{ n: 1n }, 'value.n is a BigInt'],
    [[new Date(0)], 'value[0] is a Date'],
    [{ f: () => 1 }, 'value.f is a function'],
    [Symbol('s'), 'value is a symbol'],
    [[1, undefined], 'value[1] is undefined'],
    [sparse, 'value[0] is undefined'],
    [cycle, 'value.inner.cycle is a cycle'],
    [{ m: new Map() }, 'value.m is a Map'],
    ['é'.repeat(524_288), 'value is 1048578 bytes of JSON; at most 1048576 are kept'],
  ])('is refused with the path of what JSON cannot hold (%#)', (value, message) => {
    expect(() => valueText(value)).toThrow(message);
  });

  test('nested too deeply is refused before the stack ends', () => {
    let deep: unknown = 1;
    for (let k = 0; k < 100_000; k += 1) deep = [deep];
    expect(() => valueText(deep)).toThrow('is nested too deeply');
  });

  test('becomes what JSON can hold', () => {
    class Point {
      x = -0;
      y = undefined;
    }
    const shared = { a: 1 };
    const money = { toJSON: () => ({ cents: 5 }) };
    const value = [new Point(), new Int8Array([1, -2]), [shared, shared], money, null, 'ü', true];
    expect(valueText(value)).toBe('[{"x":0},[1,-2],[{"a":1},{"a":1}],{"cents":5},null,"ü",true]');
    expect(valueText('a'.repeat(1_048_574))).toHaveLength(1_048_576);
  });
});
