import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { open } from '../../src/index.ts';
import { Lab } from '../e2e/lab.ts';
import { oracle } from '../oracle.ts';

const HOGS = 'test/lab/functions/hogs.js';
const HOG_MS = 20_000;
/** Two for each core that there is, of every peer. */
const SLOTS = 4;

test('candidates that take every core for 20 s make no peer look suspect to another', async () => {
  await using lab = await Lab.open();
  const slots = ['--slots', String(SLOTS)];
  const a = await lab.start('a', ...slots);
  for (const name of ['b', 'c']) await lab.join(name, [a], ...slots);
  for (const name of ['a', 'b', 'c']) await lab.sees(name, 3);
  const count = 3 * SLOTS;
  const params = { ms: HOG_MS };
  const options = ['--accept', String(count), '--params', JSON.stringify(params)];
  const job = await lab.publish('a', HOGS, ...options);
  const meshes = await Promise.all(['a', 'b', 'c'].map((name) => open({ home: lab.home(name) })));
  const seen = new Set<string>();
  let most = 0;
  let over = false;
  const ended = job.end().finally(() => {
    over = true;
  });
  while (!over) {
    for (const mesh of meshes) {
      const rows = await mesh.peers();
      for (const { state } of rows) seen.add(state);
      most = Math.max(most, rows.length === 3 ? rows.reduce((sum, { busy }) => sum + busy, 0) : 0);
    }
    await Promise.race([sleep(250), ended]);
  }
  await Promise.all(meshes.map((mesh) => mesh.close()));
  const { stdout, summary } = await ended;
  expect(stdout).toBe((await oracle({ fn: HOGS, accept: count, params: { ms: 0 } })).stdout);
  expect(most).toBeGreaterThanOrEqual(2 * SLOTS);
  expect([...seen]).toEqual(['alive']);
  expect(summary).toMatchObject({ accepted: count, skipped: [] });
});
