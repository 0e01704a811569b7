import { monitorEventLoopDelay } from 'node:perf_hooks';
import { describe, expect, test } from 'vitest';
import { type Limits, NO_LIMITS } from '../../src/core/limits.ts';
import { createWear } from '../../src/work/wear.ts';
import { coverageOf, inputsOf, openBench, textsOf } from './work-bench.ts';

const MIB = 2 ** 20;
const HALF_SECOND: Limits = { timeoutMs: 500, memoryBytes: null };
const SMALL: Limits = { timeoutMs: null, memoryBytes: 256 * MIB };

/** Accepts all indices; one of them does something else. */
function at(index: number, statement: string): string {
  return `import { spawn } from 'node:child_process';
    export default async ({ index, log }) => {
      if (index === ${index}) {
        log(String(performance.timeOrigin + performance.now()));
        ${statement}
      }
      return index;
    };`;
}

describe('a time limit', () => {
  test.each([
    ['an endless loop', 'for (;;);'],
    ['a catastrophic expression', `/^(a+)+$/.test('a'.repeat(60) + 'b');`],
    ['a promise that never settles', 'await new Promise(() => {});'],
    ['a thread that waits', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);'],
  ])('names %s in its batch, and all others get their outcomes', async (_, what) => {
    await using bench = await openBench();
    const order = { hi: 200, limits: HALF_SECOND };
    const { parts, failed, ended } = bench.execute(order, inputsOf(at(130, what)));
    expect(await ended).toBe('finished');
    const detail = 'longer than 0.5 s';
    expect(failed).toEqual([{ index: 130, failure: { kind: 'timeout', detail } }]);
    expect(coverageOf(parts)).toEqual([
      [0, 130],
      [131, 200],
    ]);
    expect(textsOf(parts)).toHaveLength(199);
    // Named at once: no second executor meets it.
    expect(bench.events.filter((event) => event.startsWith('executor.died'))).toHaveLength(1);
  });

  test('is held to within 100 ms, as far as the machine has time for it', async () => {
    const overMs: number[] = [];
    // What is late on a busy machine is not the warden's: this process is, too.
    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    for (let k = 0; k < 4; k++) {
      await using bench = await openBench();
      const { line } = bench.execute(
        { hi: 200, limits: HALF_SECOND },
        inputsOf(at(3, 'for (;;);')),
      );
      const began = Number((await line).trim());
      await bench.until('executor.died');
      overMs.push(performance.timeOrigin + performance.now() - began - 500);
    }
    expect(Math.min(...overMs)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...overMs)).toBeLessThan(100 + (2 * lag.max) / 1e6);
  });

  test('is of one candidate, not of its batch or order', async () => {
    await using bench = await openBench();
    const source = `export default async ({ index }) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return index;
    }`;
    const limits = { timeoutMs: 400, memoryBytes: null };
    const { parts, failed, ended } = bench.execute({ hi: 12, limits }, inputsOf(source));
    expect(await ended).toBe('finished');
    expect([failed, coverageOf(parts)]).toEqual([[], [[0, 12]]]);
  });

  test('names two in one batch, the second one also while the first one is redone', async () => {
    await using bench = await openBench();
    const source = `export default ({ index }) => {
      if (index % 50 === 40) for (;;);
      return index;
    }`;
    const { parts, failed, ended } = bench.execute(
      { hi: 100, limits: HALF_SECOND },
      inputsOf(source),
    );
    expect(await ended).toBe('finished');
    expect(failed.map(({ index }) => index)).toEqual([40, 90]);
    expect(textsOf(parts)).toHaveLength(98);
  });

  test('holds in map jobs, whose items come in spans', async () => {
    await using bench = await openBench();
    const items = async (lo: number, hi: number) => Array(hi - lo).fill('7');
    const { parts, failed, ended } = bench.execute(
      { hi: 150, limits: HALF_SECOND },
      inputsOf(at(140, 'for (;;);'), { items }),
    );
    expect(await ended).toBe('finished');
    expect(failed.map(({ index }) => index)).toEqual([140]);
    expect(textsOf(parts)).toHaveLength(149);
  });

  test('ends a rerun and a probe, too', async () => {
    await using bench = await openBench();
    const inputs = inputsOf(at(0, 'for (;;);'));
    const { outcome } = await bench.workforce.rerun(inputs, HALF_SECOND, 0);
    expect(outcome).toMatchObject({ kind: 'failed', failure: { kind: 'timeout' } });
    const probe = await bench.workforce.probe(inputs, HALF_SECOND);
    expect(probe).toMatchObject({ hi: 0, failure: { kind: 'timeout' } });
  });
});

test('a probe does not wait for an import that never ends, and says so', async () => {
  await using bench = await openBench();
  const never = inputsOf('await new Promise(() => {}); export default () => 1;');
  const probe = await bench.workforce.probe(never, NO_LIMITS, { loadMs: 100 });
  expect(probe).toMatchObject({ hi: 0, loadsMs: 100 });
});

describe('a memory limit', () => {
  test.each([
    ['objects', 'const all = []; for (;;) all.push({ a: all.length, b: [all.length] });'],
    ['one array', 'new Array(3e8).fill(1.5);'],
    ['buffers', 'const all = []; for (;;) all.push(Buffer.alloc(16e6, 1));'],
    ['what it spawned', hungryChild()],
  ])('ends an executor that fills it with %s; that is told of the index', async (_, what) => {
    await using bench = await openBench();
    const { parts, failed, ended } = bench.execute(
      { hi: 60, limits: SMALL },
      inputsOf(at(30, what)),
    );
    expect(await ended).toBe('finished');
    expect(failed.map(({ index, failure }) => [index, failure.kind])).toEqual([[30, 'memory']]);
    expect(textsOf(parts)).toHaveLength(59);
    // Once in its batch, once alone.
    expect(bench.events.filter((event) => event.startsWith('executor.died'))).toHaveLength(2);
  });

  test('is not reached by what stays below it', async () => {
    await using bench = await openBench();
    const source = `export default ({ index }) => {
      const a = new Float64Array(4e6).fill(index); // 32 MB of garbage each
      return a[7];
    }`;
    const { parts, failed, ended } = bench.execute({ hi: 60, limits: SMALL }, inputsOf(source));
    expect(await ended).toBe('finished');
    expect([failed, coverageOf(parts)]).toEqual([[], [[0, 60]]]);
  });
});

/** Another process of node that takes far more than the executor itself. */
function hungryChild(): string {
  const code = 'globalThis.all = []; setInterval(() => all.push(Buffer.alloc(32e6, 1)), 10)';
  return `spawn(process.execPath, ['-e', ${JSON.stringify(code)}]);
    await new Promise(() => {});`;
}

describe('an executor', () => {
  /** Keeps ten megabytes of each candidate, and tells its process. */
  const LEAK = `const all = [];
    export default () => { all.push(Buffer.alloc(10e6, 1)); return process.pid; };`;

  test('is replaced before a leak comes to the memory limit', async () => {
    await using bench = await openBench();
    const order = { hi: 120, limits: SMALL };
    const { parts, failed, ended } = bench.execute(order, inputsOf(LEAK));
    expect(await ended).toBe('finished');
    expect([failed, coverageOf(parts)]).toEqual([[], [[0, 120]]]);
    expect(bench.events).toEqual([]);
    const pids = new Set(textsOf(parts).map((text) => text.split(':')[1]));
    // Half of the limit for the leak: at most twelve candidates each.
    expect(pids.size).toBeGreaterThanOrEqual(10);
  });

  test('has one candidate alone where each is to have its own', async () => {
    await using bench = await openBench();
    const order = { hi: 6, each: true };
    const { parts, ended } = bench.execute(order, inputsOf('export default () => process.pid;'));
    expect(await ended).toBe('finished');
    expect(new Set(textsOf(parts).map((text) => text.split(':')[1])).size).toBe(6);
  });

  test('is worn by batches, by age and by growth, each by itself', () => {
    let [ms, bytes] = [0, 50 * MIB];
    const wear = (memoryBytes: number | null) =>
      createWear({ memoryBytes, residentBytes: () => bytes, now: () => ms });
    const byCount = wear(null);
    for (let k = 1; k < 5000; k++) expect(byCount.isWorn()).toBe(false);
    expect(byCount.isWorn()).toBe(true);
    const byAge = wear(null);
    ms += 599_999;
    expect(byAge.isWorn()).toBe(false);
    ms += 1;
    expect(byAge.isWorn()).toBe(true);
    const [byLimit, byGrowth] = [wear(250 * MIB), wear(null)];
    bytes += 100 * MIB;
    ms += 2;
    expect([byLimit.isWorn(), byGrowth.isWorn()]).toEqual([false, false]);
    bytes += 1;
    ms += 2;
    expect([byLimit.isFull(), byLimit.isWorn(), byGrowth.isWorn()]).toEqual([true, true, false]);
    bytes += 1024 * MIB;
    ms += 20;
    expect(byGrowth.isWorn()).toBe(true);
  });

  test('has its memory looked at the more often the nearer it is to too much', () => {
    let [ms, bytes, looks] = [0, 50 * MIB, 0];
    const residentBytes = (): number => {
      looks += 1;
      return bytes;
    };
    const wear = createWear({ memoryBytes: 250 * MIB, residentBytes, now: () => ms });
    const looksIn = (forMs: number): number => {
      const before = looks;
      for (let k = 0; k < forMs; k++) {
        ms += 1;
        expect(wear.isFull()).toBe(false);
      }
      return looks - before;
    };
    looksIn(20);
    expect(looksIn(200)).toBe(10);
    bytes += 96 * MIB;
    looksIn(20);
    expect(looksIn(200)).toBe(100);
  });
});
