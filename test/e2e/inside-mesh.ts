import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_TIMING, type Timing } from '../../src/core/timing.ts';
import type { Job, ResultLine } from '../../src/index.ts';
import { decodeInvite } from '../../src/node/admission/invite.ts';
import type { Peer, PeerOptions } from '../../src/node/peer.ts';
import { startPeer } from './built.ts';

const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

/** Where asking again ends, in ms. */
const PATIENCE_MS = 60_000;

/** Peers of one mesh inside this process, on loopback; only their executors are processes. */
export class InsideMesh implements AsyncDisposable {
  readonly folder: string;
  readonly peers: Peer[] = [];
  readonly #timing: Timing;

  private constructor(folder: string, timing: Timing) {
    this.folder = folder;
    this.#timing = timing;
  }

  static async open(timing: Partial<Timing> = {}): Promise<InsideMesh> {
    const folder = await mkdtemp(join(tmpdir(), 'meshd-inside-'));
    return new InsideMesh(folder, { ...DEFAULT_TIMING, ...timing });
  }

  /** One peer without a socket. */
  solo(slots: number): Promise<Peer> {
    return this.#start({ network: 'solo', slots });
  }

  /** A peer that joins through the first one; the first one makes the mesh. */
  async join(slots: number): Promise<Peer> {
    const [first] = this.peers;
    if (first === undefined) return this.#start({ network: 'mesh', newMesh: true, slots });
    const { secret, addresses } = decodeInvite(first.invite() ?? '');
    const bootstrap = addresses.slice(0, 1);
    return this.#start({ network: 'mesh', secret, bootstrap, slots });
  }

  /** Three peers with these slots that see one another. */
  async three(slots: number = 1): Promise<[Peer, Peer, Peer]> {
    const a = await this.join(slots);
    const [b, c] = await Promise.all([this.join(slots), this.join(slots)]);
    await this.seeOneAnother();
    return [a, b, c];
  }

  /** Resolves once each peer sees all of them alive. */
  async seeOneAnother(): Promise<void> {
    for (const peer of this.peers) {
      await untilTrue('all peers see one another', async () => {
        const rows = await peer.mesh.peers();
        return rows.filter(({ state }) => state === 'alive').length === this.peers.length;
      });
    }
  }

  /** Executors at work on all peers. */
  async busy(): Promise<number> {
    const reports = await Promise.all(this.peers.map(({ mesh }) => mesh.status()));
    return reports.reduce((sum, { busy }) => sum + busy, 0);
  }

  /** The handle of a job on each peer. */
  onEach(job: Job): Promise<Job[]> {
    return Promise.all(this.peers.map(({ mesh }) => mesh.job(job.id)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.close()));
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(options: Omit<PeerOptions, 'home' | 'timing' | 'listen'>): Promise<Peer> {
    const name = `peer-${this.peers.length}-${Math.random().toString(16).slice(2, 8)}`;
    const home = join(this.folder, name);
    const listen = options.network === 'solo' ? {} : { listen: [LOOPBACK] };
    const peer = await startPeer({ ...options, ...listen, home, name, timing: this.#timing });
    this.peers.push(peer);
    return peer;
  }
}

/** The lines of an answer as the command prints them. */
export async function linesOf(results: AsyncIterable<ResultLine>): Promise<string> {
  let text = '';
  for await (const line of results) text += `${JSON.stringify(line)}\n`;
  return text;
}

/** Resolves after some time: for claims about what does not happen meanwhile. */
export function afterMs(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, ms);
  return promise;
}

/** Asks again until the answer is yes; a minute at most. For what no event tells. */
export async function untilTrue(what: string, ask: () => Promise<boolean>): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (!(await ask())) {
    if (performance.now() > until) throw new Error(`not within a minute: ${what}`);
    await afterMs(20);
  }
}
