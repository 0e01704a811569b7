import { setTimeout as delay } from 'node:timers/promises';
import type { Interval } from '../src/core/interval-set.ts';
import type { Job, Mesh } from '../src/node/mesh.ts';
import type { DemoPeer } from './demo-peers.ts';

/** What the demo follows, and whom it kills. */
export interface DemoWatch {
  /** A client of a peer that stays alive. */
  readonly mesh: Mesh;
  readonly peers: readonly DemoPeer[];
  readonly victim: DemoPeer;
  readonly say: (line: string) => void;
  /** Aborted when the publication ended. */
  readonly signal: AbortSignal;
}

const POLL_MS = 100;
const PROGRESS_MS = 3_000;
const SETTLE_MS = 15_000;

/** Waits until `count` peers are alive to this client. @throws Error after 15 s. */
export async function settled(mesh: Mesh, count: number): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const alive = (await mesh.peers()).filter((peer) => peer.state === 'alive').length;
    if (alive === count) return;
    if (performance.now() > deadline) throw new Error(`${alive} of ${count} peers are alive`);
    await delay(POLL_MS);
  }
}

/**
 * Tells the mesh's only job as it goes: progress, the kill after a quarter, the take-over.
 * @throws Error when the job ended before the victim could be killed.
 */
export async function watch(options: DemoWatch): Promise<void> {
  const job = await onlyJob(options);
  let killed = false;
  const onKill = (): void => {
    killed = true;
  };
  try {
    await Promise.all([killOnTheWay(options, job, onKill), tellProgress(options, job)]);
  } catch (error) {
    if (!options.signal.aborted) throw error; // the end of the publication ends the watching
  }
  if (!killed) throw new Error('the job ended before a peer could be killed');
}

async function tellProgress({ say, signal }: DemoWatch, job: Job): Promise<void> {
  let told = -Infinity;
  for await (const now of job.progress({ signal })) {
    if (performance.now() - told < PROGRESS_MS) continue;
    told = performance.now();
    const rate = `${count(now.perSecond)} a second`;
    const found = `${now.accepted} of ${now.target} accepted, ${now.lines} of them final`;
    say(`${found}; ${rate} on ${now.peers} peers`);
  }
}

async function killOnTheWay(options: DemoWatch, job: Job, onKill: () => void): Promise<void> {
  const { victim, say, signal } = options;
  for await (const now of job.progress({ signal })) {
    if (now.accepted < now.target / 4) continue;
    const claimed = await claims(job, victim);
    if (claimed.length === 0) continue;
    victim.kill();
    onKill();
    say(`KILL: ${victim.name} gets SIGKILL while it works on ${claimed.map(show).join(' and ')}`);
    await Promise.all([death(options), takeOver(options, job, claimed)]);
    return;
  }
}

async function onlyJob({ mesh, signal }: DemoWatch): Promise<Job> {
  for (;;) {
    const [row] = await mesh.jobs();
    if (row !== undefined) return mesh.job(row.job);
    signal.throwIfAborted();
    await delay(POLL_MS);
  }
}

async function claims(job: Job, peer: DemoPeer): Promise<Interval[]> {
  const { leases } = await job.show();
  return leases.filter((lease) => lease.peer === peer.id).map(({ lo, hi }) => [lo, hi]);
}

async function death({ mesh, victim, say, signal }: DemoWatch): Promise<void> {
  const killed = performance.now();
  while (!signal.aborted) {
    const row = (await mesh.peers()).find(({ peer }) => peer === victim.id);
    if (row === undefined || row.state === 'dead') {
      return say(`${victim.name} is dead to the others ${since(killed)} after the kill`);
    }
    await delay(POLL_MS);
  }
}

async function takeOver(
  { peers, victim, say, signal }: DemoWatch,
  job: Job,
  claimed: readonly Interval[],
): Promise<void> {
  const killed = performance.now();
  const open = new Set(claimed);
  while (!signal.aborted && open.size > 0) {
    const { leases, frontier } = await job.show();
    for (const interval of open) {
      const [lo, hi] = interval;
      const next = leases.find(
        (lease) => lease.lo < hi && lo < lease.hi && lease.peer !== victim.id,
      );
      if (next === undefined && frontier < hi) continue;
      open.delete(interval);
      const name = peers.find(({ id }) => id === next?.peer)?.name;
      const what = name === undefined ? 'the others have evaluated' : `${name} took over`;
      say(`${what} ${show(interval)} ${since(killed)} after the kill`);
    }
    await delay(POLL_MS);
  }
}

/** A whole number with its thousands set apart. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function show([lo, hi]: Interval): string {
  return `[${count(lo)}, ${count(hi)})`;
}

function since(startMs: number): string {
  return `${((performance.now() - startMs) / 1_000).toFixed(1)} s`;
}
