import { describe, expect, test } from 'vitest';
import { columnText } from '../../src/core/column.ts';
import { nextBatchSize } from '../../src/work/candidate/batch-size.ts';
import { type Batch, createEvaluator, type Evaluator } from '../../src/work/candidate/evaluate.ts';
import { loadProgram } from '../../src/work/candidate/load-program.ts';
import { createStreams } from '../../src/work/candidate/rng.ts';
import { Scratch } from '../../src/work/sandbox/scratch.ts';

async function evaluatorOf(exports: object, params: unknown = null): Promise<Evaluator> {
  const program = await loadProgram(async () => exports, params);
  const streams = createStreams(7);
  return createEvaluator({
    program,
    streams,
    log: () => {},
    scratch: new Scratch('/nowhere'),
    at: new Float64Array(1),
    note() {},
    isFull: () => false,
    judging: { judge: null },
    restore() {},
    now: () => 0,
  });
}

function shown({ lo, hi, column, errors, failure }: Batch): unknown {
  const texts = [...(column?.indices ?? [])].map((index, k) => {
    return `${index}:${column === null ? '' : columnText(column, k)}`;
  });
  const names = errors.map(
    ({ index, name, detail }) => `${index}:${name}:${detail.split('\n')[0]}`,
  );
  return { lo, hi, texts, names, ...(failure === undefined ? {} : { failure: failure.kind }) };
}

describe('a batch', () => {
  test('has rejected, accepted and error outcomes', async () => {
    const evaluate = await evaluatorOf({
      default({ index }: { index: number }) {
        if (index === 1) return { x: index };
        if (index === 2) throw new TypeError('no two');
        if (index === 3) return { x: Number.NaN };
        if (index === 4) throw 'text';
        return index === 5 ? null : undefined;
      },
    });
    expect(shown(await evaluate(0, 7))).toEqual({
      lo: 0,
      hi: 7,
      texts: ['1:{"x":1}', '5:null'],
      names: [
        '2:TypeError:TypeError: no two',
        '3:ValueError:ValueError: value.x is NaN',
        '4:Error:thrown: text',
      ],
    });
  });

  test.each([
    ['sync', (value: number) => value],
    ['async', async (value: number) => value],
    ['sometimes async', (value: number) => (value % 3 === 0 ? Promise.resolve(value) : value)],
  ])('of a %s function has the draws of its indices', async (_, wrap) => {
    const evaluate = await evaluatorOf({
      default: ({ rng }: { rng: { uniform(): number } }) => wrap(Math.floor(rng.uniform() * 100)),
    });
    const { rng, open } = createStreams(7);
    const expected = Array.from({ length: 20 }, (_, k) => {
      open(k + 5);
      return Math.floor(rng.uniform() * 100);
    });
    const batch = await evaluate(5, 25);
    expect([...(batch.column as { values: Float64Array }).values]).toEqual(expected);
    expect(batch.hi).toBe(25);
  });

  test.each([
    ['a word', (value: number) => value > 1],
    ['a promised word', async (value: number) => value > 1],
  ])('keeps only what accept lets through: %s', async (_, accept) => {
    const even = { default: ({ index }: { index: number }) => index, accept };
    expect(shown(await (await evaluatorOf(even))(0, 4))).toMatchObject({ texts: ['2:2', '3:3'] });
    const late = { ...even, default: async ({ index }: { index: number }) => index };
    expect(shown(await (await evaluatorOf(late))(0, 4))).toMatchObject({ texts: ['2:2', '3:3'] });
  });

  test('passes items, params and the result of setup', async () => {
    const evaluate = await evaluatorOf(
      {
        setup: async ({ params }: { params: { by: number } }) => params.by * 10,
        default: (input: { item: number; params: { by: number }; state: number }) =>
          input.item * input.params.by + input.state,
      },
      { by: 3 },
    );
    expect(shown(await evaluate(8, 10, ['5', '6']))).toMatchObject({ texts: ['8:45', '9:48'] });
  });

  const system = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT', errno: -2 });
  test.each<[string, () => unknown]>([
    ['stack', () => recurse()],
    ['memory', () => new ArrayBuffer(2 ** 52)],
    ['system', () => throwing(system)],
    ['system', () => throwing(new TypeError('fetch failed', { cause: system }))],
    ['system', async () => throwing(system)],
  ])('ends before a failure of kind %s (%#)', async (kind, fail) => {
    const evaluate = await evaluatorOf({
      default: ({ index }: { index: number }) => (index === 3 ? fail() : index),
    });
    const batch = await evaluate(1, 9);
    expect(shown(batch)).toMatchObject({ hi: 3, failure: kind, texts: ['1:1', '2:2'], names: [] });
    expect(shown(await evaluate(4, 6))).toMatchObject({ hi: 6, texts: ['4:4', '5:5'] });
  });

  test.each<[string, () => unknown]>([
    ['ERR_INVALID_ARG_TYPE', () => throwing(Object.assign(new TypeError('x'), { code: 'ERR_X' }))],
    ['a wrong length', () => new Array(-1)],
  ])('takes %s for an outcome', async (_, fail) => {
    const batch = await (await evaluatorOf({ default: fail }))(0, 1);
    expect(batch.failure).toBeUndefined();
    expect(batch.errors).toHaveLength(1);
  });

  test('ends early when its time is over', async () => {
    let time = 0;
    const program = await loadProgram(
      async () => ({
        default: () => {
          time += 30;
        },
      }),
      null,
    );
    const parts = {
      program,
      streams: createStreams(1),
      log: () => {},
      scratch: new Scratch('/nowhere'),
      at: new Float64Array(1),
      note() {},
      isFull: () => false,
      judging: { judge: null },
      restore() {},
    };
    const batch = await createEvaluator({ ...parts, now: () => time })(0, 16);
    expect([batch.hi, batch.ms]).toEqual([4, 120]);
  });
});

test.each<[object, string]>([
  [{}, 'there is no default export'],
  [{ default: 5 }, 'the export default is no function but number'],
  [{ default: () => 1, setup: {} }, 'the export setup is no function but object'],
  [{ default: () => 1, setup: () => throwing(new Error('no data')) }, 'setup threw Error: no data'],
])('a program that cannot be used is refused with its reason (%#)', async (exports, reason) => {
  await expect(loadProgram(async () => exports, null)).rejects.toThrow(reason);
});

test('batches grow by 8 at most and aim at 50 ms', () => {
  expect(nextBatchSize(1, 0.001)).toBe(8);
  expect(nextBatchSize(100, 100)).toBe(50);
  expect(nextBatchSize(1, 4000)).toBe(1);
});

function recurse(): number {
  return recurse() + 1;
}

function throwing(error: Error): never {
  throw error;
}
