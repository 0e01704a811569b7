import { expect } from 'vitest';
import type { PeerProcess } from '../e2e/lab.ts';
import { labTest } from './lab-test.ts';
import { MeshLab, signalAll } from './mesh-lab.ts';

const NAMES = ['alice', 'bob', 'carol'] as const;

labTest('every host in turn is rebooted and has a new address, and the job goes on', async () => {
  await using lab = await MeshLab.open();
  await lab.machines(NAMES);
  const peers = await lab.mesh(...NAMES);
  const job = await lab.publishMarked('alice', { accept: 300, ms: 20 });
  await job.worksOn(NAMES);
  for (const [k, name] of NAMES.entries()) {
    await peers[k]?.kill();
    await lab.machine(name).readdress();
    await lab.restart(name);
    await lab.sees(name, NAMES.length);
    await job.worksOn(NAMES);
  }
  const summary = await job.expectOracle('alice');
  expect(summary.peers).toBe(3);
});

labTest('all hosts are rebooted at once, all but one have new addresses: they go on', async () => {
  await using lab = await MeshLab.open();
  await lab.machines(NAMES);
  const peers = await lab.mesh(...NAMES);
  const job = await lab.publishMarked('alice', { accept: 300, ms: 20 });
  await job.worksOn(NAMES);
  await Promise.all(peers.map((peer) => peer.kill()));
  for (const name of ['alice', 'bob']) await lab.machine(name).readdress();
  await Promise.all(NAMES.map((name) => lab.restart(name)));
  await job.worksOn(NAMES);
  const summary = await job.expectOracle('bob');
  expect(summary.peers).toBe(3);
});

/** A lid that is closed stops all processes and the network. */
async function sleepAndWake(lab: MeshLab, laptop: PeerProcess, while_: () => Promise<void>) {
  const { link } = lab.machine(laptop.name);
  await signalAll(laptop, 'SIGSTOP');
  await link.pull();
  await while_();
  await link.plug();
  await signalAll(laptop, 'SIGCONT');
}

labTest('a laptop is suspended until the others hold it dead; awake, it works on', async () => {
  await using lab = await MeshLab.open();
  const home = await lab.net.nat('home');
  await lab.machines(['alice', 'bob']);
  await lab.machines(['laptop'], home.inside);
  const [, , laptop] = await lab.mesh('alice', 'bob', 'laptop');
  const job = await lab.publishMarked('laptop', { accept: 300, ms: 20 });
  await job.worksOn(['alice', 'bob', 'laptop']);
  let asleep = 0;
  await sleepAndWake(lab, laptop as PeerProcess, async () => {
    asleep = job.evaluationsOn('laptop');
    await lab.misses('alice', 1);
    await job.worksOn(['alice', 'bob'], 20);
    expect(job.evaluationsOn('laptop')).toBe(asleep);
  });
  await job.worksOn(['laptop']);
  const summary = await job.expectOracle('laptop');
  expect(summary.peers).toBe(3);
});
