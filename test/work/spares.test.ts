import { mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXECUTOR_VARIABLE } from '../../src/work/executor-mark.ts';
import { inputsOf, openBench, textsOf, type WorkBench } from './work-bench.ts';

/** A program whose values are the name of its executor; each is another computation. */
const NAME = `export default () => process.env.${EXECUTOR_VARIABLE}`;
const SLOTS = 2;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-spares-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The names of all executors that have a folder. */
function executors(): string[] {
  const [own] = readdirSync(folder);
  return own === undefined ? [] : readdirSync(join(folder, own, 'scratch')).toSorted();
}

/** The executor that runs one candidate of a new computation. */
async function runs(bench: WorkBench, order: object = {}): Promise<string> {
  const { parts, ended } = bench.execute({ lo: 0, hi: 1, ...order }, inputsOf(NAME));
  expect(await ended).toBe('finished');
  return /"(\w+)"/.exec(textsOf(parts)[0] ?? '')?.[1] ?? '';
}

/** Waits until there are so many executors, and tells which. */
async function until(count: number): Promise<string[]> {
  await expect.poll(executors, { timeout: 10_000 }).toHaveLength(count);
  return executors();
}

describe('once nothing runs', () => {
  test('an executor for each slot is started before it is needed, and the next job uses it', async () => {
    await using bench = await openBench({ folder });
    const first = await runs(bench);
    const spares = (await until(1 + SLOTS)).filter((name) => name !== first);
    const second = await runs(bench);
    expect(spares).toContain(second);
    const third = await runs(bench);
    expect(spares).toContain(third);
    expect(third).not.toBe(second);
  });

  test('one that was started for other limits is not used', async () => {
    await using bench = await openBench({ folder });
    await runs(bench);
    const before = await until(1 + SLOTS);
    const limits = { timeoutMs: 60_000, memoryBytes: null };
    expect(before).not.toContain(await runs(bench, { limits }));
  });

  test('a spare that died meanwhile is not used', async () => {
    await using bench = await openBench({ folder });
    const first = await runs(bench);
    const spares = (await until(1 + SLOTS)).filter((name) => name !== first);
    for (const name of spares) process.kill(pidOf(name), 'SIGKILL');
    await until(1);
    expect(spares).not.toContain(await runs(bench));
  });

  test('spares that nobody takes are ended after a while, and none comes after them', async () => {
    await using bench = await openBench({ folder, idleMs: 1000 });
    const first = await runs(bench);
    const names = new Set([first]);
    const [own = ''] = readdirSync(folder);
    const watcher = watch(join(folder, own, 'scratch'), (_, name) => names.add(String(name)));
    // What the watcher has not told yet is there all the same.
    for (const name of await until(1 + SLOTS)) names.add(name);
    await until(0);
    names.add(await runs(bench));
    for (const name of await until(1 + SLOTS)) names.add(name);
    watcher.close();
    expect(names.size).toBe(2 * (1 + SLOTS));
  });
});

describe('the close of a workforce', () => {
  test('ends spares, and leaves nothing of them', async () => {
    const bench = await openBench({ folder });
    const first = await runs(bench);
    const pids = (await until(1 + SLOTS)).filter((name) => name !== first).map(pidOf);
    await bench.workforce.close();
    expect(readdirSync(folder)).toEqual([]);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

/** The process whose environment names this executor. */
function pidOf(name: string): number {
  const mark = `${EXECUTOR_VARIABLE}=${name}\0`;
  const found = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && has(entry, mark));
  return Number(found[0]);
}

function has(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark);
  } catch {
    // It ended meanwhile, or is another user's.
    return false;
  }
}
