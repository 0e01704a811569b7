import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { coverageOf, inputsOf, openBench, textsOf, type WorkBench } from '../work/work-bench.ts';

/** A program of 2 × index, of which candidate 3 does something first, and what follows it, too. */
function program(attack: string, after = ''): string {
  return `import { closeSync, writeFileSync, writeSync } from 'node:fs';
    import { serialize } from 'node:v8';
    const raw = (hex) => writeSync(5, Buffer.from(hex, 'hex'));
    const tell = (message) => {
      const body = serialize(message);
      const head = Buffer.alloc(4);
      head.writeUInt32BE(body.length);
      const frame = Buffer.concat([head, body]);
      for (let at = 0; at < frame.length; ) at += writeSync(5, frame, at);
    };
    const batch = (more) => tell({ kind: 'batch', lo: 3, hi: 4, column: null, errors: [], ms: 1,
      worn: false, next: 1, ...more });
    const numbers = (indices, values) => batch({ column: { kind: 'number',
      indices: Float64Array.from(indices), values: Float64Array.from(values) } });
    const texts = (...texts) => batch({ column: { kind: 'text',
      indices: Float64Array.of(3), texts } });
    const doubles = Float64Array;
    let attacked = false;
    export default ({ index }) => {
      if (attacked) { ${after} }
      if (index === 3) { attacked = true; ${attack} }
      return index * 2;
    };`;
}

const LAST = 40;

/** All but candidate 3. */
const OTHERS = Array.from({ length: LAST }, (_, k) => `${k}:${2 * k}`).toSpliced(3, 1);

async function lostByAttack(
  bench: WorkBench,
  attack: string,
  { lo = 0, after = '' }: { readonly lo?: number; readonly after?: string } = {},
): Promise<string> {
  const inputs = inputsOf(program(attack, after));
  const { parts, failed, ended } = bench.execute({ lo, hi: LAST }, inputs);
  expect(await ended).toBe('finished');
  expect(textsOf(parts)).toEqual(OTHERS.slice(lo));
  expect(failed.map(({ index, failure }) => [index, failure.kind])).toEqual([[3, 'died']]);
  return failed[0]?.failure.detail ?? '';
}

const MESSAGES: readonly [what: string, attack: string][] = [
  ['null', 'tell(null)'],
  ['a number', 'tell(7)'],
  ['no known kind', "tell({ kind: 'toString' })"],
  ['a key too many', "tell({ kind: 'log.settled', isKept: true, more: 1 })"],
  ['no column', 'batch({ column: {} })'],
  ['no column and no errors', 'batch({ column: null, errors: null })'],
  ['no line', "tell({ kind: 'log', lines: [null] })"],
  ['no piece', "tell({ kind: 'output', index: 3, piece: null })"],
  ['no failure', "tell({ kind: 'failure', index: -5, failure: null })"],
  [
    'the failure of another',
    `tell({ kind: 'failure', index: 30,
    failure: { kind: 'stack', detail: '' } })`,
  ],
  ['outcomes elsewhere', 'batch({ lo: 30, hi: 31 })'],
  ['outcomes beyond its span', `batch({ lo: 1, hi: ${LAST + 1} })`],
  ['half an index', 'batch({ hi: 3.5 })'],
  ['no next batch', 'batch({ next: 0 })'],
  ['time below nothing', 'batch({ ms: NaN })'],
  ['an index that falls', 'numbers([3, 3], [1, 2])'],
  ['an index of another', 'numbers([7], [1])'],
  ['a number that JSON has not', 'numbers([3], [Infinity])'],
  ['a number too few', 'numbers([3], [])'],
  [
    'a key twice',
    `batch({ column: { kind: 'record', keys: ['a', 'a'], indices: doubles.of(3),
    columns: [doubles.of(1), doubles.of(1)] } })`,
  ],
  ['no JSON', "texts('{')"],
  ['two lines', "texts('[1,\\n2]')"],
  ['a text that is none', 'texts({ length: 5 })'],
  [
    'two outcomes',
    `batch({ column: { kind: 'text', indices: doubles.of(3), texts: ['1'] },
    errors: [{ index: 3, name: 'E', detail: '' }] })`,
  ],
  [
    'a long line',
    `tell({ kind: 'log', lines: [{ timeMs: 1, index: 3, level: 'info',
    text: 'x'.repeat(3000), held: false }] })`,
  ],
  [
    'a line of no time',
    `tell({ kind: 'log', lines: [{ timeMs: 1e17, index: 3, level: 'info',
    text: 'x', held: false }] })`,
  ],
  ['a second load', "tell({ kind: 'loaded', teardown: true, seedless: true })"],
  ['an answer unasked', "tell({ kind: 'drained', token: 5 })"],
  ['an end unasked', "tell({ kind: 'leaving' })"],
  [
    'a draw without a trace',
    `tell({ kind: 'draw',
    draw: { call: '', first: 0, count: 1, value: 1 } })`,
  ],
  [
    'output without commands',
    `tell({ kind: 'output', index: 3,
    piece: { name: 'stdout', at: 0, bytes: Buffer.from('x'), startedMs: 1 } })`,
  ],
  ['bytes of no message', "raw('00000004ff0fffff')"],
  ['nothing', "raw('00000000')"],
  ['more than a message holds', "raw('ffffffff00000000ffffffffffffffff')"],
  ['what eats memory', 'tell(Array.from({ length: 9e5 }, () => new Map()))'],
];

describe('user code that takes its executor over is a candidate that died, when it tells', () => {
  test.each(MESSAGES)('%s', { timeout: 30_000 }, async (_, attack) => {
    await using bench = await openBench();
    expect(await lostByAttack(bench, `${attack}; for (;;);`)).toMatch(/took its executor over: /);
    expect(bench.events.filter((event) => event.startsWith('executor.fault'))).not.toEqual([]);
    expect(bench.logged.map(({ text }) => text).join()).toMatch(/took its executor over/);
  });

  test('something, and goes on as if nothing were', async () => {
    await using bench = await openBench();
    expect(await lostByAttack(bench, 'tell(null)')).toMatch(/took its executor over: /);
  });

  test.each([0, 3])(
    'something, and is in another candidate by the time it is ended, from %i on',
    {
      timeout: 30_000,
    },
    async (lo) => {
      const folder = await mkdtemp(join(tmpdir(), 'meshd-test-'));
      const mark = join(folder, 'goes-on');
      const pause = new Int32Array(new SharedArrayBuffer(4));
      const onLine = (text: string): void => {
        if (text !== 'soon') return;
        // Nothing follows where its span ends there: then it is over soon.
        const end = performance.now() + 500;
        while (!existsSync(mark) && performance.now() < end) Atomics.wait(pause, 0, 0, 1);
        rmSync(mark, { force: true });
      };
      await using bench = await openBench({ onLine });
      const after = `writeFileSync(${JSON.stringify(mark)}, ''); for (;;);`;
      const line = "{ timeMs: 1, index: 3, level: 'info', text: 'soon', held: false }";
      const attack = `tell({ kind: 'log', lines: [${line}] }); tell(null);`;
      const told = await lostByAttack(bench, attack, { lo, after });
      expect(told).toMatch(/took its executor over: /);
      await rm(folder, { recursive: true });
    },
  );
});

describe('no order waits for an executor', () => {
  test.each([
    ['half a head', "raw('0000')", /half a message/],
    ['half a message', "raw('00400000ff0f')", /half a message/],
    ['no more to hear it', 'closeSync(3)', /lives on/],
    ['no way to tell anything', 'closeSync(5); for (;;);', /lives on/],
    ['words where it should listen', "writeSync(3, 'x'); for (;;);", /it is to read/],
  ])('that has %s', async (_, attack, why) => {
    await using bench = await openBench({ stillMs: 300 });
    const wait = 'const end = Date.now() + 900; while (Date.now() < end);';
    expect(await lostByAttack(bench, `${attack}; ${wait}`)).toMatch(why);
  });
});

test('a flood of good messages neither fills its peer nor keeps it from others', async () => {
  await using bench = await openBench();
  const line = "{ timeMs: 1, index: 3, level: 'info', text: 'x'.repeat(2000), held: false }";
  const flood = `const line = ${line}; const message = { kind: 'log', lines: Array.from({ length: 1000 }, () => ({ ...line })) };
    for (;;) tell(message);`;
  const before = process.memoryUsage().rss;
  const limits = { ...NO_LIMITS, timeoutMs: 2000 };
  const flooding = bench.execute({ hi: LAST, limits }, inputsOf(program(flood)));
  const other = bench.execute({ hi: 1e5 }, inputsOf('export default ({ index }) => index * 2'));
  expect(await other.ended).toBe('finished');
  expect(coverageOf(other.parts)).toEqual([[0, 1e5]]);
  expect(await flooding.ended).toBe('finished');
  expect(textsOf(flooding.parts)).toEqual(OTHERS);
  expect(flooding.failed.map(({ index, failure }) => [index, failure.kind])).toEqual([
    [3, 'timeout'],
  ]);
  // What it may log at once, twice, and in each second of the few that it has.
  expect(bench.logged.length).toBeGreaterThan(5000);
  expect(bench.logged.length).toBeLessThan(60_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(500e6);
});

test('a flood of short messages waits in its executor', async () => {
  await using bench = await openBench();
  const limits = { ...NO_LIMITS, timeoutMs: 2000 };
  const flood = "for (let k = 1; ; k += 1) tell({ kind: 'log.dropped', index: 3, lines: 1 });";
  const flooding = bench.execute({ hi: LAST, limits }, inputsOf(program(flood)));
  expect(await flooding.ended).toBe('finished');
  expect(textsOf(flooding.parts)).toEqual(OTHERS);
  // Two executors of 2 s: 10 000 at once and 2000 a second of each, and a margin of as much.
  expect(bench.events.length).toBeLessThan(60_000);
});

test('a batch that is longer than a message comes in several', async () => {
  await using bench = await openBench();
  // Cheap ones first, so that batches are long by then.
  const source = `export default ({ index }) => {
    if (index < 2e6) return undefined;
    if (index % 3 === 0) throw new Error('e'.repeat(2000));
    return '中'.repeat(index % 5 === 0 ? 300_000 : 3000);
  }`;
  const [lo, hi] = [1_990_000, 2_000_900];
  const { parts, failed, ended } = bench.execute({ lo, hi }, inputsOf(source));
  expect(await ended).toBe('finished');
  expect(failed).toEqual([]);
  expect(coverageOf(parts)).toEqual([[lo, hi]]);
  const late = Array.from({ length: 900 }, (_, k) => 2_000_000 + k);
  const errors = parts.flatMap((part) => part.errors.map(({ index }) => index));
  expect(errors).toEqual(late.filter((index) => index % 3 === 0));
  const lengths = textsOf(parts).map((text) => text.length);
  const values = late.filter((index) => index % 3 !== 0);
  // The index, a colon, and two quotes.
  expect(lengths).toEqual(values.map((index) => 7 + 1 + 2 + (index % 5 === 0 ? 3e5 : 3000)));
});
