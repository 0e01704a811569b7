import { setTimeout as sleep } from 'node:timers/promises';
import type { Mesh } from '../../src/index.ts';
import { median, type Row, spread } from './figures.ts';
import { type FunctionName, writeFunction } from './functions.ts';
import { type BenchPeer, type BenchPeers, openMesh, seesAlive } from './peers.ts';
import { loopback, processorMs } from './proc.ts';
import type { Plan } from './rounds.ts';

const COUNTS = [1, 2, 4, 8, 16];
/** What `waits` takes. */
const UNIT_SECONDS = 0.05;
/** So many for each slot: 5 s. */
const UNITS = 100;
/** Before each measured job, for what the one before it left to do. */
const REST_MS = 2000;
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7];

/** What a mesh did in one job. */
interface Run {
  /** Accepted, for each slot. */
  readonly units: number;
  readonly seconds: number;
  /** Of the peers themselves, executors left out, in ms. */
  readonly processorMs: number;
  readonly packets: number;
  readonly bytes: number;
}

/** Peers of a slot each at functions that sleep: efficiency and what the mesh itself costs. */
export async function scalingPeers(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of COUNTS) {
    await using mesh = await meshOf(
      plan,
      Array.from({ length: count }, () => 1),
    );
    const runs = await waiting(plan, mesh, count);
    const perPeer = (of: (run: Run) => number): string => {
      const values = runs.map((run) => of(run) / run.seconds / count);
      return spread(values, median(values) < 10 ? 1 : 0);
    };
    rows.push({
      ...efficiency('peers', count, `${count} peer${count === 1 ? '' : 's'} of 1 slot`, runs),
      how:
        `each peer and second: ${perPeer((run) => run.processorMs)} ms of processor time, ` +
        `${perPeer((run) => run.packets)} packets, ${perPeer((run) => run.bytes / 1000)} kB`,
    });
  }
  return rows;
}

/** One peer with more and more slots at functions that sleep. */
export async function scalingSlots(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const count of COUNTS) {
    await using mesh = await meshOf(plan, [count]);
    const runs = await waiting(plan, mesh, count);
    const values = runs.map((run) => run.processorMs / run.seconds);
    const how = `${spread(values, 0)} ms of processor time of the peer a second`;
    rows.push({
      ...efficiency('slots', count, `1 peer of ${count} slot${count === 1 ? '' : 's'}`, runs),
      how,
    });
  }
  return rows;
}

/** Jobs of a thousand to ten million candidates: what one of them costs must not grow. */
export async function scalingSizes(plan: Plan): Promise<Row[]> {
  await using mesh = await meshOf(plan, [2]);
  const rows: Row[] = [];
  for (const { name, share, said } of [
    { name: 'few', share: 1e-3, said: '1 in 1000 accepted' },
    { name: 'instant', share: 1, said: 'all accepted' },
  ] as const) {
    for (const size of SIZES) {
      // Ten million accepted values are more than one job is meant for.
      if (share === 1 && size > 1e6) continue;
      const accept = Math.max(1, Math.round(size * share));
      const runs = await repeated(plan, (round) =>
        runOf(plan, mesh, name, accept, size + round, 2),
      );
      const cost = runs.map((run) => (run.seconds * 1e6) / size);
      const own = runs.map((run) => (run.processorMs * 1000) / size);
      rows.push({
        figure: `scaling: ${size.toLocaleString('en')} candidates, ${said}`,
        measured: `${spread(cost, 2)} µs each`,
        target: 'does not grow',
        how:
          `in all ${median(runs.map(({ seconds }) => seconds)).toFixed(2)} s, ` +
          `processor time of the peer ${spread(own, 2)} µs each`,
      });
    }
  }
  return rows;
}

class BenchMesh implements AsyncDisposable {
  readonly peers: readonly BenchPeer[];
  readonly client: Mesh;
  readonly #all: BenchPeers;

  constructor(all: BenchPeers, peers: readonly BenchPeer[], client: Mesh) {
    this.#all = all;
    this.peers = peers;
    this.client = client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    await this.#all.end(this.peers);
  }
}

let meshes = 0;

async function meshOf({ bed }: Plan, slots: readonly number[]): Promise<BenchMesh> {
  meshes += 1;
  const all: BenchPeer[] = [];
  for (const [k, count] of slots.entries()) {
    const invites = all.slice(0, 1).map(({ invite }) => invite);
    all.push(await bed.peers.start(`scaling-${meshes}-${k}`, count, invites));
  }
  const [first] = all;
  if (first === undefined) throw new Error('a mesh has a peer');
  const client = await openMesh(first.home);
  await seesAlive(client, all.length);
  return new BenchMesh(bed.peers, all, client);
}

async function repeated(plan: Plan, run: (round: number) => Promise<Run>): Promise<Run[]> {
  // The first one warms up.
  await run(-1);
  const runs: Run[] = [];
  for (let round = 0; round < plan.repeats; round += 1) {
    await sleep(REST_MS);
    runs.push(await run(round));
  }
  return runs;
}

function waiting(plan: Plan, mesh: BenchMesh, slots: number): Promise<Run[]> {
  const units = Math.max(2, Math.round(UNITS * plan.size)) * slots;
  return repeated(plan, (round) => runOf(plan, mesh, 'waits', units, round + 1, slots));
}

async function runOf(
  { bed }: Plan,
  { peers, client }: BenchMesh,
  name: FunctionName,
  accept: number,
  seed: number,
  slots: number,
): Promise<Run> {
  const fn = writeFunction(bed.folder, name);
  const own = (): number => peers.reduce((sum, { pid }) => sum + processorMs(pid), 0);
  const [before, network, start] = [own(), loopback(), performance.now()];
  const job = await client.publish({ fn, accept, seed });
  for await (const _ of job.results());
  await job.done();
  const seconds = (performance.now() - start) / 1000;
  const now = loopback();
  return {
    units: accept / slots,
    seconds,
    processorMs: own() - before,
    packets: now.packets - network.packets,
    bytes: now.bytes - network.bytes,
  };
}

function efficiency(
  picture: 'peers' | 'slots',
  count: number,
  name: string,
  runs: readonly Run[],
): Omit<Row, 'how'> {
  const shares = runs.map(({ units, seconds }) => (units * UNIT_SECONDS) / seconds);
  const values = runs.map(({ units, seconds }) => (units * count) / seconds);
  return {
    figure: `scaling: ${name}`,
    measured: `${spread(shares, 3)} of the ideal speed`,
    ...{ target: '≥ 0.95', bar: { picture, name, values } },
  };
}
