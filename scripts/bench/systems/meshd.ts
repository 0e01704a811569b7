import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, Mesh, PublishRequest } from '../../../src/index.ts';
import { type BenchPeer, ENTRY, openMesh, seesAlive } from '../peers.ts';
import { CommandRun } from './command-run.ts';
import type { Bed, Order, Outcome, Running, Setting, System } from './system.ts';
import { taskOf } from './task.ts';

/** So many homes were made in this process: each has a name of its own. */
let homes = 0;

/** meshd: one peer with all slots, or peers of one slot each; commands by `meshd run`. */
function meshd(name: string, isOnePeer: boolean): System {
  return {
    ...{ name, language: 'node', apt: [], npm: [], missing: () => null },
    ...{ startsAnew: true, remembers: true },
    kinds: isOnePeer
      ? ['touch', 'instant', 'busy', 'rare', 'slow', 'few']
      : ['instant', 'busy', 'rare', 'traced', 'few'],
    start: async (bed, setting) => {
      if (setting.kind === 'touch') return commands(bed, setting);
      const first = await startPeer(bed, setting, isOnePeer ? setting.slots : 1);
      const all = [first];
      while (!isOnePeer && all.length < setting.slots)
        all.push(await startPeer(bed, setting, 1, first));
      const mesh = await openMesh(first.home);
      await seesAlive(mesh, all.length);
      return new MeshOfPeers(bed, setting, all, mesh);
    },
  };
}

export const meshdOnePeer: System = meshd('meshd', true);
export const meshdPeers: System = meshd('meshd, peers of 1 slot', false);

function startPeer(
  { peers }: Bed,
  setting: Setting,
  slots: number,
  first?: BenchPeer,
): Promise<BenchPeer> {
  homes += 1;
  const invites = first === undefined ? [] : [first.invite];
  return peers.start(`mesh-${homes}`, slots, invites, granted(setting));
}

/** What is traced is written to a folder. */
function granted({ kind, folder }: Setting): string[] {
  return kind === 'traced' ? ['--grant-write', folder] : [];
}

function commands({ folder }: Bed, setting: Setting): Running {
  homes += 1;
  const home = join(folder, `mesh-${homes}`);
  const words = [ENTRY, 'run', '--home', home, '-j', String(setting.slots)];
  return new CommandRun(setting, {
    argv: (command) => [process.execPath, ...words, command.join(' ')],
  });
}

class MeshOfPeers implements Running {
  readonly #bed: Bed;
  readonly #setting: Setting;
  readonly #peers: BenchPeer[];
  #mesh: Mesh;
  #runs = 0;
  /** Settles when the first peer, which was killed, is there again. */
  #restart: PromiseWithResolvers<void> | undefined;

  constructor(bed: Bed, setting: Setting, peers: BenchPeer[], mesh: Mesh) {
    this.#bed = bed;
    this.#setting = setting;
    this.#peers = peers;
    this.#mesh = mesh;
  }

  /** Each order asks a question of its own, by the seed; `again` the last one. */
  async run({ units, accept, again }: Order): Promise<Outcome> {
    if (again !== true) this.#runs += 1;
    const { kind, folder } = this.#setting;
    const { fn, params, seed } = taskOf(this.#bed, this.#setting);
    const request: PublishRequest = {
      ...{ fn, params, seed: seed + 1000 * this.#runs, accept: accept ?? units, maxEvals: units },
      ...(kind === 'traced' ? { allowWrite: [folder] } : {}),
    };
    const start = performance.now();
    const job = await this.#mesh.publish(request);
    try {
      return await collect(job, start);
    } catch (error) {
      if (this.#restart === undefined) await this.#useAnother(error);
      else await this.#restart.promise;
      return collect(await this.#mesh.job(job.id), start);
    }
  }

  /** Where the peer that was published on is dead, any other one has the answer as well. */
  async #useAnother(error: unknown): Promise<void> {
    const [, second] = this.#peers;
    if (second === undefined || isAlive(this.#peers[0])) throw error;
    this.#mesh = await openMesh(second.home);
  }

  /** The peer that was published on. */
  async killHub(): Promise<void> {
    const [first] = this.#peers;
    this.#restart = Promise.withResolvers();
    first?.signal('SIGKILL');
    await first?.ended;
  }

  async restartHub(): Promise<void> {
    const [first] = this.#peers;
    if (first === undefined) return;
    this.#peers[0] = await this.#bed.peers.restart(first.name, 1, granted(this.#setting));
    this.#mesh = await openMesh(first.home);
    this.#restart?.resolve();
  }

  /** The peer whose executor that is. */
  victim(pid: number): number {
    const peer = this.#peers.find((one) => one.pid === parentOf(pid));
    return peer?.pid ?? pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mesh.close();
    await this.#bed.peers.end(this.#peers);
  }
}

async function collect(job: Job, start: number): Promise<Outcome> {
  const values: number[] = [];
  for await (const line of job.results()) {
    if ('error' in line) throw new Error(`candidate ${line.index}: ${line.error}`);
    values.push(Number(line.value));
  }
  const { evaluated, ran } = await job.done();
  const seconds = (performance.now() - start) / 1000;
  return { seconds, units: ran, needed: evaluated, values };
}

function isAlive(peer: BenchPeer | undefined): boolean {
  try {
    // A process that has ended and was not waited for has no memory.
    return peer !== undefined && /VmRSS/.test(readFileSync(`/proc/${peer.pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
}
