import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Effect, Env, PeerEvent } from '../core/event.ts';
import type { ComputationId, Hash, JobId, PeerId } from '../core/ids.ts';
import { assertNever } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { PeerState } from '../core/peer-state.ts';
import { step } from '../core/step.ts';
import type { LogKeeper } from '../logs/log-keeper.ts';
import type { Identity } from '../net/identity.ts';
import type { Network } from '../net/network.ts';
import { SoloNetwork } from '../net/solo-network.ts';
import type { Store } from '../store/store.ts';
import type { Workforce, WorkInputs } from '../work/workforce.ts';
import type { Kin } from './admission/kin.ts';
import { nextDeadline, startClocks } from './clocks.ts';
import type { Transfers } from './files/transfers.ts';
import { InputShelf } from './input-shelf.ts';
import { sha256, sha256Hasher } from './jobs/item-list.ts';
import { LiveOutputs } from './jobs/live-outputs.ts';
import { MeshOutputs } from './jobs/output-asks.ts';
import { Journal } from './journal.ts';
import { machineLoad } from './machine-load.ts';
import { membersEntry } from './members.ts';
import { sendBlob, sendRecords } from './record-sender.ts';
import { FailedCommands } from './reports/failed-commands.ts';
import type { Sandboxes } from './sandboxes.ts';

/** How long an order waits for a look at who is of this user, in ms. */
const KIN_MS = 2000;

/** A jump between wall and monotonic clock that tells of a suspended machine, in ms. */
const SUSPEND_MS = 2000;

/** The rooms that a loop connects. */
export interface Rooms {
  readonly state: PeerState;
  readonly identity: Identity;
  readonly store: Store;
  readonly workforce: Workforce;
  readonly logs: LogKeeper;
  readonly sandboxes: Sandboxes;
  readonly kin: Kin;
  readonly transfers: Transfers;
  readonly log: (level: 'error' | 'warn' | 'info' | 'debug', event: string, fields: object) => void;
  readonly halt: (reason: string) => void;
  /** Ends the peer as a member asked. */
  readonly quit: (by: PeerId) => void;
  /** Lets a peer in no more. */
  readonly deny: (peer: PeerId) => void;
  /** Keeps a new incarnation; it is on disk when this returns. */
  readonly rise: (incarnation: number) => void;
}

/** Turns events into steps and runs their effects: here alone the core meets the world. */
export class Loop {
  readonly state: PeerState;
  readonly journal: Journal;
  readonly failures: FailedCommands = new FailedCommands((hash) => this.blob(hash));
  /** What commands write that run here. */
  readonly live: LiveOutputs = new LiveOutputs();
  /** What commands write that run on any machine of the mesh. */
  readonly outputs: MeshOutputs = new MeshOutputs(this.live);
  /** Files of commands, there and back. */
  readonly transfers: Transfers;
  readonly #rooms: Rooms;
  #network: Network;
  /** Members and where they were reached, for the next start. */
  readonly #members: Map<PeerId, readonly string[]>;
  readonly #startedAt = performance.now();
  #skewMs = Date.now() - performance.now();
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #told = new Map<JobId, number>();
  readonly #watchers = new Map<JobId | null, Set<() => void>>();
  readonly #inputs: InputShelf;
  /** Executions whose inputs are being read. */
  readonly #opening = new Set<number>();
  #nextRequest = 1;
  readonly #events: PeerEvent[] = [];
  #dispatching = false;
  #stopClocks: () => void = () => {};
  #closed = false;

  constructor(rooms: Rooms, members: ReadonlyMap<PeerId, readonly string[]>) {
    this.#rooms = rooms;
    this.transfers = rooms.transfers;
    this.#network = new SoloNetwork(rooms.identity.peer);
    this.#members = new Map(members);
    this.state = rooms.state;
    this.#inputs = new InputShelf(rooms.state, (hash) => this.blob(hash));
    this.journal = new Journal(rooms.store, {
      stored: (write) => this.dispatch({ kind: 'stored', write }),
      disk: (full) => this.dispatch({ kind: 'disk', full }),
      failed: (error) => {
        const why = error instanceof Error ? error.message : String(error);
        rooms.log('error', 'store.failed', { why });
      },
    });
  }

  /** How many other members are known, from before or now. */
  get members(): number {
    return this.#members.size;
  }

  /** Their ids. */
  get memberIds(): PeerId[] {
    return [...this.#members.keys()];
  }

  /** Monotonic ms since the peer's start. */
  now(): number {
    return performance.now() - this.#startedAt;
  }

  /** Takes the network in; before this nothing is sent. */
  connect(network: Network): void {
    this.#network = network;
    this.outputs.connect(network);
    this.transfers.connect(this, network);
    this.dispatch({ kind: 'addresses', addresses: network.addresses() });
    for (const { peer } of network.connections()) this.dispatch({ kind: 'connected', peer });
  }

  /** Starts the clocks. */
  run(): void {
    this.#stopClocks = startClocks({
      tick: () => this.#tick(),
      wall: () => this.dispatch({ kind: 'wall', wallMs: Date.now() }),
      load: () => this.dispatch({ kind: 'load', load: machineLoad() }),
      deadline: () => nextDeadline(this.state),
    });
  }

  /** Takes an event. One that an effect brings about comes after the effects before it. */
  dispatch(event: PeerEvent): void {
    this.#events.push(event);
    if (this.#dispatching) return;
    this.#dispatching = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        if (!this.#closed) this.#step(next);
      }
    } finally {
      this.#dispatching = false;
    }
  }

  #step(event: PeerEvent): void {
    const { identity } = this.#rooms;
    const env: Env = {
      now: this.now(),
      rng: () => randomBytes(4).readUInt32LE() / 2 ** 32,
      hash: sha256,
      hasher: sha256Hasher,
      sign: identity.sign,
      verify: identity.verify,
    };
    for (const effect of step(this.state, event, env)) this.#run(effect);
  }

  /** Puts a request to the core and waits for its answer. */
  async request(
    event: (request: number) => PeerEvent,
    signal?: AbortSignal,
  ): Promise<Exclude<Answer, { kind: 'refused' }>> {
    const request = this.#nextRequest++;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const abort = (): void => {
      this.dispatch({ kind: 'forget.request', request });
      reject(signal?.reason);
    };
    signal?.throwIfAborted();
    if (this.#closed) throw new MeshError('MESH_STOPPED', 'the peer has ended');
    signal?.addEventListener('abort', abort, { once: true });
    this.#answers.set(request, resolve);
    try {
      this.dispatch(event(request));
      const answer = await promise;
      if (answer.kind === 'refused') throw new MeshError(answer.code, answer.reason);
      return answer;
    } finally {
      this.#answers.delete(request);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Resolves at the next change of a job (null: of the roster), or rejects with the signal. */
  changed(job: JobId | null, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#closed) return Promise.reject(new MeshError('MESH_STOPPED', 'the peer has ended'));
    const watchers = this.#watchers.get(job) ?? new Set();
    this.#watchers.set(job, watchers);
    const wake = (): void => {
      signal?.removeEventListener('abort', abort);
      if (this.#closed) reject(new MeshError('MESH_STOPPED', 'the peer has ended'));
      else resolve();
    };
    const abort = (): void => {
      watchers.delete(wake);
      reject(signal?.reason);
    };
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    signal?.addEventListener('abort', abort, { once: true });
    watchers.add(wake);
    return promise;
  }

  /** Notes that a client was given a line: should it be revised, the job is impure for it. */
  told(job: JobId, index: number): void {
    this.#told.set(job, Math.max(this.toldEnd(job), index + 1));
  }

  /** The index behind the last line that a client was given. */
  toldEnd(job: JobId): number {
    return this.#told.get(job) ?? 0;
  }

  /** A blob from the store, or one that is about to be written. */
  async blob(hash: Hash): Promise<Uint8Array | undefined> {
    return this.journal.pendingBlob(hash) ?? (await this.#rooms.store.blob(hash));
  }

  /**
   * What an executor needs for a computation, with what is to hold it.
   * @throws MeshError MESH_NOT_EVALUATED when nothing can that this machine's owner allows.
   */
  async inputs(computation: ComputationId): Promise<WorkInputs> {
    const { sandboxes, kin } = this.#rooms;
    // A file system that does not answer is not to hold up what others publish.
    const looked = Promise.race([kin.look(), sleep(KIN_MS, undefined, { ref: false })]);
    const [inputs] = await Promise.all([this.#inputs.of(computation), looked]);
    return sandboxes.hold(this.state, inputs);
  }

  /** The items of a computation by index, for who only reads them; undefined for one without. */
  async items(computation: ComputationId): Promise<WorkInputs['items']> {
    return (await this.#inputs.of(computation)).items;
  }

  get sandboxes(): Sandboxes {
    return this.#rooms.sandboxes;
  }

  async close(): Promise<void> {
    this.#stopClocks();
    await this.journal.close();
    this.#closed = true;
    for (const watchers of this.#watchers.values()) for (const wake of watchers) wake();
    const code = 'MESH_STOPPED';
    for (const answer of this.#answers.values()) {
      answer({ kind: 'refused', code, reason: 'the peer has ended' });
    }
  }

  #tick(): void {
    const skew = Date.now() - performance.now();
    if (Math.abs(skew - this.#skewMs) > SUSPEND_MS) this.dispatch({ kind: 'resumed' });
    this.#skewMs = skew;
    this.dispatch({ kind: 'tick' });
  }

  #run(effect: Effect): void {
    const { workforce, log } = this.#rooms;
    const network = this.#network;
    switch (effect.kind) {
      case 'rise':
        return this.#rooms.rise(effect.incarnation);
      case 'broadcast':
        return network.broadcast(effect.message);
      case 'send':
        network.send(effect.to, effect.message);
        return;
      case 'send.records':
        return this.#guard(sendRecords(this.journal, this.#rooms.store, network, effect));
      case 'load.scope':
        return this.#guard(this.#loadScope(effect.scope));
      case 'send.blob':
        return this.#guard(sendBlob(this, network, effect));
      case 'read.blob':
        return this.#guard(this.#readBlob(effect.hash));
      case 'store':
        return this.journal.add(effect.writes, effect.write);
      case 'flush':
        return this.#guard(this.journal.flush());
      case 'execute':
        return this.#guard(this.#execute(effect.execution));
      case 'stop':
        if (this.#opening.delete(effect.execution)) this.#endSoon(effect.execution);
        else workforce.stop(effect.execution, effect.mode);
        return;
      case 'know':
        network.know(effect.peer, effect.addresses);
        return this.#remember(effect.peer, effect.addresses);
      case 'forget.peer':
        network.forget(effect.peer);
        return this.#remember(effect.peer, []);
      case 'deny':
        return this.#rooms.deny(effect.peer);
      case 'answer':
        return this.#answers.get(effect.request)?.(effect.result);
      case 'changed':
        if (effect.job !== null) this.transfers.changed(effect.job);
        return this.#wake(effect.job);
      case 'forget.computation':
        this.#inputs.drop(effect.computation);
        this.live.forget(effect.computation);
        this.transfers.forget(effect.computation);
        this.#rooms.logs.forget(effect.computation);
        return workforce.forget(effect.computation);
      case 'log':
        return log(effect.level, effect.event, effect.fields);
      case 'quit':
        return this.#rooms.quit(effect.by);
      case 'halt':
        return this.#rooms.halt(effect.reason);
      default:
        return assertNever(effect);
    }
  }

  /** Keeps where a member is reached (nowhere: it is gone): no bootstrap is needed again. */
  #remember(peer: PeerId, addresses: readonly string[]): void {
    if (addresses.length > 0) this.#members.set(peer, addresses);
    else this.#members.delete(peer);
    this.journal.add([membersEntry(this.#members)], this.state.write);
  }

  #guard(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (this.#closed) return;
      const why = error instanceof Error ? error.message : String(error);
      this.#rooms.log('error', 'effect.failed', { why });
    });
  }

  #wake(job: JobId | null): void {
    const watchers = this.#watchers.get(job);
    if (watchers === undefined) return;
    this.#watchers.delete(job);
    for (const wake of watchers) wake();
  }

  async #readBlob(hash: Hash): Promise<void> {
    const bytes = await this.blob(hash);
    if (bytes !== undefined) this.dispatch({ kind: 'blob.read', hash, bytes });
  }

  async #loadScope(wanted: string): Promise<void> {
    await this.journal.flush();
    for await (const { scope, origin, start, n, body } of this.#rooms.store.records()) {
      if (scope !== wanted) continue;
      this.dispatch({ kind: 'loaded', group: { scope, origin, start, records: [[n, body]] } });
    }
  }

  /** An order whose inputs were not read yet ends without having begun. */
  #endSoon(execution: number): void {
    setImmediate(() => this.dispatch({ kind: 'ended', execution, finished: false }));
  }

  /** The condition of the logs of the job that an execution is for. */
  #logIf(execution: number): string | null {
    const own = this.state.leases.find(({ lease }) => lease.id === execution);
    const job = own === undefined ? undefined : this.state.jobs.get(own.lease.job);
    return job?.manifest.logIf ?? null;
  }

  #isVerification(execution: number): boolean {
    return [...this.state.verifications.values()].some(({ running }) => running.has(execution));
  }

  async #execute(execution: Extract<Effect, { kind: 'execute' }>['execution']): Promise<void> {
    const { computation, ...order } = execution;
    const { id } = order;
    this.#opening.add(id);
    try {
      const inputs = await this.inputs(computation);
      if (!this.#opening.delete(id) || this.#closed) return;
      const logIf = this.#logIf(id);
      const asked = {
        ...{ ...order, unlogged: this.#isVerification(id) },
        ...(logIf === null ? {} : { logIf }),
      };
      this.#rooms.workforce.execute(asked, this.transfers.inputsOf(id, inputs));
    } catch (error) {
      this.#opening.delete(id);
      this.#endSoon(id);
      if (!(error instanceof MeshError) || error.code !== 'MESH_NOT_EVALUATED') throw error;
      const failure = { kind: 'setup', detail: error.message };
      this.dispatch({ kind: 'failed', execution: id, index: order.lo, failure });
    }
  }
}
