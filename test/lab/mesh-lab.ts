import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Host } from '../../scripts/netlab/host.ts';
import { Lab as NetLab } from '../../scripts/netlab/lab.ts';
import type { Switch } from '../../scripts/netlab/switch.ts';
import { executorsOf, Lab, type PeerProcess, poll, type Site } from '../e2e/lab.ts';
import { MarkedJob, type MarkedOptions } from './marked-job.ts';

const open = new Set<MeshLab>();

/** How the peers of a lab keep time. */
export interface MeshLabOptions {
  /** The protocol's constants of time are multiplied by it; 1: as users have them. @default 0.1 */
  readonly timeFactor?: number;
  /** Options of Node for all of them. @default none */
  readonly node?: string;
}

/** Real peers on machines of their own: each home lives on the machine of the same name. */
export class MeshLab extends Lab {
  /** The machines, cables and routers. */
  readonly net: NetLab;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(net: NetLab, env: NodeJS.ProcessEnv) {
    super(net.folder);
    open.add(this);
    this.net = net;
    this.#env = env;
  }

  static override async open(options: MeshLabOptions = {}): Promise<MeshLab> {
    const { timeFactor = 0.1, node = '' } = options;
    const net = await NetLab.open();
    mkdirSync(net.folder, { recursive: true, mode: 0o700 });
    return new MeshLab(net, {
      MESHD_TEST_TIME_FACTOR: `${timeFactor}`,
      NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} ${node}`.trim(),
    });
  }

  /** A machine by its name. */
  machine(name: string): Host {
    const host = this.net.hosts.find((each) => each.name === name);
    if (host === undefined) throw new Error(`no machine is called ${name}`);
    return host;
  }

  /** New machines on a network (the public one if none is named), all at the same time. */
  async machines(names: readonly string[], at?: Switch): Promise<void> {
    await Promise.all(names.map((name) => this.net.host(name, at)));
  }

  /** On the machine of that name; a new peer listens as it does without options. */
  override site(name: string): Site {
    return { prefix: this.machine(name).prefix, options: [], env: this.#env };
  }

  /** A mesh: the first name makes it, the others join through the first. All see one another. */
  async mesh(first: string, ...others: readonly string[]): Promise<PeerProcess[]> {
    const founder = await this.start(first);
    const joined = await Promise.all(others.map((name) => this.join(name, [founder])));
    for (const name of [first, ...others]) await this.sees(name, 1 + others.length);
    return [founder, ...joined];
  }

  /** A mesh of public peers, a desk behind one router and a laptop behind another one. */
  async meshBehindNats(first: string, ...others: readonly string[]): Promise<PeerProcess[]> {
    const [office, home] = [await this.net.nat('office'), await this.net.nat('home')];
    await this.machines([first, ...others]);
    await this.machines(['desk'], office.inside);
    await this.machines(['laptop'], home.inside);
    return this.mesh(first, ...others, 'desk', 'laptop');
  }

  /** Publishes a job of which is known where it was evaluated. */
  publishMarked(home: string, options: MarkedOptions): Promise<MarkedJob> {
    return MarkedJob.publish(this, home, options);
  }

  /** Resolves once a peer holds that many others to be dead or suspect. */
  async misses(home: string, gone: number): Promise<void> {
    await poll(`${home} misses ${gone} peers`, async () => {
      const rows = await this.peers(home);
      return rows.filter(({ state }) => state !== 'alive').length === gone;
    });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    open.delete(this);
    try {
      await super[Symbol.asyncDispose]();
    } finally {
      await this.net.close();
    }
  }
}

/** Closes the labs that are still open. */
export async function closeAll(): Promise<void> {
  await Promise.all([...open].map((lab) => lab[Symbol.asyncDispose]()));
}

/** Stops or wakes a peer with its executors, as a machine's lid does. */
export async function signalAll(peer: PeerProcess, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  process.kill(peer.pid, signal);
  // A peer that is stopped starts no further executor.
  if (signal === 'SIGSTOP') await untilStopped(peer.pid);
  for (const pid of await executorsOf(peer.pid)) {
    process.kill(pid, signal);
    if (signal === 'SIGSTOP') await untilStopped(pid);
  }
}

/** A signal takes effect some time after it was sent. */
async function untilStopped(pid: number): Promise<void> {
  await poll(`process ${pid} is stopped`, async () => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  });
}
