import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Mesh } from '../../src/index.ts';
import { BareLoops, type BareTask } from './bare.ts';
import { type Row, spread } from './figures.ts';
import { writeFunction } from './functions.ts';
import { type BenchPeers, openMesh, seesAlive } from './peers.ts';

const SLOTS = 2;
const ROUNDS = 3;
/** No further round begins after this time: one in which the speed changed is repeated. */
const LIMIT_MS = { trivial: 25_000, oneMs: 45_000 } as const;
/** How much the bare loop's rates before and after a job may differ, as a share of the larger. */
const DRIFT = 0.1;
/** Before each round, so that the executors of the one before are at rest. */
const REST_MS = 500;
/** How long one job takes when it is as fast as the bare loop. */
const JOB_MS = { trivial: 4000, oneMs: 10_000 } as const;
const BARE_MS = 2000;
/** An answer that no run of this length reaches. */
const BEYOND = 2 ** 31;

type Kind = BareTask['kind'];

/** Rates of one function on the mesh, each with the bare loop's just before and after it. */
interface Rates {
  readonly ratios: number[];
  readonly bare: number[];
  readonly mesh: number[];
  /** Rounds in which the bare loop changed its speed: left out, unless there is no other. */
  unsteady: number;
}

/** Candidates per second through a warm mesh against a bare loop on the same cores. */
export async function throughput(peers: BenchPeers, kind: Kind): Promise<Row[]> {
  await using bare = new BareLoops(SLOTS);
  const fn = writeFunction(peers.folder, kind);
  const params = { rounds: kind === 'oneMs' ? await roundsOfOneMs(fn) : 0 };
  const one = await peers.start(`${kind}-one`, SLOTS);
  await using alone = await openMesh(one.home);
  const single = await measure({ kind, fn, params, seed: 1 }, bare, alone);
  await alone.stop();
  const left = await peers.start(`${kind}-left`, 1);
  await peers.start(`${kind}-right`, 1, [left.invite]);
  await using pair = await openMesh(left.home);
  await seesAlive(pair, 2);
  const double = await measure({ kind, fn, params, seed: 1001 }, bare, pair);
  await peers.stop();
  return [row(kind, 'one peer of 2 slots', single), row(kind, 'two peers of 1 slot', double)];
}

type Task = Omit<BareTask, 'lo' | 'hi'>;

async function measure(task: Task, bare: BareLoops, mesh: Mesh): Promise<Rates> {
  const rates: Rates = { ratios: [], bare: [], mesh: [], unsteady: 0 };
  // Warms up both, and tells how many candidates fill the time.
  const first = task.kind === 'trivial' ? 1e7 : 1000;
  let before = await bare.rate(task, first);
  await meshRate(task, mesh, first);
  const late = performance.now() + LIMIT_MS[task.kind];
  for (let round = 1; rates.ratios.length < ROUNDS; round += 1) {
    await sleep(REST_MS);
    before = await bare.rate(task, Math.ceil((before * BARE_MS) / 1000));
    const count = Math.ceil((before * JOB_MS[task.kind]) / 1000);
    const now = await meshRate({ ...task, seed: task.seed + round }, mesh, count);
    const after = await bare.rate(task, Math.ceil((before * BARE_MS) / 1000));
    const isLate = performance.now() > late;
    const steady = Math.abs(before - after) <= DRIFT * Math.max(before, after);
    if (steady || (isLate && rates.ratios.length === 0)) {
      rates.mesh.push(now);
      rates.bare.push((before + after) / 2);
      rates.ratios.push((2 * now) / (before + after));
    }
    if (!steady) rates.unsteady += 1;
    if (isLate) break;
  }
  return rates;
}

/** The whole of it: from `publish` to `done` of a job that ends after `count` candidates. */
async function meshRate({ fn, params, seed }: Task, mesh: Mesh, count: number): Promise<number> {
  const start = performance.now();
  const job = await mesh.publish({ fn, params, seed, accept: BEYOND, maxEvals: count });
  const { evaluated } = await job.done();
  if (evaluated !== count) throw new Error(`${evaluated} of ${count} candidates were evaluated`);
  return (count * 1000) / (performance.now() - start);
}

function row(kind: Kind, shape: string, { ratios, bare, mesh, unsteady }: Rates): Row {
  const trivial = kind === 'trivial';
  const unit = trivial ? 1e6 : 1e3;
  const scaled = (list: readonly number[]): number[] => list.map((rate) => rate / unit);
  const each = trivial ? 'million/s' : 'thousand/s';
  return {
    figure: `${trivial ? 'function that returns at once' : '1 ms function'}, ${shape}`,
    measured: `${spread(ratios, trivial ? 2 : 3)} of the bare loop`,
    target: trivial ? '≥ 0.5' : '≥ 0.95',
    how:
      `publish to done of jobs of ≥ ${JOB_MS[kind] / 1000} s: ${spread(scaled(mesh), 2)} ${each} ` +
      `against ${spread(scaled(bare), 2)}; ${ratios.length} rounds, ${unsteady} unsteady`,
  };
}

/**
 * Rounds of `oneMs` that take this processor 1 ms: by processor time, the best of some tries, for
 * whatever else runs only makes it slower.
 */
export async function roundsOfOneMs(fn: string): Promise<number> {
  const { default: evaluate } = (await import(pathToFileURL(fn).href)) as {
    default: (input: object) => unknown;
  };
  const params = { rounds: 20_000 };
  const work = (): number => {
    const before = process.cpuUsage();
    evaluate({ rng: { uniform: () => 0.5 }, params });
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const times = Array.from({ length: 20 }, work);
  return Math.max(1, Math.round(params.rounds / Math.min(...times)));
}
