import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Limits } from '../core/limits.ts';
import type { LogLine } from '../core/log-line.ts';
import { MeshError } from '../core/mesh-error.ts';
import { mathClass } from './candidate/math-class.ts';
import { isWorkerProgram } from './exec/worker-mark.ts';
import type { Executor, ExecutorOptions } from './executor.ts';
import { OrderRun } from './order-run.ts';
import { Pool } from './pool.ts';
import { PROBED, probeWith, rerunWith, whyNoStart } from './probe.ts';
import { ProgramFiles } from './program-files.ts';
import { SCRATCH_BYTES } from './sandbox/scratch.ts';
import { lineKeeper, type WorkLog } from './work-log.ts';
import type {
  Probe,
  ProbeOptions,
  Rerun,
  RerunOptions,
  Workforce,
  WorkHandlers,
  WorkInputs,
  WorkOrder,
} from './workforce.ts';

/** Program of util-linux that has its child killed when the parent dies. */
const LEASH = 'setpriv';
/** Executors yield to the peer's heartbeats. */
const NICE = 10;
/** How long a worker that died is looked at unasked, beside twice the time that it took, in ms. */
const UNASKED_MS = 500;
/** Lines that `rerun` keeps. */
const RERUN_LINES = 10_000;

export interface WorkforceOptions {
  /** Orders that run at once; at least 0. */
  readonly slots: number;
  /** How much executors yield to other programs, 0 … 19. @default 10 */
  readonly nice?: number;
  readonly handlers: WorkHandlers;
  /**
   * The longest time of import and setup, in ms. @default 10 min, or ten times a job's time limit,
   * but no less than 1 min
   */
  readonly setupMs?: number;
  /** The longest time of a teardown, in ms. @default 5000 */
  readonly teardownMs?: number;
  /** How long an executor that has nothing to do is kept, in ms. @default 60 000 */
  readonly idleMs?: number;
  /** The longest time in which nothing of half a message of an executor comes. @default 10 000 */
  readonly stillMs?: number;
  /** How long user code may hold its executor still, in ms. @default 5000 */
  readonly stoppedMs?: number;
  /** Where the private folder of programs is made. @default the system's temporary folder */
  readonly folder?: string;
  /** Where long outputs of commands go. @default a folder beside the programs */
  readonly outputs?: string;
  /** What a candidate may leave in its scratch folder at most. @default SCRATCH_BYTES */
  readonly scratchBytes?: number;
  readonly log?: (
    level: 'error' | 'warn' | 'info' | 'debug',
    event: string,
    fields: object,
  ) => void;
}

/** Starts a workforce; no process runs before the first order. */
export async function createWorkforce(options: WorkforceOptions): Promise<Workforce> {
  const leash = await findLeash();
  return new ExecutorWorkforce(options, leash);
}

class ExecutorWorkforce implements Workforce {
  readonly mathClass: string = mathClass();
  #slots: number;
  #options: WorkforceOptions;
  #files: ProgramFiles;
  #pool: Pool;
  #orders = new Map<number, OrderRun>();
  /** Numbers of the slots that run an order. */
  readonly #taken = new Set<number>();
  /** What was told last of why no executor could be started; null: one could. */
  #noExecutor: string | null = null;
  /** Rejects when the workforce closes. */
  #closing = Promise.withResolvers<never>();
  #closed: Promise<void> | null = null;

  constructor(options: WorkforceOptions, leash: string | null) {
    this.#options = options;
    this.#slots = options.slots;
    this.#files = new ProgramFiles(options.folder);
    const { nice = NICE } = options;
    const { folder } = this.#files;
    const { outputs = join(folder, 'outputs'), scratchBytes = SCRATCH_BYTES } = options;
    const scratch = join(folder, 'scratch');
    const output: ExecutorOptions['output'] = (...told) => options.handlers.output(...told);
    const { setupMs, teardownMs, idleMs, stillMs, stoppedMs } = options;
    const clocks = {
      ...(setupMs === undefined ? {} : { setupMs }),
      ...(teardownMs === undefined ? {} : { teardownMs }),
      ...(idleMs === undefined ? {} : { idleMs }),
      ...(stillMs === undefined ? {} : { stillMs }),
      ...(stoppedMs === undefined ? {} : { stoppedMs }),
    };
    const fault: ExecutorOptions['fault'] = (computation, why) => {
      options.log?.('warn', 'executor.fault', { computation, why });
    };
    const own = { leash, folder, outputs, nice, scratch, scratchBytes, output, fault };
    this.#pool = new Pool({ ...own, ...clocks }, this.#files, options.slots);
    this.#closing.promise.catch(() => undefined);
  }

  get slots(): number {
    return this.#slots;
  }

  resize(slots: number): void {
    this.#slots = slots;
    this.#pool.resize(slots);
  }

  execute(order: WorkOrder, inputs: WorkInputs): void {
    this.#mustBeOpen();
    const { handlers, log } = this.#options;
    let slot = 1;
    while (this.#taken.has(slot)) slot += 1;
    this.#taken.add(slot);
    const run = new OrderRun(order, inputs, {
      pool: this.#pool,
      ...{ handlers, slot },
      log: (level, event, fields) => log?.(level, event, fields),
      noExecutor: (why) => this.#tellNoExecutor(why),
      over: () => {
        this.#taken.delete(slot);
        this.#orders.delete(order.id);
      },
    });
    this.#orders.set(order.id, run);
  }

  /** Orders come again each second: what is the same as before was told. */
  #tellNoExecutor(why: Error | null): void {
    // The message has the name of a folder that is another one each time.
    const kind = why === null ? null : ((why as NodeJS.ErrnoException).code ?? why.message);
    if (kind === this.#noExecutor) return;
    this.#noExecutor = kind;
    if (why !== null) this.#options.log?.('warn', 'executor.none', { error: String(why) });
  }

  stop(id: number, mode: 'drain' | 'kill'): void {
    this.#orders.get(id)?.stop(mode);
  }

  async probe(
    inputs: WorkInputs,
    limits: Limits,
    { most = PROBED, ahead = 0, logIf, loadMs }: ProbeOptions = {},
  ): Promise<Probe> {
    this.#mustBeOpen();
    const { handlers } = this.#options;
    let isAgain = false;
    const own = handlers.log(inputs.computation);
    const log: WorkLog = {
      line: (line) => isAgain || own.line(line),
      dropped: (index, lines) => isAgain || own.dropped(index, lines),
      notice: (text) => own.notice(text),
    };
    const executor = this.#pool.take(inputs, limits, log);
    const free = Math.min(ahead, this.#slots - 1 - this.#orders.size);
    const others = Array.from({ length: Math.max(0, free) }, () => {
      return this.#pool.take(inputs, limits, own);
    });
    const startedAt = performance.now();
    const told = await this.#using([executor, ...others], async () => {
      const { probe, usable } = await probeWith(executor, inputs, {
        most,
        ...(logIf === undefined ? {} : { logIf }),
        ...(loadMs === undefined ? {} : { loadMs }),
        again(isNow) {
          isAgain = isNow;
        },
      });
      for (const other of others) this.#pool.release(other);
      if (usable) this.#pool.release(executor);
      else executor.kill();
      return probe;
    });
    if (told.failure?.kind !== 'died' || !isWorkerProgram(inputs.program)) return told;
    // Of candidate 0, or of anything at all? One that ends unasked would end each candidate.
    const mostMs = UNASKED_MS + 2 * (performance.now() - startedAt);
    const unasked = this.#pool.start(inputs, limits, log);
    const why = await this.#using([unasked], () => whyNoStart(unasked, mostMs));
    if (why === null) return told;
    const text = `${why} (if other machines have what it takes: --needs TAG)`;
    throw new MeshError('MESH_BAD_FUNCTION', text);
  }

  async rerun(
    inputs: WorkInputs,
    limits: Limits,
    index: number,
    { trace, signal }: RerunOptions = {},
  ): Promise<Rerun> {
    this.#mustBeOpen();
    signal?.throwIfAborted();
    const lines: LogLine[] = [];
    const log = lineKeeper(RERUN_LINES, lines, (line) => trace?.line(line));
    const more = trace === undefined ? {} : { trace };
    const executor = this.#pool.start(inputs, limits, log, more);
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(signal?.reason);
    stopped.promise.catch(() => undefined);
    signal?.addEventListener('abort', stop);
    try {
      return await this.#using([executor], async () => {
        const rerun = rerunWith(executor, inputs, index, lines);
        const told = await Promise.race([rerun, stopped.promise]);
        executor.retire();
        return told;
      });
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  tellNow(): void {
    for (const run of this.#orders.values()) run.tellNow();
  }

  forget(computation: string): void {
    this.#pool.forget(computation);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const run of this.#orders.values()) run.abandon();
    this.#orders.clear();
    this.#closing.reject(new MeshError('MESH_STOPPED', 'the peer stopped meanwhile'));
    await this.#pool.close();
    this.#files.close();
  }

  /** Waits for the result, or for the close; executors whose use failed are not used again. */
  async #using<T>(executors: readonly Executor[], work: () => Promise<T>): Promise<T> {
    try {
      return await Promise.race([work(), this.#closing.promise]);
    } catch (error) {
      for (const executor of executors) executor.kill();
      throw error;
    }
  }

  #mustBeOpen(): void {
    if (this.#closed !== null) throw new MeshError('MESH_STOPPED', 'the workforce is closed');
  }
}

/** Null where there is none, as on systems other than Linux. */
async function findLeash(): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  try {
    await promisify(execFile)(LEASH, ['--pdeathsig', 'KILL', '--', 'true']);
    return LEASH;
  } catch {
    // Not installed, or the small one of busybox: a watching thread does it instead.
    return null;
  }
}
