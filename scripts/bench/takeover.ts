import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Job, JobReport } from '../../src/index.ts';
import type { Peer } from '../../src/node/peer.ts';
import { type Row, spread } from './figures.ts';
import { writeFunction } from './functions.ts';
import { type BenchPeer, type BenchPeers, BUILD, LOOPBACK, seesAlive } from './peers.ts';

const ROUNDS = 3;
/** Blocks have grown to about a second by then. */
const BEFORE_MS = 3000;
const LOOK_MS = 5;
/** For what a stopped peer had not told. */
const LATE_MS = 1000;
const LONGEST_MS = 30_000;

/** How a peer dies, and how many candidates of 50 ms the job then has. */
const DEATHS = [
  { signal: 'SIGKILL', accept: 400, target: '≤ 2 s' },
  { signal: 'SIGSTOP', accept: 700, target: '≤ 10 s' },
] as const;
type Death = (typeof DEATHS)[number];

/** What one death cost. */
interface Loss {
  readonly seconds: number;
  readonly twice: number;
}

/** Time until another peer holds, or has evaluated, an interval that a dead peer held. */
export async function takeover(peers: BenchPeers): Promise<Row[]> {
  const fn = writeFunction(peers.folder, 'waits');
  const watcher = await startWatcher(peers);
  try {
    const invite = watcher.invite();
    if (invite === null) throw new Error('the watching peer is in no mesh');
    await peers.start('second', 1, [invite]);
    let victim = await peers.start('victim', 1, [invite]);
    const losses = DEATHS.map((): Loss[] => []);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [k, death] of DEATHS.entries()) {
        await seesAlive(watcher.mesh, 3);
        const seed = round * DEATHS.length + k;
        const job = await watcher.mesh.publish({ fn, accept: death.accept, seed });
        losses[k]?.push(await measure(job, victim, death));
        if (death.signal === 'SIGKILL') victim = await peers.restart('victim', 1);
      }
    }
    return DEATHS.map((death, k) => row(death, losses[k] ?? []));
  } finally {
    await watcher.close();
    await peers.stop();
  }
}

/** A peer in this process, which sees without delay what the others tell. */
async function startWatcher(peers: BenchPeers): Promise<Peer> {
  const module = (await import(pathToFileURL(join(BUILD, 'node/peer.js')).href)) as {
    startPeer: typeof import('../../src/node/peer.ts').startPeer;
  };
  const home = join(peers.folder, 'watcher');
  const options = { slots: 1, name: 'watcher', network: 'mesh', newMesh: true } as const;
  return module.startPeer({ ...options, home, listen: [LOOPBACK] });
}

async function measure(job: Job, victim: BenchPeer, { signal }: Death): Promise<Loss> {
  await sleep(BEFORE_MS);
  const block = await runningBlock(job, victim.id);
  victim.signal(signal);
  const start = performance.now();
  await until(job, (report) => isTaken(report, victim.id, block));
  const seconds = (performance.now() - start) / 1000;
  victim.signal('SIGCONT');
  if (signal === 'SIGKILL') await victim.ended;
  await job.done();
  await sleep(LATE_MS);
  const { ran, evaluated } = await job.summary();
  return { seconds, twice: ran - evaluated };
}

type HeldLease = JobReport['leases'][number];

/**
 * The interval that a peer has just begun: when it claims another one ahead, the one before
 * starts; near the end nothing is claimed ahead, and what it claims starts.
 */
async function runningBlock(job: Job, peer: string): Promise<HeldLease> {
  let before: readonly HeldLease[] | null = null;
  let begun: HeldLease | undefined;
  await until(job, (report) => {
    const now = report.leases.filter((lease) => lease.peer === peer);
    const isOld = ({ lo }: HeldLease): boolean => before?.some((lease) => lease.lo === lo) ?? true;
    begun = now.every(isOld) ? undefined : (now.findLast(isOld) ?? now[0]);
    before = now;
    return begun !== undefined && !isTaken(report, peer, begun);
  });
  if (begun === undefined) throw new Error('the peer began nothing');
  return begun;
}

function isTaken(report: JobReport, dead: string, { lo, hi }: HeldLease): boolean {
  const others = report.leases.filter(({ peer }) => peer !== dead);
  return report.frontier >= hi || others.some((lease) => lease.lo < hi && lease.hi > lo);
}

async function until(job: Job, condition: (report: JobReport) => boolean): Promise<JobReport> {
  const latest = performance.now() + LONGEST_MS;
  for (;;) {
    const report = await job.show();
    if (condition(report)) return report;
    if (performance.now() > latest) throw new Error('nothing was taken over within 30 s');
    await sleep(LOOK_MS);
  }
}

function row({ signal, target, accept }: Death, losses: readonly Loss[]): Row {
  const twice = losses.map((loss) => loss.twice);
  return {
    figure: `${signal} of a peer to the take-over of its block`,
    measured: spread(
      losses.map(({ seconds }) => seconds),
      1,
      's',
    ),
    target,
    how: `3 peers of 1 slot, ${accept} candidates of 50 ms; ran twice: ${spread(twice, 0)}`,
  };
}
