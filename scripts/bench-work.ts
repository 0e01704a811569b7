// Candidates per second of one executor, as a ratio to the bare loop over the same Philox stream.
import { doubleOf, philox } from '../src/work/candidate/philox.ts';
import { createWorkforce } from '../src/work/create-workforce.ts';
import type { WorkInputs } from '../src/work/workforce.ts';

const TRIVIAL = `export default ({ rng }) => {
  const x = rng.uniform(), y = rng.uniform();
  if (x * x + y * y < 0.01) return { x, y };
}`;
const ONE_MS = `export default ({ rng }) => {
  const end = performance.now() + 1;
  while (performance.now() < end);
  if (rng.uniform() < 0.01) return 1;
}`;
const ROUNDS = 5;

/** Two draws of each index and the same test as TRIVIAL. */
function bareLoop(count: number): number {
  const words = new Int32Array(4);
  let accepted = 0;
  for (let index = 0; index < count; index += 1) {
    philox(words, 0, 0, index | 0, 0, 7, 0);
    const x = doubleOf(words[0] as number, words[1] as number);
    const y = doubleOf(words[2] as number, words[3] as number);
    if (x * x + y * y < 0.01) accepted += 1;
  }
  return accepted;
}

function inputsOf(source: string): WorkInputs {
  return {
    computation: source,
    program: new TextEncoder().encode(source),
    params: 'null',
    seed: 7,
  };
}

const ends = new Map<number, () => void>();
const workforce = await createWorkforce({
  slots: 1,
  handlers: {
    part: () => {},
    failed: (_, index, failure) => console.error(index, failure),
    ended: (id) => ends.get(id)?.(),
    log: () => {},
  },
});
let orders = 0;
let next = 0;

/** Candidates per second of one order. */
async function ordered(inputs: WorkInputs, count: number): Promise<number> {
  orders += 1;
  const { promise, resolve } = Promise.withResolvers<void>();
  ends.set(orders, resolve);
  const start = performance.now();
  workforce.execute({ id: orders, lo: next, hi: next + count, fresh: false }, inputs);
  next += count;
  await promise;
  return (count * 1000) / (performance.now() - start);
}

function bare(count: number): number {
  const start = performance.now();
  bareLoop(count);
  return (count * 1000) / (performance.now() - start);
}

const median = (list: number[]) => list.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
const trivial = inputsOf(TRIVIAL);
const oneMs = inputsOf(ONE_MS);
bare(1e6);
await ordered(trivial, 1e6);
await ordered(oneMs, 100);
const rates: { bare: number[]; trivial: number[]; oneMs: number[] } = {
  bare: [],
  trivial: [],
  oneMs: [],
};
for (let round = 0; round < ROUNDS; round += 1) {
  rates.bare.push(bare(1e7));
  rates.trivial.push(await ordered(trivial, 1e7));
  rates.oneMs.push(await ordered(oneMs, 1000));
}
await workforce.close();
const million = (rate: number) => `${(rate / 1e6).toFixed(1)} million/s`;
console.log(`bare loop         ${million(median(rates.bare))}`);
const ratio = median(rates.trivial) / median(rates.bare);
console.log(`trivial function  ${million(median(rates.trivial))}, ratio ${ratio.toFixed(2)}`);
console.log(`1 ms function     ${(median(rates.oneMs) / 1000).toFixed(3)} of the ideal`);
