import { createHash, hash as digest } from 'node:crypto';
import type { Answer, Effect, Env, Execution, Hasher, PeerEvent } from '../../../src/core/event.ts';
import type { Hash, PeerId } from '../../../src/core/ids.ts';
import { newPeerState, type PeerState } from '../../../src/core/peer-state.ts';
import { step } from '../../../src/core/step.ts';
import type { Timing } from '../../../src/core/timing.ts';
import { type CrashKeeps, Disk, Pending, type StepBatch } from './disk.ts';
import { Executors } from './executors.ts';
import type { Program, SimOutcome, WrittenProgram } from './program.ts';
import type { EventQueue } from './queue.ts';
import type { Random } from './random.ts';
import type { MachinePlan } from './scenario.ts';

/** Between two ticks of a peer's loop, in ms. */
const TICK_MS = 100;

/** How long a journal collects writes, in ms. */
const COLLECT_MS = 1000;

/** A jump between wall and monotonic clock that a loop takes for a resumed machine, in ms. */
const SUSPEND_MS = 2000;

/** SHA-256 as the core wants it. */
export function sha256(bytes: Uint8Array | string): Hash {
  return digest('sha256', bytes);
}

/** SHA-256 of bytes that come one after the other. */
export function sha256Hasher(): Hasher {
  const hasher = createHash('sha256');
  return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest('hex') };
}

/** A signature that only stands in for one: a hash over the peer and the bytes. */
export function sign(peer: PeerId, bytes: Uint8Array): Uint8Array {
  return digest('sha256', Buffer.concat([Buffer.from(peer), bytes]), 'buffer');
}

/** What a step of a peer may read, with stand-ins for hash and signatures. */
export function envOf(id: PeerId, now: number, rng: () => number): Env {
  return {
    ...{ now, rng, hash: sha256, hasher: sha256Hasher },
    sign: (bytes) => sign(id, bytes),
    verify: (peer, bytes, signature) => Buffer.compare(sign(peer, bytes), signature) === 0,
  };
}

/** What a machine needs of the world around it. */
export interface Surroundings {
  readonly queue: EventQueue;
  readonly timing: Timing;
  readonly mathClass: string;
  readonly wallMs: number;
  program(hash: Hash): Program | undefined;
  carry(from: Machine, effect: Extract<Effect, { kind: 'broadcast' | 'send' }>): void;
  /** A machine lets a peer in no more. */
  deny(at: Machine, peer: PeerId): void;
  /** Its process started, or ended: killed (its sockets are reset) or with its power. */
  started(machine: Machine): void;
  ended(machine: Machine, how: 'killed' | 'power', lastWrite: number | null): void;
  /** Called after each step, before its effects are carried out. */
  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void;
  evaluated(machine: Machine, execution: Execution, lo: number, hi: number, ms: number): void;
  /** A candidate took the machine down. */
  fell(machine: Machine, execution: Execution, index: number): void;
}

/** One computer: a disk, clocks, executors, and the core's state machine while it is switched on. */
export class Machine {
  readonly plan: MachinePlan;
  readonly id: PeerId;
  readonly disk: Disk = new Disk();
  /** Null while its process does not run. */
  state: PeerState | null = null;
  /** Counts the starts of its process. */
  run = 0;
  pending: Pending = new Pending();
  readonly executors: Executors;
  readonly answers: Map<number, Answer> = new Map();
  /** Until when nothing of it runs: its loop stalls, or the machine is suspended. */
  blockedUntil = 0;
  suspended = false;
  /** The disk takes no writes. */
  full = false;
  /** Ends its process before it carries out so many more effects; null: never. */
  crashAfter: { effects: number; run: () => void } | null = null;
  /** Told to stop for good: nobody starts it again. */
  gone = false;
  lies = false;
  /** What it makes of a program, where candidates come to something else than elsewhere. */
  alters: (program: Program) => Program | WrittenProgram = (program) => program;
  wallOffsetMs = 0;
  readonly #world: Surroundings;
  readonly #random: Random;
  #runRandom: Random;
  #startedAt = 0;
  #asleepMs = 0;
  #skewMs = 0;
  #collecting = false;
  #writing = false;
  /** A flush was asked for while a write was under way. */
  #again = false;
  #wasFull = false;
  /** The last write of this run that is on disk, known to the process or not. */
  #lastWrite: number | null = null;

  constructor(plan: MachinePlan, random: Random, world: Surroundings) {
    this.plan = plan;
    this.id = plan.id;
    this.#world = world;
    this.#random = random;
    this.#runRandom = random;
    this.executors = new Executors({
      slots: plan.slots,
      slowness: plan.slowness,
      program: ({ computation }) => this.#programOf(computation),
      lie: (index, outcome) => this.#lie(index, outcome),
      after: (ms, run) => this.after(ms, run),
      dispatch: (event) => this.dispatch(event),
      evaluated: (execution, lo, hi, ms) => world.evaluated(this, execution, lo, hi, ms),
      fall: (execution, index) => world.fell(this, execution, index),
    });
  }

  get running(): boolean {
    return this.state !== null;
  }

  /** This machine's monotonic clock since its process started, in ms. */
  get clock(): number {
    const { now } = this.#world.queue;
    return (now - this.#startedAt - this.#asleepMs) * (1 + this.plan.drift);
  }

  /** This machine's wall clock, in ms since 1970. */
  get wall(): number {
    return this.#world.wallMs + this.wallOffsetMs + this.#world.queue.now * (1 + this.plan.drift);
  }

  /** Starts the process on what the disk holds. known: other members are known. */
  start(known: boolean): void {
    if (this.state !== null) return;
    this.run++;
    this.#runRandom = this.#random.fork(`run ${this.run}`);
    this.#startedAt = this.#world.queue.now;
    this.#asleepMs = 0;
    this.blockedUntil = 0;
    this.suspended = false;
    this.crashAfter = null;
    this.pending = new Pending();
    this.#collecting = false;
    this.#writing = false;
    this.#again = false;
    this.#wasFull = false;
    this.#lastWrite = null;
    this.#skewMs = this.wall - this.clock;
    const incarnation = Math.max(this.disk.incarnation + 1, Math.floor(this.wall / 1000));
    this.disk.incarnation = incarnation;
    const nonce = sha256(`${this.id} ${this.plan.name} ${this.run}`).slice(0, 16);
    const { mathClass, timing } = this.#world;
    const { slots, name } = this.plan;
    const self = { peer: this.id, name, version: '0', slots, mathClass };
    this.state = newPeerState(self, { incarnation, nonce }, timing);
    this.dispatch({ kind: 'wall', wallMs: this.wall });
    this.dispatch({ kind: 'tombstones', locals: this.disk.locals });
    for (const { scope, origin, start, n, body } of this.disk.inOrder()) {
      this.dispatch({ kind: 'loaded', group: { scope, origin, start, records: [[n, body]] } });
    }
    this.#world.started(this);
    this.dispatch({
      ...{ kind: 'booted', known },
      ...{ blobs: [...this.disk.blobs.keys()], locals: new Map(this.disk.locals) },
    });
    this.#every(TICK_MS, () => this.#tick());
    this.#every(1000, () => this.dispatch({ kind: 'wall', wallMs: this.wall }));
  }

  /** Ends the process at once. Of what was not synced, a part may be on disk. */
  crash(how: 'killed' | 'power', keeps: CrashKeeps): void {
    if (this.state === null) return;
    this.#halt(how, this.pending.surviving(keeps, this.#random));
  }

  #halt(how: 'killed' | 'power', kept: readonly StepBatch[]): void {
    for (const { writes } of kept) this.disk.apply(writes);
    this.state = null;
    this.crashAfter = null;
    this.executors.clear();
    this.#world.ended(this, how, kept.at(-1)?.write ?? this.#lastWrite);
  }

  /** Ends the process when all its writes are on disk. */
  finish(): void {
    if (this.state === null) return;
    this.#halt('killed', this.pending.batches);
  }

  /** Nothing of it runs for a while: its loop stalls, or (asleep) the whole machine. */
  block(forMs: number, asleep: boolean): void {
    const { queue } = this.#world;
    this.blockedUntil = queue.now + forMs;
    if (!asleep) return;
    this.suspended = true;
    const { run } = this;
    queue.at(this.blockedUntil, () => {
      if (this.run !== run || this.state === null) return;
      this.suspended = false;
      this.#asleepMs += forMs;
    });
  }

  /** Runs something after a time on this machine's clock, unless its process ended by then. */
  after(ms: number, run: () => void): void {
    const { queue } = this.#world;
    this.#runWhenAwake(queue.now + ms / (1 + this.plan.drift), this.run, run);
  }

  #runWhenAwake(at: number, started: number, run: () => void): void {
    const { queue } = this.#world;
    queue.at(at, () => {
      if (this.run !== started || this.state === null) return;
      if (queue.now < this.blockedUntil) this.#runWhenAwake(this.blockedUntil, started, run);
      else run();
    });
  }

  /** Takes an event in: at once, or when nothing blocks it any more. */
  deliver(event: PeerEvent): void {
    if (this.#world.queue.now < this.blockedUntil) {
      this.#runWhenAwake(this.blockedUntil, this.run, () => this.dispatch(event));
    } else this.dispatch(event);
  }

  dispatch(event: PeerEvent): void {
    if (this.state === null) return;
    const env = envOf(this.id, this.clock, this.#runRandom.next);
    const effects = step(this.state, event, env);
    this.#world.stepped(this, event, effects);
    for (const effect of effects) {
      if (this.crashAfter !== null && --this.crashAfter.effects < 0) return this.crashAfter.run();
      this.#carryOut(effect);
    }
  }

  #every(ms: number, run: () => void): void {
    this.after(ms, () => {
      run();
      this.#every(ms, run);
    });
  }

  #tick(): void {
    const skew = this.wall - this.clock;
    if (Math.abs(skew - this.#skewMs) > SUSPEND_MS) this.dispatch({ kind: 'resumed' });
    this.#skewMs = skew;
    this.dispatch({ kind: 'tick' });
  }

  #programOf(computation: Hash): Program | undefined {
    const spec = this.state?.computations.get(computation)?.spec;
    const program = spec === undefined ? undefined : this.#world.program(spec.program);
    return program === undefined ? undefined : this.alters(program);
  }

  #lie(index: number, outcome: SimOutcome): SimOutcome {
    if (!this.lies || index % 5 !== 0) return outcome;
    return outcome === null ? 0.5 : null;
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'rise':
        this.disk.incarnation = effect.incarnation;
        return;
      case 'broadcast':
      case 'send':
        return this.#world.carry(this, effect);
      case 'send.records':
        return this.#sendRecords(effect);
      case 'load.scope':
        return this.after(2, () => this.#loadScope(effect.scope));
      case 'send.blob': {
        const { to, hash } = effect;
        const bytes = this.#read(hash);
        const message = bytes === undefined ? ({ kind: 'none', hash } as const) : undefined;
        const found = { kind: 'blob', hash, bytes: bytes ?? new Uint8Array() } as const;
        return this.after(0.5, () =>
          this.#world.carry(this, { kind: 'send', to, message: message ?? found }),
        );
      }
      case 'read.blob': {
        const { hash } = effect;
        const bytes = this.#read(hash);
        if (bytes === undefined) return;
        return this.after(0.5, () => this.dispatch({ kind: 'blob.read', hash, bytes }));
      }
      case 'store':
        this.pending.add(effect);
        if (!this.#collecting) this.after(COLLECT_MS, () => this.#write());
        this.#collecting = true;
        return;
      case 'flush':
        return this.#write();
      case 'deny':
        return this.#world.deny(this, effect.peer);
      case 'execute':
        return this.executors.execute(effect.execution);
      case 'stop':
        return this.executors.stop(effect.execution, effect.mode);
      case 'answer':
        this.answers.set(effect.request, effect.result);
        return;
      case 'halt':
        this.gone = true;
        return this.finish();
      default:
        return;
    }
  }

  #loadScope(wanted: string): void {
    for (const { scope, origin, start, n, body } of this.disk.inOrder()) {
      if (scope !== wanted) continue;
      this.dispatch({ kind: 'loaded', group: { scope, origin, start, records: [[n, body]] } });
    }
  }

  /** A blob as the loop finds it: about to be written, or on disk. */
  blob(hash: Hash): Uint8Array | undefined {
    return this.pending.blob(hash) ?? this.disk.blobs.get(hash);
  }

  /** A rotten one is found then, and told of. */
  #read(hash: Hash): Uint8Array | undefined {
    const bytes = this.blob(hash);
    if (bytes === undefined) this.after(0.5, () => this.dispatch({ kind: 'blob.lost', hash }));
    return bytes;
  }

  /** Like the loop's: first all is on disk, then it is read from there. */
  #sendRecords(effect: Extract<Effect, { kind: 'send.records' }>): void {
    const { to, scope, origin, start, ranges } = effect;
    this.#write();
    this.after(this.#random.between(2, 12), () => {
      const records = this.disk.read(scope, origin, start, ranges);
      if (records.length === 0) return;
      const groups = [{ scope, origin, start, records }];
      this.#world.carry(this, { kind: 'send', to, message: { kind: 'records', groups } });
    });
  }

  /** One batch to the disk at a time; it takes what has come until it starts. */
  #write(): void {
    if (this.#writing) {
      this.#again = true;
      return;
    }
    this.#collecting = false;
    this.#again = false;
    if (this.pending.batches.length === 0) return;
    this.#writing = true;
    const count = this.pending.batches.length;
    this.pending.underWay = count;
    this.after(this.#random.between(1, 8), () => {
      this.#writing = false;
      if (this.full) return this.#failed();
      const done = this.pending.remove(count);
      for (const { writes, write } of done) {
        this.disk.apply(writes);
        this.#lastWrite = write;
      }
      if (this.#wasFull) {
        this.#wasFull = false;
        this.dispatch({ kind: 'disk', full: false });
      }
      this.dispatch({ kind: 'stored', write: done.at(-1)?.write ?? 0 });
      if (this.#again) this.#write();
      else if (this.pending.batches.length > 0) this.#writeSoon();
    });
  }

  #failed(): void {
    this.pending.underWay = 0;
    if (!this.#wasFull) {
      this.#wasFull = true;
      this.dispatch({ kind: 'disk', full: true });
    }
    this.#writeSoon();
  }

  #writeSoon(): void {
    if (this.#collecting) return;
    this.#collecting = true;
    this.after(COLLECT_MS, () => this.#write());
  }
}
