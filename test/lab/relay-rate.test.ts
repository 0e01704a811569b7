import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { poll } from '../e2e/lab.ts';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

/** Two machines behind routers of their own, and a public one. */
async function twoHidden(lab: MeshLab): Promise<void> {
  const [office, home] = [await lab.net.nat('office'), await lab.net.nat('home')];
  await lab.machines(['alice']);
  await lab.machines(['desk'], office.inside);
  await lab.machines(['laptop'], home.inside);
}

labTest('a job ends with the oracle’s certificate over a relay with a cap', async () => {
  await using lab = await MeshLab.open();
  await twoHidden(lab);
  const alice = await lab.start('alice', '--slots', '0', '--relay-rate', '50kB');
  for (const name of ['desk', 'laptop']) await lab.join(name, [alice]);
  await poll('desk and laptop are connected over a relay', async () =>
    (await lab.peers('desk')).some(({ name, via }) => name === 'laptop' && via === 'relay'),
  );
  expect((await lab.status('alice')).relayBytesPerSecond).toBe(50_000);
  const job = await lab.publishMarked('desk', { accept: 200, ms: 5 });
  expect((await job.expectOracle('laptop')).peers).toBe(2);
  for (const name of ['desk', 'laptop']) expect(job.evaluationsOn(name)).toBeGreaterThan(0);
});

const SCRIPT = resolve('test/lab/relayed-blobs.ts');
const BLOBS = 10;

interface Arrived {
  readonly bytes: number;
  readonly ms: number;
}

/** Bytes a second that come from desk to laptop over alice's relay. */
async function throughput(lab: MeshLab, invite: string): Promise<number> {
  const run = (name: string, count: number) => {
    const node = [process.execPath, SCRIPT, invite, join(lab.folder, `${name}-key`), `${count}`];
    const [command = '', ...args] = [...lab.machine(name).prefix, ...node];
    return spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  };
  const [taker, giver] = [run('laptop', 0), run('desk', BLOBS)];
  try {
    for await (const line of createInterface({ input: taker.stdout })) {
      const { bytes, ms } = JSON.parse(line) as Arrived;
      if (bytes === (BLOBS - 1) * 100_000) return (bytes * 1000) / ms;
    }
    throw new Error('laptop ended before all had come');
  } finally {
    for (const child of [taker, giver]) child.kill('SIGKILL');
  }
}

labTest(
  'what a relay with a cap of 200 kB/s passes on is that much, and without one more',
  async () => {
    const rates = new Map<string, number>();
    for (const [name, options] of [
      ['capped', ['--relay-rate', '200kB']],
      ['free', []],
    ] as const) {
      await using lab = await MeshLab.open();
      await twoHidden(lab);
      const alice = await lab.start('alice', '--slots', '0', ...options);
      rates.set(name, await throughput(lab, (await alice.ready).invite));
    }
    console.log(`over a relay, in bytes a second: ${JSON.stringify([...rates])}`);
    expect(rates.get('capped')).toBeLessThan(1.3 * 200_000);
    expect(rates.get('capped')).toBeGreaterThan(0.3 * 200_000);
    expect(rates.get('free')).toBeGreaterThan(2 * 200_000);
  },
);
