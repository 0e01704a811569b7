import { expect, test } from 'vitest';
import { NO_LIMITS } from '../../src/core/limits.ts';
import type { Sandbox } from '../../src/work/sandbox/sandbox.ts';
import type { WorkInputs, WorkOrder } from '../../src/work/workforce.ts';
import { inputsOf, openBench, textsOf, type WorkBench } from './work-bench.ts';

/** Of the tier that holds this user's own functions, with nothing open. */
const SEALED: Sandbox = { tier: 'permission', net: false, reads: [], writes: [] };

/** Tells its process, what it draws, its item, and how often it was set up. */
const PROGRAM = `
  let setups = 0;
  export function setup() { setups += 1; return process.pid; }
  export default ({ rng, item, state }) => [state, setups, rng.uniform(), rng.seed32, item ?? null];
`;

type Line = [pid: number, setups: number, drawn: number, seed32: number, item: unknown];

/** Evaluates the first two candidates. */
async function first(
  bench: WorkBench,
  inputs: WorkInputs,
  order: Partial<WorkOrder> = {},
): Promise<Line[]> {
  const told = bench.execute({ hi: 2, ...order }, inputs);
  expect(await told.ended).toBe('finished');
  expect(told.failed).toEqual([]);
  return textsOf(told.parts).map((text) => JSON.parse(text.replace(/^\d+:/, '')) as Line);
}

function inputs(source: string, more: Partial<WorkInputs> = {}): WorkInputs {
  return inputsOf(source, { sandbox: SEALED, ...more });
}

/** What candidates come to, whoever evaluates them. */
function outcomes(lines: readonly Line[]): unknown[] {
  return lines.map(([, , ...rest]) => rest);
}

test('an executor goes on with another seed or other items, and comes to what a new one does', async () => {
  await using bench = await openBench();
  const texts = ['"a"', '{"b":1}'];
  const items = async (lo: number, hi: number) => texts.slice(lo, hi);
  const one = await first(bench, inputs(PROGRAM));
  const [[pid]] = one as [Line];
  for (const more of [{ seed: 8 }, { seed: 2 ** 40 + 3, items }, { items }, { seed: 7 }]) {
    const same = await first(bench, inputs(PROGRAM, more));
    expect(same.map(([by, setups]) => [by, setups])).toEqual([
      [pid, 1],
      [pid, 1],
    ]);
    const anew = await first(bench, inputs(PROGRAM, more), { fresh: true });
    expect(anew[0]?.[0]).not.toBe(pid);
    expect(outcomes(same)).toEqual(outcomes(anew));
    if (more.seed === 7) expect(outcomes(same)).toEqual(outcomes(one));
    else expect(outcomes(same)).not.toEqual(outcomes(one));
  }
});

test.each<[string, Partial<WorkInputs>, Partial<WorkOrder>]>([
  ['other parameters', { params: '{"n":1}' }, {}],
  ['other limits', {}, { limits: { timeoutMs: 60_000, memoryBytes: null } }],
  ['another program', { program: new TextEncoder().encode(`${PROGRAM} `) }, {}],
  ['a source map of its own', { sources: new TextEncoder().encode('{}') }, {}],
  ['what may change opened to it', { sandbox: { ...SEALED, reads: [import.meta.dirname] } }, {}],
  ['the network opened to it', { sandbox: { ...SEALED, net: true } }, {}],
  ['nothing that holds it', { sandbox: { ...SEALED, tier: 'none' } }, {}],
])('%s: a new executor', async (_, more, order) => {
  await using bench = await openBench();
  const [before] = await first(bench, inputs(PROGRAM));
  const [after] = await first(bench, inputs(PROGRAM, { seed: 8, ...more }), order);
  expect(after?.[0]).not.toBe(before?.[0]);
});

test('where files are open no executor goes on: they may have changed', async () => {
  await using bench = await openBench();
  const sandbox: Sandbox = { ...SEALED, reads: [import.meta.dirname] };
  const [before] = await first(bench, inputs(PROGRAM, { sandbox }));
  const [after] = await first(bench, inputs(PROGRAM, { sandbox, seed: 8 }));
  expect(after?.[0]).not.toBe(before?.[0]);
});

test.each<[string, string]>([
  ['import', `const drawn = Math.random(); export default () => [process.pid, 1, drawn, 0, 0];`],
  [
    'setup',
    `export const setup = () => Math.random();
     export default ({ state }) => [process.pid, 1, state, 0, 0];`,
  ],
])('a program that draws in its %s begins anew for each seed', async (_, source) => {
  await using bench = await openBench();
  const one = await first(bench, inputs(source));
  const other = await first(bench, inputs(source, { seed: 8 }));
  const anew = await first(bench, inputs(source, { seed: 8 }), { fresh: true });
  expect(outcomes(other)).not.toEqual(outcomes(one));
  expect(outcomes(other)).toEqual(outcomes(anew));
  expect(other[0]?.[0]).not.toBe(one[0]?.[0]);
});

test('what candidates log goes to the job that they are of', async () => {
  await using bench = await openBench();
  const source = `export default ({ log, rng }) => { log(rng.seed32); return [process.pid]; };`;
  const logged = async (seed: number): Promise<string> => {
    const told = bench.execute({}, inputs(source, { seed }));
    await told.ended;
    return told.line;
  };
  expect(await logged(7)).not.toBe(await logged(8));
});

test('a probe and the executors beside it go on as well', async () => {
  await using bench = await openBench();
  const [before] = await first(bench, inputs(PROGRAM));
  const probe = await bench.workforce.probe(inputs(PROGRAM, { seed: 8 }), NO_LIMITS, {
    most: 2,
    ahead: 1,
  });
  const texts = textsOf([{ id: 0, ...probe, lo: 0 }]);
  expect(JSON.parse(texts[0]?.slice(2) ?? '')[0]).toBe(before?.[0]);
});

test('a function that keeps what it drew first is found out with another seed, too', async () => {
  await using bench = await openBench();
  const source = `let kept; export default ({ rng }) => (kept ??= rng.uniform()) + rng.uniform();`;
  for (const seed of [7, 8]) {
    const { differs } = await bench.workforce.probe(inputs(source, { seed }), NO_LIMITS);
    expect(differs).toHaveLength(2);
  }
});
