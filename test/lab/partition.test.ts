import { expect } from 'vitest';
import { afterMs } from '../e2e/inside-mesh.ts';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

const WEST = ['alice', 'bob'];
const EAST = ['carol', 'dave'];

/** Four peers on two switches with one cable between them, and a job under way on all. */
async function twoHalves(lab: MeshLab, accept: number, ms: number) {
  const { switch: east, trunk } = await lab.net.extend();
  await lab.machines(WEST);
  await lab.machines(EAST, east);
  await lab.mesh('alice', 'bob', 'carol', 'dave');
  const job = await lab.publishMarked('alice', { accept, ms });
  await job.worksOn([...WEST, ...EAST]);
  return { job, trunk };
}

function sumOn(job: { evaluationsOn(name: string): number }, names: readonly string[]): number {
  return names.reduce((sum, name) => sum + job.evaluationsOn(name), 0);
}

labTest('a partition with both halves at work ends in one answer', async () => {
  await using lab = await MeshLab.open();
  const { job, trunk } = await twoHalves(lab, 300, 20);
  await trunk.pull();
  await Promise.all([lab.misses('alice', 2), lab.misses('carol', 2)]);
  await job.worksOn([...WEST, ...EAST], 20);
  await trunk.plug();
  const summary = await job.expectOracle('alice');
  expect(summary.peers).toBe(4);
  // Neither half alone came to the answer.
  expect(sumOn(job, WEST)).toBeLessThan(summary.evaluated);
  expect((await job.expectOracle('dave')).certificate).toBe(summary.certificate);
});

labTest('a partition of 60 s with the times that users have ends in one answer', async () => {
  await using lab = await MeshLab.open({ timeFactor: 1 });
  const { job, trunk } = await twoHalves(lab, 800, 50);
  await trunk.pull();
  const over = afterMs(60_000);
  await Promise.all([lab.misses('alice', 2), lab.misses('carol', 2)]);
  await job.worksOn([...WEST, ...EAST], 20);
  await over;
  await trunk.plug();
  const summary = await job.expectOracle('carol');
  expect(summary.peers).toBe(4);
  expect(sumOn(job, EAST)).toBeLessThan(summary.evaluated);
  expect((await job.expectOracle('alice')).certificate).toBe(summary.certificate);
});
