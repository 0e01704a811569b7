import { createHash } from 'node:crypto';
import type { Column, ErrorOutcome } from '../../src/core/column.ts';
import type {
  Answer,
  Effect,
  Env,
  Execution,
  PeerEvent,
  StoreWrite,
} from '../../src/core/event.ts';
import type { Hash, PeerId } from '../../src/core/ids.ts';
import { startKey } from '../../src/core/ids.ts';
import type { RecordGroup } from '../../src/core/message.ts';
import { newPeerState, type PeerState } from '../../src/core/peer-state.ts';
import type { RecordKey } from '../../src/core/record.ts';
import { step } from '../../src/core/step.ts';
import type { Timing } from '../../src/core/timing.ts';
import type { Program } from './tiny-oracle.ts';

/** SHA-256 as the core wants it. */
export function sha256(bytes: Uint8Array | string): Hash {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Numbers in [0, 1) that depend on the seed alone. @see Ettinger, mulberry32 */
export function seededRng(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the world is to a peer: virtual time, the other peers, and the programs. */
export interface World {
  readonly now: number;
  readonly timing: Timing;
  readonly mathClass: string;
  readonly wallMs: (peer: PeerId) => number;
  /** Runs something later, unless the peer has ended or was started again by then. */
  after(peer: TinyPeer, delayMs: number, run: () => void): void;
  carry(from: TinyPeer, effect: Extract<Effect, { kind: 'broadcast' | 'send' }>): void;
  program(hash: Hash): Program;
}

/** A candidate that an executor worked on. */
export interface Evaluation {
  readonly peer: PeerId;
  readonly computation: Hash;
  readonly index: number;
  /** When its batch began and ended. */
  readonly from: number;
  readonly to: number;
}

/** Time of one batch in an executor, in ms. */
const BATCH_MS = 50;

/** Time that a batch of writes takes to the disk, in ms. */
const DISK_MS = 3;

interface Running {
  readonly execution: Execution;
  at: number;
  /** Counts up when it is killed, so that the batch in hand is lost. */
  epoch: number;
  draining: boolean;
}

/** A peer's state machine with a disk, executors and a clock that only the world moves. */
export class TinyPeer {
  readonly id: PeerId;
  readonly slots: number;
  readonly world: World;
  /** Null while its process does not run. */
  state: PeerState | null = null;
  /** Counts the starts of its process. */
  run = 0;
  /** How much slower its executors are than the program's cost. */
  slowness = 1;
  readonly answers: Map<number, { readonly at: number; readonly result: Answer }> = new Map();
  readonly evaluations: Evaluation[] = [];
  readonly logs: string[] = [];
  /** The hash of every effect so far, when `traced`. */
  trace = '';
  traced = false;
  /** What is on the disk. */
  readonly records: Map<string, Extract<StoreWrite, { kind: 'record' }>> = new Map();
  readonly locals: Map<string, Uint8Array> = new Map();
  readonly blobs: Map<Hash, Uint8Array> = new Map();
  #pending: StoreWrite[] = [];
  #startedAt = 0;
  #rng: () => number = Math.random;
  #collecting = false;
  readonly #executors = new Map<number, Running>();

  constructor(id: PeerId, slots: number, world: World) {
    this.id = id;
    this.slots = slots;
    this.world = world;
  }

  /** Starts the process on what the disk holds. known: other members are known. */
  start(seed: number, known: boolean): void {
    this.run++;
    const { timing, mathClass, now } = this.world;
    this.#rng = seededRng(seed);
    this.#startedAt = now;
    const nonce = sha256(`${seed}`).slice(0, 16);
    const self = { peer: this.id, name: this.id, version: '0', slots: this.slots, mathClass };
    this.state = newPeerState(self, { incarnation: this.run, nonce }, timing);
    this.dispatch({ kind: 'tombstones', locals: this.locals });
    const isControl = ([key]: [string, unknown]): number => (key.startsWith('control ') ? 0 : 1);
    for (const [, { scope, origin, start, n, body }] of [...this.records].sort(
      (a, b) => isControl(a) - isControl(b) || (a[0] < b[0] ? -1 : 1),
    )) {
      this.dispatch({ kind: 'loaded', group: { scope, origin, start, records: [[n, body]] } });
    }
    this.dispatch({ kind: 'booted', blobs: this.blobs.keys(), locals: this.locals, known });
    this.#clock(100, { kind: 'tick' });
    this.#wall();
  }

  /** SIGKILL: what is not on the disk is lost, and its executors end. */
  kill(): void {
    this.state = null;
    this.#pending = [];
    this.#collecting = false;
    this.#executors.clear();
  }

  dispatch(event: PeerEvent): void {
    if (this.state === null) return;
    const env: Env = {
      now: this.world.now - this.#startedAt,
      rng: this.#rng,
      hash: sha256,
      sign: (bytes) => sign(this.id, bytes),
      verify: (peer, bytes, signature) => Buffer.compare(sign(peer, bytes), signature) === 0,
    };
    const effects = step(this.state, event, env);
    if (this.traced) this.trace = sha256(this.trace + JSON.stringify([event.kind, effects]));
    for (const effect of effects) this.#carryOut(effect);
  }

  /** Indices that its executors hold now. */
  busy(): readonly Execution[] {
    return [...this.#executors.values()].map(({ execution }) => execution);
  }

  #clock(everyMs: number, event: PeerEvent): void {
    this.world.after(this, everyMs, () => {
      this.dispatch(event);
      this.#clock(everyMs, event);
    });
  }

  #wall(): void {
    this.dispatch({ kind: 'wall', wallMs: this.world.wallMs(this.id) });
    this.world.after(this, 1000, () => this.#wall());
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'broadcast':
      case 'send':
        return this.world.carry(this, effect);
      case 'send.records': {
        const { to, scope, origin, start, ranges } = effect;
        this.#commit();
        const found = [...this.records.values()]
          .filter((record) => record.scope === scope && record.origin === origin)
          .filter((record) => startKey(record.start) === startKey(start))
          .filter(({ n }) => ranges.some(([lo, hi]) => n >= lo && n < hi))
          .sort((a, b) => a.n - b.n);
        if (found.length === 0) return;
        const records = found.map(({ n, body }): [number, Uint8Array] => [n, body]);
        const group: RecordGroup = { scope, origin, start, records };
        return this.world.carry(this, {
          ...{ kind: 'send', to, message: { kind: 'records', groups: [group] } },
        });
      }
      case 'load.scope': {
        const found = [...this.records.values()].filter(({ scope }) => scope === effect.scope);
        for (const { scope, origin, start, n, body } of found) {
          this.dispatch({ kind: 'loaded', group: { scope, origin, start, records: [[n, body]] } });
        }
        return;
      }
      case 'rise':
        return;
      case 'send.blob': {
        const { to, hash } = effect;
        const bytes = this.#blob(hash);
        return this.world.carry(this, {
          ...{ kind: 'send', to },
          message: bytes === undefined ? { kind: 'none', hash } : { kind: 'blob', hash, bytes },
        });
      }
      case 'read.blob': {
        const { hash } = effect;
        const bytes = this.#blob(hash);
        if (bytes === undefined) return;
        return this.world.after(this, 1, () => this.dispatch({ kind: 'blob.read', hash, bytes }));
      }
      case 'store':
        this.#pending.push(...effect.writes);
        if (!this.#collecting) this.world.after(this, 1000, () => this.#write());
        this.#collecting = true;
        return;
      case 'flush':
        return this.world.after(this, DISK_MS, () => this.#write());
      case 'execute':
        return this.#execute(effect.execution);
      case 'stop':
        return this.#stop(effect.execution, effect.mode);
      case 'answer':
        this.answers.set(effect.request, { at: this.world.now, result: effect.result });
        return;
      case 'log':
        this.logs.push(`${this.world.now} ${effect.event} ${JSON.stringify(effect.fields)}`);
        return;
      case 'halt':
        return this.kill();
      case 'know':
      case 'forget.peer':
      case 'changed':
      case 'forget.computation':
        return;
    }
  }

  #blob(hash: Hash): Uint8Array | undefined {
    this.#commit();
    return this.blobs.get(hash);
  }

  /** One batch to the disk, then word of it. */
  #write(): void {
    this.#collecting = false;
    this.#commit();
    this.dispatch({ kind: 'stored', write: this.state?.write ?? 0 });
  }

  #commit(): void {
    for (const write of this.#pending) {
      if (write.kind === 'record') {
        this.records.set(recordKey(write), write);
      } else if (write.kind === 'blob') this.blobs.set(write.hash, write.bytes);
      else if (write.kind === 'drop-blob') this.blobs.delete(write.hash);
      else if (write.kind === 'drop-scope') {
        for (const [key, { scope }] of this.records) {
          if (scope === write.scope) this.records.delete(key);
        }
      } else if (write.kind === 'drop-record') this.records.delete(recordKey(write));
      else if (write.bytes === null) this.locals.delete(write.key);
      else this.locals.set(write.key, write.bytes);
    }
    this.#pending = [];
  }

  #execute(execution: Execution): void {
    if (this.#executors.size >= this.slots) throw new Error(`${this.id}: no free slot`);
    const running = { execution, at: execution.lo, epoch: 0, draining: false };
    this.#executors.set(execution.id, running);
    this.#nextBatch(running);
  }

  #stop(id: number, mode: 'drain' | 'kill'): void {
    const running = this.#executors.get(id);
    if (running === undefined) return;
    running.draining = true;
    if (mode === 'drain') return;
    running.epoch++;
    this.world.after(this, 1, () => this.#end(running));
  }

  #end(running: Running): void {
    const { id, hi } = running.execution;
    if (!this.#executors.delete(id)) return;
    this.dispatch({ kind: 'ended', execution: id, finished: running.at >= hi });
  }

  /** Evaluates candidates for about 50 ms, up to one that dies. */
  #nextBatch(running: Running): void {
    const { execution, epoch } = running;
    const { id, computation, hi } = execution;
    const lo = running.at;
    if (lo >= hi || running.draining) return this.#end(running);
    const spec = this.state?.computations.get(computation)?.spec;
    if (spec === undefined) return this.#end(running);
    const program = this.world.program(spec.program);
    let to = lo;
    let ms = 0;
    const dies = (index: number): boolean => program.outcome(index, this.id) === 'dies';
    while (to < hi && ms < BATCH_MS && !dies(to)) ms += program.costMs(to++) * this.slowness;
    const failed = to < hi && ms < BATCH_MS;
    if (failed) ms += program.costMs(to) * this.slowness;
    const from = this.world.now;
    this.world.after(this, ms, () => {
      if (running.epoch !== epoch) return;
      running.at = failed ? to + 1 : to;
      for (let index = lo; index < running.at; index++) {
        this.evaluations.push({ peer: this.id, computation, index, from, to: this.world.now });
      }
      if (to > lo) {
        const outcomes = columns(program, lo, to, this.id);
        this.dispatch({ kind: 'part', execution: id, part: { lo, hi: to, ms, ...outcomes } });
      }
      if (failed) {
        const failure = { kind: 'died', detail: 'SIGSEGV' };
        this.dispatch({ kind: 'failed', execution: id, index: to, failure });
      }
      if (this.state !== null && this.#executors.has(id)) this.#nextBatch(running);
    });
  }
}

function recordKey({ scope, origin, start, n }: RecordKey): string {
  return `${scope} ${origin} ${startKey(start)} ${String(n).padStart(16, '0')}`;
}

/** A signature that only stands in for one: a hash over the peer and the bytes. */
export function sign(peer: PeerId, bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(peer).update(bytes).digest();
}

/** What an executor would tell of [lo, hi). */
export function columns(
  program: Program,
  lo: number,
  hi: number,
  peer: PeerId,
): { accepted: Column[]; errors: ErrorOutcome[] } {
  const numbers: [number, number][] = [];
  const texts: [number, string][] = [];
  const errors: ErrorOutcome[] = [];
  for (let index = lo; index < hi; index++) {
    const outcome = program.outcome(index, peer);
    if (typeof outcome === 'number') numbers.push([index, outcome]);
    else if (typeof outcome === 'string') texts.push([index, JSON.stringify(outcome)]);
    else if (outcome !== null) errors.push({ index, name: outcome.error, detail: 'thrown' });
  }
  const indicesOf = (all: [number, unknown][]): Float64Array => Float64Array.from(all, ([i]) => i);
  const accepted: Column[] = [];
  if (numbers.length > 0) {
    const values = Float64Array.from(numbers, ([, value]) => value);
    accepted.push({ kind: 'number', indices: indicesOf(numbers), values });
  }
  if (texts.length > 0) {
    accepted.push({ kind: 'text', indices: indicesOf(texts), texts: texts.map(([, t]) => t) });
  }
  return { accepted, errors };
}
