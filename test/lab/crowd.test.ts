import { expect } from 'vitest';
import { openMesh } from '../../scripts/bench/peers.ts';
import { poll } from '../e2e/lab.ts';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

const CROWD = 24;

/** So many processes that start at once on a busy machine take minutes. */
const PATIENCE_MS = 240_000;

labTest(
  '24 peers that join within a second behind one address all find one another and work',
  async () => {
    // 25 peers on one machine: with heartbeats every second these alone would keep a core busy.
    await using lab = await MeshLab.open({ timeFactor: 4 });
    const office = await lab.net.nat('office');
    const names = Array.from({ length: CROWD }, (_, k) => `desk${k + 1}`);
    await lab.machines(['alice']);
    await lab.machines(names, office.inside);
    const alice = await lab.start('alice');
    await Promise.all(names.map((name) => lab.join(name, [alice])));
    for (const name of ['alice', ...names]) await seesAll(lab, name);
    const job = await lab.publishMarked('desk1', { accept: 1000, ms: 100 });
    const summary = await job.expectOracle('alice');
    expect(summary.peers).toBe(1 + CROWD);
    for (const name of names) expect(job.evaluationsOn(name)).toBeGreaterThan(0);
  },
  3 * PATIENCE_MS,
);

/** Asks within this process: a command for each question would cost more than the answer. */
async function seesAll(lab: MeshLab, name: string): Promise<void> {
  await using mesh = await openMesh(lab.home(name));
  const ask = async (): Promise<boolean> =>
    (await mesh.peers()).filter(({ state }) => state === 'alive').length === 1 + CROWD;
  await poll(`${name} sees ${1 + CROWD} peers alive`, ask, PATIENCE_MS);
}
