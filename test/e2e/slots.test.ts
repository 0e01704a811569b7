import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { InsideMesh, untilTrue } from './inside-mesh.ts';
import { executorsOf, Lab, poll } from './lab.ts';

const NEVER = 'test/e2e/functions/never.js';

test('a running peer takes more or fewer slots, and its executors follow', async () => {
  await using mesh = await InsideMesh.open();
  const { mesh: solo } = await mesh.solo(2);
  const job = await solo.publish({ fn: NEVER, accept: 1 });
  const busy = async (): Promise<number> => (await solo.status()).busy;
  await untilTrue('both slots are busy', async () => (await busy()) === 2);
  await solo.slots(0);
  await untilTrue('nothing runs', async () => (await busy()) === 0);
  await solo.slots(3);
  await untilTrue('three slots are busy', async () => (await busy()) === 3);
  expect((await solo.status()).slots).toBe(3);
  await expect(solo.slots(1.5)).rejects.toThrow('slots must be a whole number from 0 to 1024');
  await job.cancel();
});

test('meshd slots and --nice say how much a machine gives', async () => {
  await using lab = await Lab.open();
  const peer = await lab.start('a', '--nice', '15');
  await lab.run('a', 'publish', NEVER, '--accept', '1', '--detach');
  await poll('an executor works', async () => (await lab.status('a')).busy === 1);
  const niceOf = async (pid: number): Promise<string | undefined> => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16];
  };
  const values = await Promise.all((await executorsOf(peer.pid)).map(niceOf));
  expect(values).toContain('15');
  const { code, stdout } = await lab.run('a', 'slots', '0');
  expect([code, stdout]).toEqual([0, 'slots: 0\n']);
  await poll('nothing runs', async () => (await lab.status('a')).busy === 0);
  expect((await lab.run('a', 'slots', '-1')).code).toBe(2);
  expect((await lab.run('nobody', 'slots', '1')).code).toBe(3);
});
