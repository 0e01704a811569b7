import { expect } from 'vitest';
import type { PeerRow } from '../../src/index.ts';
import { poll } from '../e2e/lab.ts';
import { labTest } from './lab-test.ts';
import type { MarkedJob } from './marked-job.ts';
import { MeshLab } from './mesh-lab.ts';

/** Each of them is behind a router of its own. */
const HIDDEN = ['desk', 'laptop'] as const;

/** How one peer reaches another, as it shows it itself. */
async function rowOf(lab: MeshLab, from: string, to: string): Promise<PeerRow | undefined> {
  return (await lab.peers(from)).find(({ name }) => name === to);
}

/** The name of the peer through which desk and laptop talk, once one does. */
async function relayBetween(lab: MeshLab): Promise<string> {
  let relay: string | undefined;
  await poll('desk and laptop are connected over a relay', async () => {
    const rows = await lab.peers('desk');
    const way = rows.find(({ name }) => name === 'laptop');
    if (way?.via !== 'relay') return false;
    relay = rows.find(({ peer }) => peer === way.relay)?.name;
    return relay !== undefined;
  });
  return relay ?? '';
}

function expectWorkOn(job: MarkedJob, names: readonly string[]): void {
  for (const name of names) expect(job.evaluationsOn(name)).toBeGreaterThan(0);
}

labTest('two hosts behind two NATs and one public peer work together, over its relay', async () => {
  await using lab = await MeshLab.open();
  await lab.meshBehindNats('alice');
  expect(await relayBetween(lab)).toBe('alice');
  const job = await lab.publishMarked('desk', { accept: 60, ms: 10 });
  expect((await job.expectOracle('laptop')).peers).toBe(3);
  expectWorkOn(job, HIDDEN);
  expect((await rowOf(lab, 'laptop', 'desk'))?.via).toBe('relay');
});

labTest(
  'when a relay is killed in mid-run another takes its place, and it comes back',
  async () => {
    await using lab = await MeshLab.open();
    const relays = ['alice', 'bob'] as const;
    const peers = await lab.meshBehindNats(...relays);
    const killed = await relayBetween(lab);
    const other = relays.find((name) => name !== killed) ?? '';
    const job = await lab.publishMarked('desk', { accept: 500, ms: 20 });
    await job.worksOn([...relays, ...HIDDEN]);
    await peers.find(({ name }) => name === killed)?.kill();
    await poll(`${other} relays instead of ${killed}`, async () => {
      return (await relayBetween(lab)) === other;
    });
    await job.worksOn(HIDDEN);
    await lab.restart(killed);
    await lab.sees(killed, 4);
    await lab.sees('laptop', 4);
    await job.worksOn([killed, ...HIDDEN]);
    expect((await job.expectOracle('laptop')).peers).toBe(4);
  },
);

labTest(
  'when the only relay dies two hosts go on alone, and are one mesh once it is back',
  async () => {
    await using lab = await MeshLab.open();
    const [alice] = await lab.meshBehindNats('alice');
    expect(await relayBetween(lab)).toBe('alice');
    const job = await lab.publishMarked('desk', { accept: 400, ms: 20 });
    await job.worksOn(['alice', ...HIDDEN]);
    await alice?.kill();
    await Promise.all(HIDDEN.map((name) => lab.misses(name, 2)));
    await job.worksOn(HIDDEN, 20);
    await lab.restart('alice');
    for (const name of HIDDEN) await lab.sees(name, 3);
    const summary = await job.expectOracle('laptop');
    expect(summary.peers).toBe(3);
    // None of the two alone came to the answer.
    for (const name of HIDDEN) expect(job.evaluationsOn(name)).toBeLessThan(summary.evaluated);
    expect((await job.expectOracle('desk')).certificate).toBe(summary.certificate);
  },
);
