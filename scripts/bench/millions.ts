import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Row, spread } from './figures.ts';
import { writeFunction } from './functions.ts';
import { type BenchPeer, openMesh, seesAlive } from './peers.ts';
import { childrenOf, loopback, residentMib } from './proc.ts';
import type { Plan } from './rounds.ts';
import { bare } from './systems/bare.ts';
import type { Setting } from './systems/system.ts';

/** 100 million candidates, of which one in a thousand is accepted. */
const CANDIDATES = 100_000_000;
const ACCEPTED_SHARE = 1e-3;
const LOOK_MS = 250;

/** What one run of a mesh came to. */
interface Run {
  readonly rate: number;
  readonly ofBare: number;
  /** Of the peer that has most, in MiB: at most, and what came after a third of the time. */
  readonly peak: number;
  readonly growth: number;
  /** Of the executor that has most, in MiB. */
  readonly executor: number;
  /** Between peers, all that went over loopback, in bytes for each accepted value. */
  readonly wire: number;
  /** Of one home, in bytes for each accepted value. */
  readonly disk: number;
}

/** W8: rate, memory, bytes on the wire and on disk of a hundred million candidates. */
export async function millions(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const shape of [
    { name: 'one peer of 2 slots', peers: [2] },
    { name: 'two peers of 1 slot', peers: [1, 1] },
  ]) {
    const runs: Run[] = [];
    for (let round = 0; round < plan.repeats; round += 1) {
      runs.push(await once(plan, shape.peers, `millions-${shape.peers.length}-${round}`, round));
    }
    rows.push(...rowsOf(shape.name, runs, Math.round(CANDIDATES * plan.size)));
  }
  return rows;
}

async function once(
  plan: Plan,
  slots: readonly number[],
  name: string,
  round: number,
): Promise<Run> {
  const { bed } = plan;
  const accept = Math.round(CANDIDATES * plan.size * ACCEPTED_SHARE);
  const first = await bed.peers.start(name, slots[0] ?? 1);
  const all = [first];
  for (const [k, count] of slots.slice(1).entries()) {
    all.push(await bed.peers.start(`${name}-${k + 1}`, count, [first.invite]));
  }
  await using mesh = await openMesh(first.home);
  await seesAlive(mesh, all.length);
  const fn = writeFunction(bed.folder, 'few');
  const memory = new MemoryWatch(all);
  const [diskBefore, wireBefore] = [diskBytes(first), loopback().bytes];
  const start = performance.now();
  const job = await mesh.publish({ fn, seed: 77 + round, accept });
  let lines = 0;
  for await (const _ of job.results()) lines += 1;
  const { evaluated } = await job.done();
  const seconds = (performance.now() - start) / 1000;
  if (lines !== accept) throw new Error(`${lines} lines of ${accept}`);
  memory.stop();
  const wire = (loopback().bytes - wireBefore) / accept;
  const disk = (diskBytes(first) - diskBefore) / accept;
  await mesh.stop({ mesh: true });
  await Promise.all(all.map(({ ended }) => ended));
  const rate = evaluated / seconds;
  const limit = await bareRate(plan, evaluated, round);
  return { rate, ofBare: rate / limit, wire, disk, ...memory.figures() };
}

async function bareRate(
  { bed, rounds, size }: Plan,
  units: number,
  round: number,
): Promise<number> {
  const setting: Setting = {
    ...{ kind: 'few', slots: 2, seed: 77 + round, rounds, folder: bed.folder },
  };
  await using loops = await bare.start(bed, setting);
  await loops.run({ units: Math.round(CANDIDATES * size * 0.05) });
  const { seconds } = await loops.run({ units });
  return units / seconds;
}

/** The resident memory of peers and their executors, four times a second. */
class MemoryWatch {
  readonly #peers: readonly BenchPeer[];
  readonly #timer: NodeJS.Timeout;
  readonly #seen: { readonly ms: number; readonly peer: number; readonly executor: number }[] = [];

  constructor(peers: readonly BenchPeer[]) {
    this.#peers = peers;
    this.#look();
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  #look(): void {
    const most = (pids: readonly number[]): number => Math.max(0, ...pids.map(residentMib));
    const peer = most(this.#peers.map(({ pid }) => pid));
    const executor = most(this.#peers.flatMap(({ pid }) => childrenOf(pid)));
    this.#seen.push({ ms: performance.now(), peer, executor });
  }

  stop(): void {
    this.#look();
    clearInterval(this.#timer);
  }

  figures(): Pick<Run, 'peak' | 'growth' | 'executor'> {
    const third = this.#seen[Math.floor(this.#seen.length / 3)]?.peer ?? 0;
    const peak = Math.max(...this.#seen.map(({ peer }) => peer));
    const executor = Math.max(...this.#seen.map((each) => each.executor));
    return { peak, growth: (this.#seen.at(-1)?.peer ?? 0) - third, executor };
  }
}

function diskBytes({ home }: BenchPeer): number {
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' });
  const sizes = names.map((name) => statSync(join(home, name), { throwIfNoEntry: false }));
  return sizes.reduce((sum, stat) => sum + (stat?.isFile() === true ? stat.size : 0), 0);
}

function rowsOf(shape: string, runs: readonly Run[], count: number): Row[] {
  const of = (key: keyof Run): number[] => runs.map((run) => run[key]);
  const millionsOf = of('rate').map((rate) => rate / 1e6);
  const how = `${count / 1e6} million candidates, 1 in 1000 accepted and collected`;
  return [
    {
      figure: `W8: rate, ${shape}`,
      measured: `${spread(millionsOf, 2)} million/s, ${spread(of('ofBare'), 2)} of the bare loop`,
      ...{ target: '≥ 5 million/s, ≥ 0.5', how },
    },
    {
      figure: `W8: memory of a peer, ${shape}`,
      measured: `${spread(of('peak'), 0, 'MiB')}, grown ${spread(of('growth'), 0, 'MiB')}`,
      ...{ target: '< 250 MB, flat', how: 'resident at most; in the last two thirds of the time' },
    },
    {
      figure: `W8: memory of an executor, ${shape}`,
      measured: spread(of('executor'), 0, 'MiB'),
      ...{ target: '', how: 'resident at most' },
    },
    {
      figure: `W8: on the wire, ${shape}`,
      measured: spread(of('wire'), 1, 'bytes per accepted value'),
      ...{ target: '', how: 'all that went over the loopback of this machine' },
    },
    {
      figure: `W8: on disk, ${shape}`,
      measured: spread(of('disk'), 1, 'bytes per accepted value'),
      ...{ target: '≤ 40', how: 'the home of the peer that was published on, at the end' },
    },
  ];
}
