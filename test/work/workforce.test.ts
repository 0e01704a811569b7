import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { pow } from '../../src/work/candidate/pow.ts';
import { createStreams } from '../../src/work/candidate/rng.ts';
import { ItemError } from '../../src/work/item-error.ts';
import { PART_BYTES } from '../../src/work/part-gatherer.ts';
import { coverageOf, inputsOf, openBench, textsOf } from './work-bench.ts';

const DISC = `export default ({ rng }) => {
  const x = rng.uniform(), y = Math.random();
  if (x * x + y * y < 0.01) return { x, y };
}`;

function discTexts(lo: number, hi: number): string[] {
  const { rng, open } = createStreams(7);
  const texts: string[] = [];
  for (let index = lo; index < hi; index += 1) {
    open(index);
    const value = { x: rng.uniform(), y: rng.uniform() };
    if (value.x * value.x + value.y * value.y < 0.01)
      texts.push(`${index}:${JSON.stringify(value)}`);
  }
  return texts;
}

/** The process ids of a program that returns its own, for one order. */
const PID = 'export default () => process.pid;';

describe('an order', () => {
  test('gives what a loop over its indices gives, in parts that a segment can hold', async () => {
    await using bench = await openBench();
    const { parts, ended } = bench.execute({ lo: 50, hi: 900_050 }, inputsOf(DISC));
    expect(await ended).toBe('finished');
    expect(coverageOf(parts)).toEqual([[50, 900_050]]);
    expect(textsOf(parts)).toEqual(discTexts(50, 900_050));
    const bytes = parts.map(({ accepted }) => accepted.flatMap((c) => [...c.indices]).length * 24);
    expect(Math.max(...bytes)).toBeLessThanOrEqual(PART_BYTES);
    expect(bytes.length).toBeGreaterThan(3);
  });

  test('sees the shadowed Math, its params, and logs with its index', async () => {
    await using bench = await openBench();
    let base = 1;
    while (pow(base, 3.3) === base ** 3.3) base += 0.01;
    const source = `const captured = Math.random; const drawn = Math.random();
      export const setup = ({ params }) => [params.a, drawn, Math.random()];
      export default ({ rng, state, log, index }) => {
        log('seen', index); console.log('told'); process.stdout.write('noise');
        return [...state, captured() < 1, Math.pow(${base}, 3.3), rng.seed32];
      };`;
    const { parts, ended } = bench.execute(
      { lo: 3, hi: 4 },
      inputsOf(source, { params: '{"a":5}' }),
    );
    await ended;
    const streams = createStreams(7);
    streams.openSetup();
    const drawn = [streams.rng.uniform(), streams.rng.uniform()];
    streams.open(3);
    const expected = [5, ...drawn, true, pow(base, 3.3), streams.rng.seed32];
    expect(textsOf(parts)).toEqual([`3:${JSON.stringify(expected)}`]);
    expect(bench.events).toEqual(['3: seen 3', '3: told']);
  });

  test('takes its items by index', async () => {
    await using bench = await openBench();
    const items = async (lo: number, hi: number) =>
      Array.from({ length: hi - lo }, (_, k) => JSON.stringify({ n: lo + k }));
    const inputs = inputsOf('export default async ({ item }) => item.n * 2', { items });
    const { parts, ended } = bench.execute({ lo: 10, hi: 300 }, inputs);
    expect(await ended).toBe('finished');
    expect(textsOf(parts)).toEqual(
      Array.from({ length: 290 }, (_, k) => `${k + 10}:${2 * k + 20}`),
    );
  });

  test('uses the executor of the order before, unless it is to be fresh', async () => {
    await using bench = await openBench();
    const inputs = inputsOf(PID);
    const pids: string[] = [];
    for (const fresh of [false, false, true, false]) {
      const { parts, ended } = bench.execute({ fresh }, inputs);
      await ended;
      pids.push(...textsOf(parts));
    }
    const [first, second, third, fourth] = pids;
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    expect(fourth).toBe(first);
    bench.workforce.forget(inputs.computation);
    const { parts, ended } = bench.execute({}, inputs);
    await ended;
    expect(textsOf(parts)[0]).not.toBe(first);
  });

  test('that drains ends after the batch in hand and tells it', async () => {
    await using bench = await openBench();
    const source = `export default ({ index, log }) => {
      if (index === 3) log('three');
      const end = performance.now() + 20; while (performance.now() < end);
      return index;
    }`;
    const { id, parts, ended, line } = bench.execute({ hi: 1e6 }, inputsOf(source));
    await line;
    bench.workforce.stop(id, 'drain');
    expect(await ended).toBe('stopped');
    const [[lo, hi] = [-1, -1]] = coverageOf(parts);
    expect([lo, hi > 3, hi < 100]).toEqual([0, true, true]);
    expect(textsOf(parts)).toHaveLength(hi);
  });

  test('that is killed ends at once in an endless candidate; what was told stays', async () => {
    await using bench = await openBench();
    const source = `export default ({ index, log }) => {
      if (index === 40) { log('stuck'); for (;;); }
      return index;
    }`;
    const { id, parts, ended, line } = bench.execute({ hi: 100 }, inputsOf(source));
    await line;
    const start = performance.now();
    bench.workforce.stop(id, 'kill');
    expect(await ended).toBe('stopped');
    expect(performance.now() - start).toBeLessThan(1000);
    const [[, hi] = [0, 0]] = coverageOf(parts);
    expect(hi).toBeLessThanOrEqual(40);
    expect(textsOf(parts)).toHaveLength(hi);
  });

  test('streams slow candidates once a second', async () => {
    await using bench = await openBench();
    const source = `export default async ({ index }) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return index;
    }`;
    const { parts, ended } = bench.execute({ hi: 6 }, inputsOf(source));
    expect(await ended).toBe('finished');
    expect(parts.length).toBeGreaterThan(1);
    expect(coverageOf(parts)).toEqual([[0, 6]]);
  });
});

describe('a candidate that fails alone', () => {
  test('is found among 20 000, three times, and all others get their outcomes', async () => {
    await using bench = await openBench();
    const source = DISC.replace('{\n', `{\n  if (DYING.includes(index)) process.exit(3);\n`)
      .replace('{ rng }', '{ rng, index }')
      .concat('\nconst DYING = [0, 5000, 19999];');
    const { parts, failed, ended } = bench.execute({ hi: 20_000 }, inputsOf(source));
    expect(await ended).toBe('finished');
    expect(failed.map(({ index }) => index)).toEqual([0, 5000, 19_999]);
    expect(failed[0]?.failure).toEqual({
      kind: 'died',
      detail: 'the executor died: exit code 3',
    });
    expect(coverageOf(parts)).toEqual([
      [1, 5000],
      [5001, 19_999],
    ]);
    expect(textsOf(parts)).toEqual(discTexts(1, 19_999));
    // One death each to notice it, one a sixteenth, one alone: the first index is alone at once.
    const deaths = bench.events.filter((line) => line.startsWith('executor.died'));
    expect(deaths.length).toBeLessThanOrEqual(1 + 6 + 6);
  });

  test.each([
    ['died', `process.kill(process.pid, 'SIGSEGV'); for (;;);`, 'signal SIGSEGV'],
    ['died', `Promise.reject(new TypeError('nobody awaits this'));`, 'nobody awaits this'],
    ['stack', `const f = () => f() + 1; f();`, 'Maximum call stack size exceeded'],
    ['system', `readFileSync('/no/such/file');`, 'ENOENT'],
  ])('is told as %s: %s', async (kind, statement, detail) => {
    await using bench = await openBench();
    const source = `import { readFileSync } from 'node:fs';
      export default ({ index }) => { if (index === 30) { ${statement} } return index; }`;
    const { parts, failed, ended } = bench.execute({ hi: 60 }, inputsOf(source));
    expect(await ended).toBe('finished');
    expect(failed.map(({ index, failure }) => [index, failure.kind])).toEqual([[30, kind]]);
    expect(failed[0]?.failure.detail).toContain(detail);
    expect(textsOf(parts)).toHaveLength(59);
  });

  test.each([
    'process.exit(1)',
    `throw Object.assign(new Error('too many open files'), { code: 'EMFILE' })`,
  ])('does not count when it only fails after others: %s', async (statement) => {
    await using bench = await openBench();
    const source = `let seen = 0;
      export default ({ index }) => { if (seen++ === 10) ${statement}; return index; }`;
    const { parts, failed, ended } = bench.execute({ hi: 25 }, inputsOf(source));
    expect(await ended).toBe('finished');
    expect(failed).toEqual([]);
    expect(textsOf(parts)).toHaveLength(25);
  });

  test('is none when an executor dies with nothing in hand', async () => {
    await using bench = await openBench();
    const gate = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const items = async (lo: number, hi: number) => {
      asked.resolve();
      await gate.promise;
      return Array.from({ length: hi - lo }, () => '1');
    };
    const inputs = inputsOf(PID);
    const first = bench.execute({}, inputs);
    await first.ended;
    const { parts, failed, ended } = bench.execute({ hi: 3 }, { ...inputs, items });
    await asked.promise;
    const pid = Number(textsOf(first.parts)[0]?.split(':')[1]);
    process.kill(pid, 'SIGKILL');
    await expect.poll(() => isAlive(pid)).toBe(false);
    gate.resolve();
    expect(await ended).toBe('finished');
    expect([failed, coverageOf(parts)]).toEqual([[], [[0, 3]]]);
  });

  test('is of an item that this machine cannot have, and the order goes on behind it', async () => {
    await using bench = await openBench();
    const items = async (lo: number) => {
      if (lo % 2 === 1) throw new ItemError(`no room for ${lo}`);
      return [String(lo)];
    };
    const inputs = inputsOf('export default ({ item }) => item', { items, itemsAtOnce: 1 });
    const { parts, failed, ended } = bench.execute({ hi: 4 }, inputs);
    expect(await ended).toBe('finished');
    expect(textsOf(parts)).toEqual(['0:0', '2:2']);
    expect(failed).toEqual(
      [1, 3].map((index) => ({
        index,
        failure: { kind: 'system', detail: `no room for ${index}` },
      })),
    );
  });

  test.each([
    [`export const setup = () => { throw new Error('no data'); };`, 'setup threw Error: no data'],
    ['process.exit(4);', 'the executor died: exit code 4'],
  ])('in setup or import ends the order: %s', async (statement, detail) => {
    await using bench = await openBench();
    const inputs = inputsOf(`${statement} export default () => 1;`);
    const { failed, ended } = bench.execute({ lo: 5, hi: 10 }, inputs);
    expect(await ended).toBe('stopped');
    expect(failed).toEqual([{ index: 5, failure: { kind: 'setup', detail } }]);
  });
});

describe('a probe', () => {
  test('tells the first 64 outcomes and leaves its executor to the next order', async () => {
    await using bench = await openBench();
    const inputs = inputsOf(PID);
    const probe = await bench.workforce.probe(inputs, NO_LIMITS);
    expect([probe.hi, probe.errors, probe.failure]).toEqual([64, [], undefined]);
    const { parts, ended } = bench.execute({ hi: 64 }, inputs);
    await ended;
    const part = { id: 0, lo: 0, ...probe };
    expect(textsOf([part])).toEqual(textsOf(parts));
  });

  test('has executors of the free slots start meanwhile, which the next orders use', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meshd-ahead-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    await using bench = await openBench({ folder });
    const inputs = inputsOf(PID);
    await bench.workforce.probe(inputs, NO_LIMITS, { ahead: 5 });
    const [work = ''] = readdirSync(folder);
    // Each executor has a folder of its own there.
    const executors = (): string[] => readdirSync(join(folder, work, 'scratch')).sort();
    const before = executors();
    expect(before.length).toBe(2);
    const orders = [bench.execute({ hi: 9 }, inputs), bench.execute({ lo: 9, hi: 18 }, inputs)];
    await Promise.all(orders.map(({ ended }) => ended));
    expect(executors()).toEqual(before);
    const pids = orders.flatMap(({ parts }) => textsOf(parts)).map((text) => text.split(':')[1]);
    expect(new Set(pids).size).toBe(2);
  });

  test('gives up an endless candidate after 2 s', async () => {
    await using bench = await openBench();
    const endless = inputsOf('export default ({ index }) => { if (index === 0) for (;;); }');
    const start = performance.now();
    const probe = await bench.workforce.probe(endless, NO_LIMITS);
    expect(probe).toEqual({ hi: 0, accepted: [], errors: [], ms: 0 });
    expect(performance.now() - start).toBeGreaterThan(1900);
    expect(performance.now() - start).toBeLessThan(8000);
  });

  test('tells that candidate 0 kills its executor', async () => {
    await using bench = await openBench();
    const probe = await bench.workforce.probe(
      inputsOf('export default () => process.exit(9)'),
      NO_LIMITS,
    );
    const failure = { kind: 'died', detail: 'the executor died: exit code 9' };
    expect(probe).toMatchObject({ hi: 0, failure });
  });

  test('tells both outcomes of candidate 0 when a second evaluation comes to another one', async () => {
    await using bench = await openBench();
    const counts = 'let n = 0; export default ({ log }) => { log("n", n); return n++; };';
    const probe = await bench.workforce.probe(inputsOf(counts), NO_LIMITS);
    expect(probe.differs).toEqual(['0', '64']);
    expect(bench.events.filter((event) => event.startsWith('0: '))).toEqual(['0: n 0']);
  });

  test.each([
    ['of 70 ms alone, and again', 70, ['0', '1']],
    ['of more than a second once', 1100, undefined],
  ])('evaluates a candidate 0 %s', async (_, ms, differs) => {
    await using bench = await openBench();
    const slow = `let n = 0; export default () => {
      for (const end = performance.now() + ${ms}; performance.now() < end; );
      return n++;
    };`;
    const probe = await bench.workforce.probe(inputsOf(slow), NO_LIMITS);
    expect([probe.hi, probe.differs]).toEqual([1, differs]);
  });

  test('refuses a program that cannot be imported', async () => {
    await using bench = await openBench();
    const probe = bench.workforce.probe(inputsOf(`export default 5;`), NO_LIMITS);
    await expect(probe).rejects.toMatchObject({
      code: 'MESH_BAD_FUNCTION',
      message: 'the export default is no function but number',
    });
  });
});

test('a rerun tells the outcome and the log of one index', async () => {
  await using bench = await openBench();
  const inputs = inputsOf(`export default ({ index, log }) => {
    log('at', index);
    if (index === 1) return;
    if (index === 2) throw new RangeError('two');
    if (index === 3) process.exit(5);
    return { index };
  }`);
  const reruns = [];
  for (const index of [0, 1, 2, 3])
    reruns.push(await bench.workforce.rerun(inputs, NO_LIMITS, index));
  expect(reruns).toMatchObject([
    { index: 0, outcome: { kind: 'accepted', text: '{"index":0}' }, log: ['at 0'] },
    { index: 1, outcome: { kind: 'rejected' } },
    { index: 2, outcome: { kind: 'error', name: 'RangeError' } },
    { index: 3, outcome: { kind: 'failed', failure: { kind: 'died' } }, log: ['at 3'] },
  ]);
  // Also of one that came to no outcome it is told how long it took.
  expect(reruns.at(-1)?.ms).toBeGreaterThan(0);
  expect(bench.events).toEqual([]);
});

test('a closed workforce has ended its executors and removed its files', async () => {
  const bench = await openBench();
  const inputs = inputsOf(
    'export default ({ log }) => { log(process.pid, process.cwd()); for (;;); }',
  );
  const { line, parts } = bench.execute({}, inputs);
  const [pid, folder] = (await line).split(' ');
  const rerun = expect(bench.workforce.rerun(inputs, NO_LIMITS, 0)).rejects.toMatchObject({
    code: 'MESH_STOPPED',
  });
  await bench.workforce.close();
  await bench.workforce.close();
  await rerun;
  expect(isAlive(Number(pid))).toBe(false);
  expect(existsSync(folder ?? '')).toBe(false);
  expect(parts).toEqual([]);
  expect(() => bench.workforce.stop(1, 'kill')).not.toThrow();
});

test.each(['leash', 'watch'])(
  'an executor in an endless candidate ends with its killed peer: %s',
  async (way) => {
    const parent = fork(join(import.meta.dirname, 'endless-parent.ts'), [way], {
      execArgv: [],
      env: way === 'watch' ? { PATH: '/nowhere' } : { PATH: process.env['PATH'] },
    });
    const [pid] = (await once(parent, 'message')) as [number];
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    const start = performance.now();
    while (isAlive(pid) && performance.now() - start < 5000)
      await once(AbortSignal.timeout(20), 'abort');
    expect(performance.now() - start).toBeLessThan(2000);
  },
);

/** A dead process that nobody has waited for yet is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'));
}
