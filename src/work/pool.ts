import { Executor, type ExecutorOptions } from './executor.ts';
import type { ProgramFiles } from './program-files.ts';
import type { WorkInputs } from './workforce.ts';

/** An executor of this age takes no further order: what leaks in user code ends with it. */
const MAX_AGE_MS = 600_000;
/** Idle executors kept, for each slot. */
const IDLE_PER_SLOT = 2;

/** Starts executors, and keeps those that ended an order for the next one of their computation. */
export class Pool {
  #options: Omit<ExecutorOptions, 'log'>;
  #files: ProgramFiles;
  #slots: number;
  #idle: { readonly computation: string; readonly executor: Executor }[] = [];
  #all = new Set<Executor>();
  #closed = false;

  constructor(options: Omit<ExecutorOptions, 'log'>, files: ProgramFiles, slots: number) {
    this.#options = options;
    this.#files = files;
    this.#slots = slots;
  }

  /** An idle executor of the computation, or a new one. */
  take(inputs: WorkInputs, log: ExecutorOptions['log']): Executor {
    for (;;) {
      const at = this.#idle.findLastIndex(({ computation }) => computation === inputs.computation);
      const found = at < 0 ? undefined : this.#idle.splice(at, 1)[0]?.executor;
      if (found === undefined) return this.start(inputs, log);
      if (found.alive && performance.now() - found.bornMs < MAX_AGE_MS) return found;
      found.kill();
    }
  }

  /** A new executor. */
  start(inputs: WorkInputs, log: ExecutorOptions['log']): Executor {
    const file = this.#files.urlOf(inputs.program, inputs.sources);
    const executor = new Executor(inputs, file, { ...this.#options, log });
    this.#all.add(executor);
    void executor.gone.then(() => {
      this.#all.delete(executor);
      this.#idle = this.#idle.filter((idle) => idle.executor !== executor);
    });
    if (this.#closed) executor.kill();
    return executor;
  }

  /** Keeps an executor that has nothing in hand; the oldest idle ones make room. */
  release(computation: string, executor: Executor): void {
    executor.listen(null);
    this.#idle.push({ computation, executor });
    while (this.#idle.length > IDLE_PER_SLOT * this.#slots) this.#idle.shift()?.executor.kill();
  }

  /** Ends the idle executors of a computation. */
  forget(computation: string): void {
    for (const idle of this.#idle) if (idle.computation === computation) idle.executor.kill();
    this.#idle = this.#idle.filter((idle) => idle.computation !== computation);
  }

  /** Kills all and waits until they are gone. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#idle = [];
    const gone = [...this.#all].map((executor) => executor.gone);
    for (const executor of this.#all) executor.kill();
    await Promise.all(gone);
  }
}
