import { cpSync } from 'node:fs';
import { expect } from 'vitest';
import { poll } from '../e2e/lab.ts';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

async function inviteOf(lab: MeshLab, home: string): Promise<string> {
  return (await lab.run(home, 'invite')).stdout.trim();
}

/** Each of these peers knows these peers and nobody else. */
async function expectOnly(lab: MeshLab, names: readonly string[]): Promise<void> {
  for (const name of names) {
    expect((await lab.peers(name)).map((row) => row.name).sort()).toEqual(names);
  }
}

labTest('a stranger with a secret from before a rotation does not get in', async () => {
  await using lab = await MeshLab.open();
  const members = ['alice', 'bob'];
  await lab.machines([...members, 'mallory']);
  const [alice] = await lab.mesh('alice', 'bob');
  const old = (await alice?.ready)?.invite ?? '';
  const job = await lab.publishMarked('alice', { accept: 300, ms: 20 });
  await job.worksOn(members);
  expect((await lab.run('bob', 'secret', 'rotate')).code).toBe(0);
  const join = await lab.run('mallory', 'join', old, '--no-wait');
  expect(join).toMatchObject({ code: 3, stderr: expect.stringMatching(/refused the mesh secret/) });
  await expectOnly(lab, members);
  await job.worksOn(members);
  expect((await job.expectOracle('bob')).peers).toBe(2);
  expect(job.evaluationsOn('mallory')).toBe(0);
  await expectOnly(lab, members);
});

labTest(
  'a removed peer does not get in again, nor does who has its key and the secret',
  async () => {
    await using lab = await MeshLab.open();
    const members = ['alice', 'bob'];
    await lab.machines([...members, 'carol', 'mallory']);
    const [, , carol] = await lab.mesh(...(['alice', 'bob', 'carol'] as const));
    const job = await lab.publishMarked('alice', { accept: 400, ms: 20 });
    await job.worksOn([...members, 'carol']);
    expect((await lab.run('bob', 'peers', 'remove', 'carol')).code).toBe(0);
    await poll('carol is told', async () => {
      return (await lab.status('carol')).notices.join().includes('was removed');
    });
    await carol?.kill();
    const before = job.evaluationsOn('carol');
    cpSync(lab.home('carol'), lab.home('mallory'), { recursive: true });
    const back = await lab.run('carol', 'join', '--no-wait');
    expect(back.code).toBe(3);
    const thief = await lab.run('mallory', 'join', await inviteOf(lab, 'alice'), '--no-wait');
    expect(thief).toMatchObject({ code: 3, stderr: expect.stringMatching(/removed this machine/) });
    await expectOnly(lab, members);
    await job.worksOn(members);
    await job.expectOracle('bob');
    await job.expectOracle('alice');
    // Until it was refused the thief may have worked for itself, on what is on the disk it took.
    expect(before).toBeGreaterThan(0);
    await expectOnly(lab, members);
  },
);

labTest('a machine evaluates nothing of a publisher that it does not trust', async () => {
  await using lab = await MeshLab.open();
  const home = await lab.net.nat('home');
  await lab.machines(['alice', 'bob']);
  await lab.machines(['laptop'], home.inside);
  const alice = await lab.start('alice');
  await lab.join('bob', [alice]);
  await lab.join('laptop', [alice], '--trust', (await alice.ready).peer);
  for (const name of ['alice', 'bob', 'laptop']) await lab.sees(name, 3);
  const foreign = await lab.publishMarked('bob', { accept: 100, ms: 20 });
  await lab.shows('laptop', foreign.id, ({ notHere }) => notHere !== null);
  expect((await foreign.expectOracle('bob')).peers).toBe(2);
  // It knows the answer all the same.
  await foreign.expectOracle('laptop');
  expect(foreign.evaluationsOn('alice')).toBeGreaterThan(0);
  expect(foreign.evaluationsOn('laptop')).toBe(0);
  const trusted = await lab.publishMarked('alice', { accept: 100, ms: 20 });
  expect((await trusted.expectOracle('bob')).peers).toBe(3);
  expect(trusted.evaluationsOn('laptop')).toBeGreaterThan(0);
});
