import { expect, test } from 'vitest';
import type { Job } from '../../src/index.ts';
import { oracle } from '../oracle.ts';
import { InsideMesh, linesOf } from './inside-mesh.ts';

const STEADY = 'test/e2e/functions/steady.js';
const NEVER = 'test/e2e/functions/never.js';

async function expectOracle(job: Job, accept: number): Promise<void> {
  const summary = await job.done();
  const truth = await oracle({ fn: STEADY, accept, seed: job.seed });
  expect(await linesOf(job.results())).toBe(truth.stdout);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
}

/** Resolves once so many candidates of a job have an outcome. */
async function evaluated(job: Job, count: number): Promise<void> {
  for await (const progress of job.progress()) if (progress.evaluated >= count) return;
}

test('two jobs share the slots by 2^priority, and both end with their oracle’s answer', async () => {
  await using mesh = await InsideMesh.open();
  const { mesh: solo } = await mesh.solo(2);
  const low = await solo.publish({ fn: STEADY, accept: 500, seed: 1, priority: 0 });
  const high = await solo.publish({ fn: STEADY, accept: 500, seed: 2, priority: 2 });
  const counts = (): Promise<number[]> =>
    Promise.all([low, high].map(async (job) => (await job.show()).ran));
  await evaluated(high, 500);
  const before = await counts();
  await evaluated(high, 8000);
  const after = await counts();
  const [slow = 0, fast = 0] = after.map((count, k) => count - (before[k] ?? 0));
  const ratio = fast / slow;
  expect(ratio).toBeGreaterThan(2);
  expect(ratio).toBeLessThan(12);
  await Promise.all([expectOracle(high, 500), expectOracle(low, 500)]);
});

test('a job that accepts nothing at a high priority does not starve the other', async () => {
  await using mesh = await InsideMesh.open();
  const [a, b] = await mesh.three();
  const endless = await a.mesh.publish({ fn: NEVER, accept: 1, priority: 3 });
  await evaluated(endless, 200);
  const job = await b.mesh.publish({ fn: STEADY, accept: 30, seed: 3 });
  await expectOracle(job, 30);
  const { status, accepted } = await endless.show();
  expect({ status, accepted }).toEqual({ status: 'running', accepted: 0 });
  await endless.cancel();
});
