import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import type { Host } from '../../scripts/netlab/host.ts';
import { decodeInvite, encodeInvite } from '../../src/node/admission/invite.ts';
import { labTest } from './lab-test.ts';
import { MeshLab } from './mesh-lab.ts';

labTest('two meshes on one LAN never mix', async () => {
  await using lab = await MeshLab.open();
  const office = await lab.net.nat('office');
  const [red, blue] = [
    ['red1', 'red2'],
    ['blue1', 'blue2'],
  ] as const;
  await lab.machines([...red, ...blue], office.inside);
  await lab.mesh(...red);
  await lab.mesh(...blue);
  const jobs = await Promise.all(
    ['red1', 'blue1'].map((name) => lab.publishMarked(name, { accept: 60, ms: 20 })),
  );
  const [redJob, blueJob] = jobs;
  expect((await redJob?.expectOracle('red2'))?.peers).toBe(2);
  expect((await blueJob?.expectOracle('blue2'))?.peers).toBe(2);
  for (const name of red) {
    expect(redJob?.evaluationsOn(name)).toBeGreaterThan(0);
    expect(blueJob?.evaluationsOn(name)).toBe(0);
    expect((await lab.peers(name)).map((row) => row.name).sort()).toEqual(red);
  }
  for (const name of blue) {
    expect(blueJob?.evaluationsOn(name)).toBeGreaterThan(0);
    expect(redJob?.evaluationsOn(name)).toBe(0);
    expect((await lab.peers(name)).map((row) => row.name).sort()).toEqual(blue);
  }
});

labTest('a stranger with another secret is told so, and nobody hears of it', async () => {
  await using lab = await MeshLab.open();
  await lab.machines(['alice', 'bob', 'mallory']);
  const [alice] = await lab.mesh('alice', 'bob');
  const own = await lab.start('mallory');
  const theirs = decodeInvite((await alice?.ready)?.invite ?? '');
  const { mesh, secret } = decodeInvite((await own.ready).invite);
  await own.kill();
  const job = await lab.publishMarked('alice', { accept: 60, ms: 20 });
  const forged = encodeInvite({ mesh, secret, addresses: theirs.addresses });
  const join = await lab.run('mallory', 'join', forged, '--no-wait');
  expect(join.code).toBe(3);
  expect(join.stderr).toMatch(/refused the mesh secret/);
  expect((await job.expectOracle('bob')).peers).toBe(2);
  expect(job.evaluationsOn('mallory')).toBe(0);
  for (const name of ['alice', 'bob']) {
    expect((await lab.peers(name)).map((row) => row.name).sort()).toEqual(['alice', 'bob']);
  }
});

/** Handshakes under way at once, those of members included. */
const MAX_HANDSHAKES = 128;

/** Of `silent` connections a peer holds some, or nothing was measured. */
const SOME_HANDSHAKES = 16;

const ROUNDS = 5;
const CONNECTIONS = 2000;

function garbage(from: Host, to: Host, port: string, ...rest: string[]): ChildProcess {
  const line = [...from.prefix, process.execPath, 'test/lab/garbage.ts', to.address, port, ...rest];
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  return spawn(line[0] ?? '', line.slice(1), { stdio: [...stdio] });
}

/** What a process says first; empty when it ends without a word. */
async function firstLine({ stdout }: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: stdout ?? process.stdin })) return line;
  return '';
}

function portOf(addresses: readonly string[]): string {
  return /\/tcp\/(\d+)/.exec(addresses[0] ?? '')?.[1] ?? '';
}

/** Connections to a port that the machine's kernel holds open. */
async function openAt(host: Host, port: string): Promise<number> {
  const rows = await host.namespace.run('ss', '-Htn', 'state', 'established', 'sport', `:${port}`);
  return rows.split('\n').filter((row) => row !== '').length;
}

function medianOf(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

labTest(
  '10 000 connections with garbage slow a running job by a quarter at most',
  async () => {
    // With little room for garbage of its own, what a peer holds is what it cannot let go.
    const node = '--max-semi-space-size=2 --max-old-space-size=128';
    await using lab = await MeshLab.open({ timeFactor: 1, node });
    await lab.machines(['alice', 'bob', 'mallory']);
    const [alice] = await lab.mesh('alice', 'bob');
    const port = portOf((await alice?.ready)?.addresses ?? []);
    const job = await lab.publishMarked('alice', { accept: 1_000_000, ms: 5 });
    await job.worksOn(['alice', 'bob'], 50);
    const [victim, stranger] = [lab.machine('alice'), lab.machine('mallory')];
    const perSecond = async (during: () => Promise<unknown>): Promise<number> => {
      const [before, since] = [job.evaluationsOn('alice'), performance.now()];
      await during();
      return ((job.evaluationsOn('alice') - before) / (performance.now() - since)) * 1000;
    };
    const [quiet, attacked, rss]: number[][] = [[], [], []];
    for (let round = 0; round < ROUNDS; round++) {
      const flood = (): Promise<unknown> =>
        once(garbage(stranger, victim, port, `${CONNECTIONS}`), 'close');
      attacked?.push(await perSecond(flood));
      quiet?.push(await perSecond(() => job.worksOn(['alice'], 300)));
      rss?.push((await lab.status('alice')).rssBytes / 2 ** 20);
    }
    console.log(`evaluations/s: quiet ${quiet}, attacked ${attacked}; MiB after each round ${rss}`);
    expect(medianOf(attacked ?? []) / medianOf(quiet ?? [])).toBeGreaterThanOrEqual(0.75);
    // The first round fills caches and pools; what grew with each connection would go on.
    expect((rss?.[ROUNDS - 1] ?? 0) - (rss?.[1] ?? 0)).toBeLessThan(32);
    expect((await lab.peers('alice')).map((row) => row.name).sort()).toEqual(['alice', 'bob']);
    expect((await lab.run('alice', 'cancel', job.id)).code).toBe(0);
  },
  400_000,
);

labTest('of 500 connections that say nothing only so many are held as handshakes', async () => {
  await using lab = await MeshLab.open();
  await lab.machines(['alice', 'mallory']);
  const alice = await lab.start('alice');
  const port = portOf((await alice.ready).addresses);
  const flood = garbage(lab.machine('mallory'), lab.machine('alice'), port, '500', 'silent');
  expect(await firstLine(flood)).toBe('calm');
  const held = await openAt(lab.machine('alice'), port);
  flood.kill('SIGKILL');
  expect(held).toBeGreaterThanOrEqual(SOME_HANDSHAKES);
  expect(held).toBeLessThanOrEqual(MAX_HANDSHAKES);
});
