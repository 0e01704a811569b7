import { expect, test } from 'vitest';
import { SLOW_TIMING } from '../../src/core/timing.ts';
import { InsideMesh, linesOf } from '../e2e/inside-mesh.ts';
import { oracle } from '../oracle.ts';

const STEADY = 'test/e2e/functions/steady.js';
const PEERS = 25;
const AT_ONCE = 12;
const ACCEPT = 100;

test('25 peers, 12 of them joining at once, see one another and finish a job together', async () => {
  await using mesh = await InsideMesh.open(SLOW_TIMING);
  const first = await mesh.join(1);
  await Promise.all(Array.from({ length: AT_ONCE }, () => mesh.join(1)));
  while (mesh.peers.length < PEERS) await mesh.join(1);
  await mesh.seeOneAnother();
  const job = await first.mesh.publish({ fn: STEADY, accept: ACCEPT });
  const summary = await job.done();
  const truth = await oracle({ fn: STEADY, accept: ACCEPT });
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  const last = await mesh.peers.at(-1)?.mesh.job(job.id);
  if (last === undefined) throw new Error('the last peer does not know the job');
  expect(await linesOf(last.results())).toBe(truth.stdout);
  expect(summary.peers).toBeGreaterThan(AT_ONCE);
  expect(summary.copies).toBe(3);
}, 240_000);
