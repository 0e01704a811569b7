import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { inputsOf, openBench } from './work-bench.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-teardown-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A program that notes its setups and teardowns by process, in a file. */
function program(evaluate = 'index', teardown = ''): string {
  const file = JSON.stringify(join(folder, 'notes'));
  return `import { appendFileSync } from 'node:fs';
    const note = (what) => appendFileSync(${file}, what + ' ' + process.pid + '\\n');
    export const setup = () => { note('setup'); return { pid: process.pid }; };
    export default async ({ index }) => { return ${evaluate}; };
    export const teardown = async ({ state, params }) => {
      note('teardown' + params + (state.pid === process.pid));
      ${teardown}
    };`;
}

/** How often each process was set up and torn down. */
function notes(): { readonly setups: string[]; readonly teardowns: string[] } {
  let text = '';
  try {
    text = readFileSync(join(folder, 'notes'), 'utf8');
  } catch {
    // Nothing was noted yet.
  }
  const lines = text.split('\n');
  const after = (word: string): string[] =>
    lines.flatMap((line) => (line.startsWith(word) ? [line.slice(word.length)] : [])).sort();
  return { setups: after('setup '), teardowns: after('teardown7true ') };
}

const params = { params: '7' };

describe('teardown is called once', () => {
  test('for each executor at the close, with its state and the parameters', async () => {
    const bench = await openBench();
    const inputs = inputsOf(program(), params);
    await Promise.all([
      bench.execute({ lo: 0, hi: 5 }, inputs).ended,
      bench.execute({ lo: 5, hi: 9 }, inputs).ended,
    ]);
    expect(notes().setups).toHaveLength(2);
    expect(notes().teardowns).toEqual([]);
    await bench.workforce.close();
    expect(notes().teardowns).toEqual(notes().setups);
  });

  test('and what it logs where an order is only compared is in no log', async () => {
    const bench = await openBench();
    const inputs = inputsOf(program("console.log('own'), index", "console.log('over');"), params);
    await bench.execute({ lo: 0, hi: 2, fresh: true }, inputs).ended;
    await bench.execute({ lo: 2, hi: 4, fresh: true, unlogged: true }, inputs).ended;
    await bench.workforce.close();
    expect(notes().teardowns).toHaveLength(2);
    expect(bench.logged.map(({ text }) => text)).toEqual(['own', 'own', 'over']);
  });

  test('where each candidate has an executor of its own', async () => {
    await using bench = await openBench();
    await bench.execute({ lo: 0, hi: 3, each: true }, inputsOf(program(), params)).ended;
    await expect.poll(() => notes().teardowns.length, { timeout: 5000 }).toBe(3);
    expect(notes().teardowns).toEqual(notes().setups);
  });

  test('where the computation is forgotten', async () => {
    await using bench = await openBench();
    const inputs = inputsOf(program(), params);
    await bench.execute({}, inputs).ended;
    bench.workforce.forget(inputs.computation);
    bench.workforce.forget(inputs.computation);
    await expect.poll(() => notes().teardowns.length, { timeout: 5000 }).toBe(1);
    await bench.workforce.close();
    expect(notes().teardowns).toEqual(notes().setups);
  });

  test('where an executor had nothing to do for its time', async () => {
    await using bench = await openBench({ idleMs: 100 });
    await bench.execute({}, inputsOf(program(), params)).ended;
    await expect.poll(() => notes().teardowns.length, { timeout: 5000 }).toBe(1);
  });

  test('after a rerun', async () => {
    await using bench = await openBench();
    const limits = { timeoutMs: null, memoryBytes: null };
    await bench.workforce.rerun(inputsOf(program(), params), limits, 3);
    await expect.poll(() => notes().teardowns.length, { timeout: 5000 }).toBe(1);
  });
});

describe('teardown', () => {
  test('is not called in an executor that is killed', async () => {
    await using bench = await openBench();
    const inputs = inputsOf(program('new Promise(() => console.log("runs"))'), params);
    const { id, ended, line } = bench.execute({}, inputs);
    expect(await line).toBe('runs');
    bench.workforce.stop(id, 'kill');
    await ended;
    await bench.workforce.close();
    expect(notes()).toMatchObject({ setups: [expect.any(String)], teardowns: [] });
  });

  test('that throws says so in the log', async () => {
    await using bench = await openBench();
    await bench.execute({}, inputsOf(program('1', 'throw new RangeError("gone");'), params)).ended;
    await bench.workforce.close();
    expect(bench.logged).toEqual([expect.objectContaining({ index: null, level: 'error' })]);
    expect(bench.logged[0]?.text).toMatch(/^teardown threw RangeError: gone/);
  });

  test('that has no end is ended after its time, and the log says so', async () => {
    const bench = await openBench({ teardownMs: 700 });
    await bench.execute({}, inputsOf(program('1', 'for (;;);'), params)).ended;
    const start = performance.now();
    await bench.workforce.close();
    expect(performance.now() - start).toBeGreaterThan(690);
    expect(performance.now() - start).toBeLessThan(4000);
    expect(bench.logged.map(({ text }) => text)).toEqual([
      'teardown took longer than 0.7 s, and was ended',
    ]);
  });

  test('does not hold up the close behind a candidate that takes long', async () => {
    const bench = await openBench();
    const inputs = inputsOf(program('new Promise(() => console.log("runs"))'), params);
    expect(await bench.execute({}, inputs).line).toBe('runs');
    const start = performance.now();
    await bench.workforce.close();
    expect(performance.now() - start).toBeLessThan(3000);
    expect(notes().teardowns).toEqual([]);
  });
});

test('a setup that has no end is one that failed, after its time', async () => {
  await using bench = await openBench({ setupMs: 400 });
  const inputs = inputsOf('export const setup = () => { for (;;); }; export default () => 1;');
  const { failed, ended } = bench.execute({}, inputs);
  expect(await ended).toBe('stopped');
  const detail = 'import and setup took longer than 0.4 s';
  expect(failed).toEqual([{ index: 0, failure: { kind: 'setup', detail } }]);
});
