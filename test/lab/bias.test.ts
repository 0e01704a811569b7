import { expect, test } from 'vitest';
import { createStreams } from '../../src/work/candidate/rng.ts';
import { InsideMesh, linesOf } from '../e2e/inside-mesh.ts';
import { oracle } from '../oracle.ts';

const TIMED = 'test/e2e/functions/timed.js';
const SEEDS = 100;
const SLOTS = 16;
const ACCEPT = 10;
const UNIT_MS = 20;

/** Values are uniform in [0, 1). */
const TRUE_MEAN = 0.5;
const STANDARD_ERROR = Math.sqrt(1 / 12 / (SEEDS * ACCEPT));

test('16 slots and 100 seeds give exactly the oracle’s values, without bias', async () => {
  await using mesh = await InsideMesh.open();
  const { mesh: solo } = await mesh.solo(SLOTS);
  const values: number[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const params = { ms: UNIT_MS };
    const job = await solo.publish({ fn: TIMED, accept: ACCEPT, seed, params });
    const truth = await oracle({ fn: TIMED, accept: ACCEPT, seed });
    expect(await linesOf(job.results())).toBe(truth.stdout);
    values.push(...(truth.values as number[]));
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(values).toHaveLength(SEEDS * ACCEPT);
  expect(Math.abs(mean - TRUE_MEAN)).toBeLessThan(2 * STANDARD_ERROR);
}, 300_000);

/** The first ten accepted to finish on 16 workers that each take the next index when free. */
function firstToFinish(seed: number): number[] {
  const { rng, open } = createStreams(seed);
  const freeAt = new Array<number>(SLOTS).fill(0);
  const finished: { readonly at: number; readonly value: number }[] = [];
  // 200 candidates hold far more than ten accepted ones, and none of the later ones ends in time.
  for (let index = 0; index < 200; index++) {
    open(index);
    const [value, coin] = [rng.uniform(), rng.uniform()];
    const worker = freeAt.indexOf(Math.min(...freeAt));
    const at = (freeAt[worker] ?? 0) + value * UNIT_MS;
    freeAt[worker] = at;
    if (coin < 0.5) finished.push({ at, value });
  }
  const early = finished.sort((a, b) => a.at - b.at).slice(0, ACCEPT);
  return early.map(({ value }) => value);
}

test('the first ten to finish, of the same candidates, are biased towards the fast', () => {
  const values = Array.from({ length: SEEDS }, (_, seed) => firstToFinish(seed)).flat();
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(`first to finish: mean ${mean.toFixed(3)}, truth ${TRUE_MEAN}`);
  expect(mean).toBeLessThan(TRUE_MEAN - 5 * STANDARD_ERROR);
});
