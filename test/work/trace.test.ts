import { expect, test } from 'vitest';
import { createStreams, type Rng } from '../../src/work/candidate/rng.ts';
import { type Draw, MOST_DRAWS, traceStreams } from '../../src/work/candidate/trace.ts';
import type { Rerun, Usage } from '../../src/work/workforce.ts';
import { inputsOf, openBench } from './work-bench.ts';

/** All that a stream offers, some of it twice. */
function drawAll(rng: Rng, random: () => number): number[] {
  return [
    ...[rng.uniform(), rng.normal(3, 2), random(), rng.normal(), rng.seed32, rng.int(2, 9)],
    ...[rng.gamma(2), rng.beta(1, 2), rng.poisson(30), rng.binomial(50, 0.3), rng.geometric(0.2)],
    ...[rng.logNormal(), rng.exponential(), rng.bernoulli(0.4), rng.weibull(2), rng.pareto(3)],
    ...[rng.cauchy(), rng.logistic(), rng.uniform()],
  ];
}

test('a traced stream gives the same numbers, and tells of each where it comes from', () => {
  const plain = createStreams(7);
  plain.open(93);
  const expected = drawAll(plain.rng, plain.rng.uniform);
  // What the contract says a stream is: its doubles, one after the other.
  const raw = createStreams(7);
  raw.open(93);
  const doubles = Array.from({ length: plain.drawn() }, () => raw.rng.uniform());
  expect(doubles[0]).toBe(0.0729733503668536);

  const draws: Draw[] = [];
  const { streams, random } = traceStreams(createStreams(7), (draw) => draws.push(draw));
  streams.open(93);
  expect(drawAll(streams.rng, random)).toEqual(expected);
  expect(draws.map(({ value }) => value)).toEqual(expected);
  expect(draws.slice(0, 5).map(({ call }) => call)).toEqual([
    ...['uniform()', 'normal(3, 2)', 'Math.random()', 'normal()', 'seed32'],
  ]);
  let at = 0;
  for (const { call, first, count, value } of draws) {
    expect(first).toBe(at);
    at += count;
    if (/^(?:uniform|Math\.random)/.test(call)) expect([count, value]).toEqual([1, doubles[first]]);
  }
  expect(at).toBe(doubles.length);
  // The second normal was made with the first one.
  expect([draws[3]?.count, draws[4]?.count]).toEqual([0, 0]);
});

test('a trace tells so many draws, and goes on drawing', () => {
  let told = 0;
  const { streams } = traceStreams(createStreams(1), () => {
    told += 1;
  });
  streams.open(0);
  for (let k = 0; k < MOST_DRAWS + 5; k += 1) streams.rng.uniform();
  expect(told).toBe(MOST_DRAWS);
  expect(streams.drawn()).toBe(MOST_DRAWS + 5);
});

async function traceOf(source: string, index: number): Promise<{ told: string[]; rerun: Rerun }> {
  await using bench = await openBench();
  const told: string[] = [];
  const trace = {
    line: ({ level, text }: { level: string; text: string }) => told.push(`${level} ${text}`),
    draw: ({ call }: Draw) => told.push(call),
    usage: ({ drawn }: Usage) => told.push(`took ${drawn}`),
  };
  const limits = { timeoutMs: null, memoryBytes: null };
  const rerun = await bench.workforce.rerun(inputsOf(source), limits, index, { trace });
  return { told, rerun };
}

test('a rerun tells its log and draws in their order, and what it took', async () => {
  const source = `const random = Math.random; random();
    export const setup = () => Math.random();
    export default ({ rng, log }) => {
      rng.uniform(); log('one'); random(); console.warn('two'); return rng.int(0, 5);
    };`;
  const { told, rerun } = await traceOf(source, 4);
  const draws = ['uniform()', 'info one', 'Math.random()', 'warn two', 'int(0, 5)'];
  expect(told).toEqual([...draws, 'took 3']);
  expect(rerun.outcome.kind).toBe('accepted');
});

test('a rerun has all that was drawn before its candidate took the executor down', async () => {
  const source = `export default ({ rng, log }) => {
    for (let k = 0; k < 50; k += 1) rng.uniform();
    log('last words');
    process.kill(process.pid, 'SIGKILL');
    for (;;);
  };`;
  const { told, rerun } = await traceOf(source, 0);
  expect(told).toEqual([...Array.from({ length: 50 }, () => 'uniform()'), 'info last words']);
  expect(rerun.outcome).toMatchObject({ kind: 'failed', failure: { kind: 'died' } });
});

test('the stack of an error is whole in a trace, and that of its cause is there', async () => {
  const source = `function deep(n) {
      if (n === 0) throw new RangeError('bottom', { cause: new TypeError('why') });
      deep(n - 1);
    }
    export default () => deep(40);`;
  const { rerun } = await traceOf(source, 0);
  if (rerun.outcome.kind !== 'error') throw new Error('it is an error');
  const { name, detail } = rerun.outcome;
  expect(name).toBe('RangeError');
  const [own = '', cause = ''] = detail.split('\ncaused by ');
  expect(own.match(/ at deep /g)).toHaveLength(41);
  expect(cause).toMatch(/^TypeError: why\n {4}at deep /);
  expect(detail).not.toMatch(/executor-child|evaluate\.ts/);
});

test('an error without a stack has its message in a trace', async () => {
  const source = "export default () => { throw Object.assign(new Error('bad'), { stack: '' }); };";
  const { rerun } = await traceOf(source, 0);
  expect(rerun.outcome).toEqual({ kind: 'error', name: 'Error', detail: 'Error: bad' });
});

test('a rerun ends with its signal', async () => {
  await using bench = await openBench();
  const stop = new AbortController();
  const limits = { timeoutMs: null, memoryBytes: null };
  const trace = { line: () => stop.abort(), draw: () => {}, usage: () => {} };
  const inputs = inputsOf("export default ({ log }) => { log('runs'); for (;;); }");
  const running = bench.workforce.rerun(inputs, limits, 0, { trace, signal: stop.signal });
  await expect(running).rejects.toThrow('aborted');
});
