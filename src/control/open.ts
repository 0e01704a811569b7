import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError } from '../core/mesh-error.ts';
import type { Admission } from '../node/admission/admission.ts';
import type { Recalled } from '../node/jobs/recall.ts';
import type {
  RecallOptions,
  Submission,
  SubmitOptions,
  Submitter,
} from '../node/jobs/submission.ts';
import type {
  GcReport,
  Job,
  JobRow,
  Mesh,
  PeerRow,
  PublishRequest,
  StatusReport,
  StopOptions,
  WaitOptions,
} from '../node/mesh.ts';
import type { Peer, PeerOptions } from '../node/peer.ts';
import { connectControl } from './client.ts';
import { defaultHome } from './home.ts';
import { type ControlServer, serveControl } from './server.ts';

const RETRY_MS = 50;
/** A peer with millions of records on disk reads them before it answers. */
const PATIENCE_MS = 60_000;
const MAX_SLOTS = 1024;
const KEYS = new Set(['home', 'slots', 'onLog']);

export interface OpenOptions {
  /** The folder that holds all state. @default MESHD_HOME, else the XDG state directory */
  readonly home?: string;
  /** Executors of a peer that starts inside this process, 0 … 1024. @default one per core */
  readonly slots?: number;
  /** Log lines of a peer that starts inside this process. @default none */
  readonly onLog?: NonNullable<PeerOptions['onLog']>;
}

/** A mesh that also takes publications that were bundled elsewhere. */
export interface OpenMesh extends Mesh, Submitter {
  /** Resolves once no other command waits for the peer inside this process. */
  idle(): Promise<void>;
}

/**
 * The mesh of a home: through the peer that runs there, else through one inside this process, which
 * joins the home's mesh if it has one and opens no network socket if not. Others on the home then
 * go through this one.
 * @throws TypeError for an option that it does not know or that is out of range.
 * @throws MeshError MESH_HOME_UNUSABLE; MESH_HOME_IN_USE when a peer holds the home and is mute.
 */
export async function open(options: OpenOptions = {}): Promise<OpenMesh> {
  checkOptions(options);
  const home = options.home === undefined ? defaultHome() : resolve(options.home);
  const until = performance.now() + PATIENCE_MS;
  for (;;) {
    const remote = await connectControl(home);
    if (remote !== null) return remote;
    try {
      return await embed(home, options);
    } catch (error) {
      // Another process has just taken the home, and its control socket is about to be there.
      const taken = error instanceof MeshError && error.code === 'MESH_HOME_IN_USE';
      if (!taken || performance.now() > until) throw error;
      await sleep(RETRY_MS);
    }
  }
}

function checkOptions(options: OpenOptions): void {
  for (const key of Object.keys(options)) {
    if (!KEYS.has(key)) throw new TypeError(`open knows no option ${JSON.stringify(key)}`);
  }
  const { home, slots } = options;
  if (home !== undefined && (typeof home !== 'string' || home === '')) {
    throw new TypeError(`home must be a path, not ${JSON.stringify(home)}`);
  }
  if (slots !== undefined && !(Number.isInteger(slots) && slots >= 0 && slots <= MAX_SLOTS)) {
    throw new TypeError(`slots must be a whole number from 0 to ${MAX_SLOTS}, not ${slots}`);
  }
}

async function embed(home: string, { slots, onLog }: OpenOptions): Promise<OpenMesh> {
  const { startPeer } = await import('../node/peer.ts');
  const peer = await startPeer({
    ...{ home, network: 'as-home', onDemand: true },
    ...(slots === undefined ? {} : { slots }),
    ...(onLog === undefined ? {} : { onLog }),
  });
  try {
    return new EmbeddedMesh(peer, await serveControl({ mesh: peer.mesh, home }));
  } catch (error) {
    await peer.close();
    throw error;
  }
}

/** A mesh through a peer inside this process; closing it ends the peer. */
class EmbeddedMesh implements OpenMesh {
  readonly embedded = true;
  readonly #peer: Peer;
  readonly #control: ControlServer;

  constructor(peer: Peer, control: ControlServer) {
    this.#peer = peer;
    this.#control = control;
    // A client's stop or leave ends the peer from within.
    void peer.ended.then(() => this.close());
  }

  get admission(): Admission {
    return this.#peer.mesh.admission;
  }

  publish(request: PublishRequest, options?: WaitOptions): Promise<Job> {
    return this.#peer.mesh.publish(request, options);
  }

  submit(submission: Submission, options?: SubmitOptions): Promise<Job> {
    return this.#peer.mesh.submit(submission, options);
  }

  recall(submission: Submission, options?: RecallOptions): AsyncIterable<Recalled> {
    return this.#peer.mesh.recall(submission, options);
  }

  job(reference: string): Promise<Job> {
    return this.#peer.mesh.job(reference);
  }

  jobs(): Promise<JobRow[]> {
    return this.#peer.mesh.jobs();
  }

  peers(): Promise<PeerRow[]> {
    return this.#peer.mesh.peers();
  }

  status(): Promise<StatusReport> {
    return this.#peer.mesh.status();
  }

  slots(count: number): Promise<void> {
    return this.#peer.mesh.slots(count);
  }

  gc(maxBytes: number): Promise<GcReport> {
    return this.#peer.mesh.gc(maxBytes);
  }

  invite(): Promise<string> {
    return this.#peer.mesh.invite();
  }

  async stop(options?: StopOptions): Promise<void> {
    await this.#peer.mesh.stop(options);
    await this.close();
  }

  async leave(): Promise<void> {
    await this.#peer.mesh.leave();
    await this.close();
  }

  idle(): Promise<void> {
    return this.#control.idle();
  }

  async close(): Promise<void> {
    await this.#peer.close();
    await this.#control.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
