import { type Ground, type Limits, sameGround } from '../core/limits.ts';
import { BareExecutor, type Casing, type StartOptions } from './bare-executor.ts';
import { casingOf, Executor, type ExecutorOptions } from './executor.ts';
import { Guardian } from './guardian.ts';
import type { ProgramFiles } from './program-files.ts';
import { OPEN, sameSandbox } from './sandbox/sandbox.ts';
import { Spares } from './spares.ts';
import type { WorkInputs } from './workforce.ts';

/** Idle executors kept, for each slot, … */
const IDLE_PER_SLOT = 2;
/** … and how long each, in ms. */
const IDLE_MS = 60_000;

/** How a pool starts its executors, and keeps them. */
export interface PoolOptions extends StartOptions, Omit<ExecutorOptions, 'log'> {
  /** How long one that has nothing to do is kept, in ms. @default 60 000 */
  readonly idleMs?: number;
}

/** Starts executors, and keeps those that ended an order for the next one on their ground. */
export class Pool {
  #options: PoolOptions;
  #files: ProgramFiles;
  #slots: number;
  #idle: Executor[] = [];
  /** Each ends an idle executor after its time. */
  #clocks = new WeakMap<Executor, NodeJS.Timeout>();
  #all = new Set<Executor>();
  /** Those in use. */
  #busy = new Set<Executor>();
  /** All processes, with or without a program. */
  #bare = new Set<BareExecutor>();
  #closed = false;
  readonly #guardian: Guardian;
  readonly #spares: Spares;

  constructor(options: PoolOptions, files: ProgramFiles, slots: number) {
    this.#options = options;
    this.#files = files;
    this.#slots = slots;
    this.#guardian = new Guardian(options.scratch);
    const { idleMs = IDLE_MS } = options;
    this.#spares = new Spares({ start: (casing) => this.#startBare(casing), idleMs }, slots);
  }

  /**
   * An idle executor of the computation with these limits and sandbox, or one that may go on with
   * it, or a new one.
   */
  take(inputs: WorkInputs, limits: Limits, log: ExecutorOptions['log']): Executor {
    const ground: Ground = { computation: inputs.computation, limits };
    const { sandbox = OPEN } = inputs;
    for (;;) {
      const isOwn = (idle: Executor): boolean =>
        sameGround(idle.ground, ground) && sameSandbox(idle.sandbox, sandbox);
      const found =
        this.#idle.findLast(isOwn) ?? this.#idle.find((idle) => idle.mayGoOnWith(inputs, limits));
      if (found === undefined) return this.start(inputs, limits, log);
      this.#idle = this.#idle.filter((idle) => idle !== found);
      clearTimeout(this.#clocks.get(found));
      if (!found.alive) continue;
      if (!isOwn(found)) found.goOnWith(inputs, log);
      this.#use(found);
      return found;
    }
  }

  /** A new executor. */
  start(
    inputs: WorkInputs,
    limits: Limits,
    log: ExecutorOptions['log'],
    more: Pick<ExecutorOptions, 'trace'> = {},
  ): Executor {
    const casing = casingOf(inputs, limits);
    const bare = this.#spares.take(casing) ?? this.#startBare(casing);
    const executor = this.#load(inputs, bare, { ...this.#options, ...more, log });
    this.#all.add(executor);
    this.#use(executor);
    void executor.gone.then(() => {
      this.#all.delete(executor);
      this.#idle = this.#idle.filter((idle) => idle !== executor);
      this.#unuse(executor);
    });
    if (this.#closed) executor.kill();
    return executor;
  }

  #load(inputs: WorkInputs, bare: BareExecutor, options: ExecutorOptions): Executor {
    try {
      const file = this.#files.place(bare.folder, inputs.program, inputs.sources);
      return new Executor(inputs, bare, file, options);
    } catch (error) {
      bare.kill();
      throw error;
    }
  }

  #startBare(casing: Casing): BareExecutor {
    const bare = new BareExecutor(casing, this.#options);
    this.#bare.add(bare);
    const { group, mark } = bare;
    if (group !== undefined) this.#guardian.watch({ group, mark });
    void bare.gone.then(() => {
      if (group !== undefined) this.#guardian.forget({ group, mark });
      this.#bare.delete(bare);
    });
    return bare;
  }

  #use(executor: Executor): void {
    this.#busy.add(executor);
    this.#spares.wait();
  }

  /** After the last one in use, the next ones are made ready. */
  #unuse(executor: Executor): void {
    const wasUsed = this.#busy.delete(executor);
    if (wasUsed && this.#busy.size === 0) this.#spares.prepare(executor.casing);
  }

  /** Keeps an executor that has nothing in hand; the oldest idle ones make room. */
  release(executor: Executor): void {
    executor.listen(null);
    this.#unuse(executor);
    if (executor.worn) return executor.retire();
    this.#idle.push(executor);
    const { idleMs = IDLE_MS } = this.#options;
    this.#clocks.set(executor, setTimeout(() => this.#tire(executor), idleMs).unref());
    while (this.#idle.length > IDLE_PER_SLOT * this.#slots) this.#idle.shift()?.retire();
  }

  /** Ends an executor that is idle still. */
  #tire(executor: Executor): void {
    this.#idle = this.#idle.filter((idle) => idle !== executor);
    executor.retire();
  }

  /** Keeps idle executors for so many slots. */
  resize(slots: number): void {
    this.#slots = slots;
    this.#spares.resize(slots);
    while (this.#idle.length > IDLE_PER_SLOT * slots) this.#idle.shift()?.retire();
  }

  /** Ends the idle executors of a computation. */
  forget(computation: string): void {
    const isOf = ({ ground }: Executor): boolean => ground.computation === computation;
    for (const idle of this.#idle) if (isOf(idle)) idle.retire();
    this.#idle = this.#idle.filter((idle) => !isOf(idle));
  }

  /** Ends all, after their programs' teardowns, and waits until they are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#idle = [];
    this.#spares.close();
    const gone = [...this.#bare].map((bare) => bare.gone);
    for (const executor of this.#all) executor.retire();
    await Promise.all(gone);
    this.#guardian.close();
  }
}
