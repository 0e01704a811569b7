import { expect } from 'vitest';
import { decodeInvite, encodeInvite } from '../../src/node/admission/invite.ts';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

labTest('a bootstrap list of which half is dead leads into the mesh', async () => {
  await using lab = await MeshLab.open();
  await lab.machines(['alice', 'bob', 'carol', 'dave', 'erin']);
  const [alice, bob, carol, dave] = await lab.mesh('alice', 'bob', 'carol', 'dave');
  // One machine is off, on the other one nothing listens.
  await lab.machine('alice').link.pull();
  await carol?.kill();
  const living = [alice, carol, bob, dave].filter((peer) => peer !== undefined);
  const invites = await Promise.all(living.map(async ({ ready }) => (await ready).invite));
  const ownOnly = invites.map((text, k) => {
    const { addresses, ...rest } = decodeInvite(text);
    const host = lab.machine(living[k]?.name ?? '').address;
    return encodeInvite({ ...rest, addresses: addresses.filter((each) => each.includes(host)) });
  });
  await lab.joinWith('erin', ownOnly);
  await lab.sees('erin', 3);
  const job = await lab.publishMarked('bob', { accept: 60, ms: 10 });
  expect((await job.expectOracle('erin')).peers).toBe(3);
  expect(job.evaluationsOn('erin')).toBeGreaterThan(0);
});
