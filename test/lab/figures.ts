import { setTimeout as sleep } from 'node:timers/promises';
import { openMesh } from '../../scripts/bench/peers.ts';
import type { Mesh, PeerRow } from '../../src/index.ts';
import type { PeerProcess } from '../e2e/lab.ts';
import { type MeshLab, signalAll } from './mesh-lab.ts';

/** A number that is measured on machines made for it. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly how: string;
  measure(lab: MeshLab): Promise<number>;
}

/** Given no params it does next to nothing. */
const FUNCTION = 'test/lab/functions/marked.js';

/** Between two looks, in ms: a time is too long by so much at most, and by the look itself. */
const LOOK_MS = 10;

/** Longest wait for what is timed, in ms. */
const PATIENCE_MS = 120_000;

/** A job that runs until the lab is closed. */
const ENDLESS = { accept: 1_000_000, ms: 10 };

/** Candidates that do next to nothing, for some seconds. */
const TRIVIAL = { accept: 300_000 };

export const FIGURES: readonly Figure[] = [
  {
    name: 'join to first evaluation, direct',
    unit: 's',
    how: 'a public host, through a public one that works',
    async measure(lab) {
      await lab.machines(['alice', 'bob']);
      const alice = await lab.start('alice');
      return joinTime(lab, { joiner: 'bob', through: alice, owner: 'alice' });
    },
  },
  {
    name: 'join to first evaluation, relay',
    unit: 's',
    how: 'two hosts behind two NATs; the public one only relays',
    async measure(lab) {
      const [office, home] = [await lab.net.nat('office'), await lab.net.nat('home')];
      await lab.machines(['alice']);
      await lab.machines(['desk'], office.inside);
      await lab.machines(['laptop'], home.inside);
      const alice = await lab.start('alice', '--slots', '0');
      await lab.join('desk', [alice]);
      await lab.sees('desk', 2);
      return joinTime(lab, { joiner: 'laptop', through: alice, owner: 'desk' });
    },
  },
  {
    name: 'join to first evaluation, port 443 only',
    unit: 's',
    how: 'nothing else gets out; a public host has a WebSocket there',
    async measure(lab) {
      const cluster = await lab.net.nat('cluster', { onlyPorts: [443] });
      await lab.machines(['alice']);
      await lab.machines(['node1'], cluster.inside);
      const alice = await lab.start('alice', '--listen', '/ip4/0.0.0.0/tcp/443/ws');
      return joinTime(lab, { joiner: 'node1', through: alice, owner: 'alice' });
    },
  },
  {
    name: 'relay killed: connected over another',
    unit: 's',
    how: 'two hosts behind two NATs, two public ones',
    async measure(lab) {
      const peers = await lab.meshBehindNats('alice', 'bob');
      await using desk = await openMesh(lab.home('desk'));
      await using laptop = await openMesh(lab.home('laptop'));
      const relayed = async (mesh: Mesh, to: string): Promise<string | null> =>
        (await rowOf(mesh, to))?.relay ?? null;
      await until(async () => (await relayed(desk, 'laptop')) !== null);
      const dying = await relayed(desk, 'laptop');
      const ids = await Promise.all(peers.map(async ({ ready }) => (await ready).peer));
      await peers[ids.indexOf(dying ?? '')]?.kill();
      return timed(async () => {
        const both = [[desk, 'laptop'] as const, [laptop, 'desk'] as const];
        for (const [mesh, to] of both) {
          await until(async () => ![null, dying].includes(await relayed(mesh, to)));
        }
      });
    },
  },
  {
    name: 'partition healed: all see all',
    unit: 's',
    how: 'two halves of two hosts, apart until they hold each other dead (8 s or so)',
    async measure(lab) {
      const { switch: east, trunk } = await lab.net.extend();
      await lab.machines(['alice', 'bob']);
      await lab.machines(['carol', 'dave'], east);
      await lab.mesh('alice', 'bob', 'carol', 'dave');
      await using alice = await openMesh(lab.home('alice'));
      await using carol = await openMesh(lab.home('carol'));
      await lab.publishMarked('alice', ENDLESS);
      await trunk.pull();
      for (const mesh of [alice, carol]) await until(() => isAlive(mesh, 2));
      return timed(async () => {
        await trunk.plug();
        for (const mesh of [alice, carol]) await until(() => isAlive(mesh, 4));
      });
    },
  },
  {
    name: 'host rebooted: start to first evaluation',
    unit: 's',
    how: 'one of three is killed and comes back with another address',
    async measure(lab) {
      await lab.machines(['alice', 'bob', 'carol']);
      const [, , carol] = await lab.mesh('alice', 'bob', 'carol');
      const job = await lab.publishMarked('alice', ENDLESS);
      await job.worksOn(['carol']);
      await carol?.kill();
      await lab.machine('carol').readdress();
      const before = job.evaluationsOn('carol');
      return timed(async () => {
        await lab.restart('carol');
        await until(async () => job.evaluationsOn('carol') > before);
      });
    },
  },
  {
    name: 'laptop resumed: all see it',
    unit: 's',
    how: 'behind a NAT, asleep until the others hold it dead (8 s or so)',
    async measure(lab) {
      const home = await lab.net.nat('home');
      await lab.machines(['alice', 'bob']);
      await lab.machines(['laptop'], home.inside);
      const [, , laptop] = await lab.mesh('alice', 'bob', 'laptop');
      await using alice = await openMesh(lab.home('alice'));
      await using bob = await openMesh(lab.home('bob'));
      const job = await lab.publishMarked('alice', ENDLESS);
      await job.worksOn(['laptop']);
      const { link } = lab.machine('laptop');
      await signalAll(laptop as PeerProcess, 'SIGSTOP');
      await link.pull();
      for (const mesh of [alice, bob]) await until(() => isAlive(mesh, 2));
      return timed(async () => {
        await link.plug();
        await signalAll(laptop as PeerProcess, 'SIGCONT');
        for (const mesh of [alice, bob]) await until(() => isAlive(mesh, 3));
      });
    },
  },
  {
    name: 'throughput of two hosts, direct',
    unit: '/s',
    how: 'candidates that do nothing; a third one, without slots, looks on',
    async measure(lab) {
      await lab.machines(['alice', 'desk', 'laptop']);
      const alice = await lab.start('alice', '--slots', '0');
      return throughput(lab, alice, 'direct');
    },
  },
  {
    name: 'throughput of two hosts, relay',
    unit: '/s',
    how: 'the same behind two NATs; the third one relays',
    async measure(lab) {
      const [office, home] = [await lab.net.nat('office'), await lab.net.nat('home')];
      await lab.machines(['alice']);
      await lab.machines(['desk'], office.inside);
      await lab.machines(['laptop'], home.inside);
      const alice = await lab.start('alice', '--slots', '0');
      return throughput(lab, alice, 'relay');
    },
  },
];

/** From the command to the first candidate that it evaluates, while a job runs. */
async function joinTime(
  lab: MeshLab,
  { joiner, through, owner }: { joiner: string; through: PeerProcess; owner: string },
): Promise<number> {
  const job = await lab.publishMarked(owner, ENDLESS);
  await job.worksOn([owner]);
  return timed(async () => {
    await lab.join(joiner, [through]);
    await until(async () => job.evaluationsOn(joiner) > 0);
  });
}

/** Candidates a second, from the publication on desk to its end, in a mesh of desk and laptop. */
async function throughput(
  lab: MeshLab,
  alice: PeerProcess,
  via: 'direct' | 'relay',
): Promise<number> {
  await Promise.all(['desk', 'laptop'].map((name) => lab.join(name, [alice])));
  for (const name of ['alice', 'desk', 'laptop']) await lab.sees(name, 3);
  await using desk = await openMesh(lab.home('desk'));
  await until(async () => (await rowOf(desk, 'laptop'))?.via === via);
  const job = await desk.publish({ fn: FUNCTION, ...TRIVIAL });
  let evaluated = 0;
  const seconds = await timed(async () => {
    ({ evaluated } = await job.done());
  });
  return evaluated / seconds;
}

async function rowOf(mesh: Mesh, name: string): Promise<PeerRow | undefined> {
  return (await mesh.peers()).find((row) => row.name === name);
}

async function isAlive(mesh: Mesh, count: number): Promise<boolean> {
  return (await mesh.peers()).filter(({ state }) => state === 'alive').length === count;
}

/** How long something takes, in seconds. */
async function timed(what: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await what();
  return (performance.now() - start) / 1000;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${PATIENCE_MS / 1000} s`);
    await sleep(LOOK_MS);
  }
}
