import type { ComputationId } from '../core/ids.ts';
import type { Ground, Limits } from '../core/limits.ts';
import type { LogLine } from '../core/log-line.ts';
import { type BareExecutor, type Casing, sameCasing } from './bare-executor.ts';
import { CANDIDATE_LINES } from './candidate/log-lines.ts';
import type { LivePiece } from './command/live-output.ts';
import { isWorkerProgram } from './exec/worker-mark.ts';
import { howEnded } from './executor-exit.ts';
import type { FromExecutor, Span } from './executor-message.ts';
import { Turns } from './executor-turns.ts';
import type { Noted } from './ledger.ts';
import { allowedLog } from './log-allowance.ts';
import { memoryText } from './memory-text.ts';
import { MOST_PROCESSES } from './process-tree.ts';
import { isSealed, OPEN, type Sandbox } from './sandbox/sandbox.ts';
import { StderrTail } from './stderr-tail.ts';
import { fromExecutor, ownIndex, type WorkLog } from './work-log.ts';
import type { TraceListener, WorkFailure, WorkInputs } from './workforce.ts';

/** Import and setup may take this long, or so many times what a candidate may, in ms. */
const SETUP_MS = 600_000;
const SETUP_TIMES = 10;
const LEAST_SETUP_MS = 60_000;
/** What a batch in hand has before its executor is ended on purpose, in ms. */
const LEAVE_MS = 500;
/** The longest time of a teardown, in ms. */
const TEARDOWN_MS = 5000;

type BatchMessage = Extract<FromExecutor, { kind: 'batch' }>;

/** Who hears an executor. Exactly one listener at a time; `died` is the last call. */
export interface ExecutorListener {
  batch(batch: BatchMessage): void;
  failure(index: number, failure: WorkFailure): void;
  drained(): void;
  /** index: the candidate in hand, or null where that is not known. */
  died(failure: WorkFailure, index: number | null): void;
}

/** What an executor is used with. */
export interface ExecutorOptions {
  /** Hears what commands write while they run. */
  output(computation: ComputationId, index: number, piece: LivePiece): void;
  readonly log: WorkLog;
  /** Hears what candidates draw and take. @default nobody */
  readonly trace?: Omit<TraceListener, 'line'>;
  /** The longest time of import and setup, in ms. @default setupMs of the job's limits */
  readonly setupMs?: number;
  /** The longest time of a teardown, in ms. @default 5000 */
  readonly teardownMs?: number;
  /** Hears once what an executor told that cannot come from it; it is killed. @default nobody */
  fault?(computation: ComputationId, why: string): void;
}

/** How long import and setup may take under a job's limits, in ms. */
export function setupMs({ timeoutMs }: Limits): number {
  return timeoutMs === null ? SETUP_MS : Math.max(LEAST_SETUP_MS, SETUP_TIMES * timeoutMs);
}

/** The program cannot be used: its import or setup failed, or the executor died meanwhile. */
export class LoadError extends Error {
  readonly failure: WorkFailure;

  constructor(failure: WorkFailure) {
    super(failure.detail);
    this.failure = failure;
  }
}

/** A child process with one program loaded. */
export class Executor {
  readonly sandbox: Sandbox;
  /** Resolves when candidates can be evaluated. @throws LoadError */
  readonly loaded: Promise<void>;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** True while it has evaluated no candidate. */
  fresh = true;
  /** At most so many candidates are in the batch in hand. */
  batchSize = 1;
  /** It takes no further candidates. */
  worn = false;
  /** The end of the span in hand, at first setup; null: all that was begun here came to its end. */
  #until: number | null = 0;
  #listener: ExecutorListener | null = null;
  /** Numbers the drains; the answer to one that an earlier listener asked for is ignored. */
  #drains = 0;
  #drain: number | null = null;
  #inputs: WorkInputs;
  #isSeedless = false;
  readonly #bare: BareExecutor;
  readonly #turns: Turns;
  /** What it told that cannot come from it. */
  #fault: string | null = null;
  readonly #stderr: StderrTail;
  #log: WorkLog;
  /** Lines of which it is not known yet whether they are kept: at most what a candidate may log. */
  #held: LogLine[] = [];
  /** Its program has a teardown. */
  #hasTeardown = false;
  #ending: NodeJS.Timeout | undefined;

  /**
   * Loads a program. bare: started for it (see casingOf), and used by nobody else. file: the URL of
   * the program.
   */
  constructor(inputs: WorkInputs, bare: BareExecutor, file: string, options: ExecutorOptions) {
    const { limits, sandbox, kind } = bare.casing;
    this.#inputs = inputs;
    this.sandbox = sandbox;
    this.#bare = bare;
    this.gone = bare.gone;
    this.#log = allowedLog(options.log, () => performance.now());
    const isTrace = options.trace !== undefined;
    this.#turns = new Turns({ isTrace, isCommands: kind === 'commands' });
    const loading = Promise.withResolvers<void>();
    this.loaded = loading.promise;
    // Nobody may be waiting when an executor is killed while it loads.
    loading.promise.catch(() => undefined);
    const mostMs = options.setupMs ?? setupMs(limits);
    const late = setTimeout(() => {
      const detail = `import and setup took longer than ${mostMs / 1000} s`;
      loading.reject(new LoadError({ kind: 'setup', detail }));
      this.kill();
    }, mostMs);
    loading.promise.finally(() => clearTimeout(late)).catch(() => undefined);
    this.#stderr = new StderrTail(bare.child.stderr);
    bare.listen({
      hear: (message: FromExecutor): void => {
        const fault = this.#turns.faultOf(message);
        if (fault === null) this.#hear(message, loading, options);
        else this.#broke(fault, options);
      },
      fault: (why: string): void => this.#broke(why, options),
      ended: (error, noted) => {
        clearTimeout(this.#ending);
        this.#settle(true);
        const failure = this.#deathOf(error, noted);
        loading.reject(new LoadError(error === null ? { ...failure, kind: 'setup' } : failure));
        this.#listener?.died(failure, noted.index);
        this.#listener = null;
        return this.#until !== null;
      },
    });
    const { params, seed } = inputs;
    bare.tell({ kind: 'load', file, params, seed, trace: isTrace });
  }

  /** What its process was started for. */
  get casing(): Casing {
    return this.#bare.casing;
  }

  /** What it evaluates candidates of. */
  get ground(): Ground {
    return { computation: this.#inputs.computation, limits: this.casing.limits };
  }

  get alive(): boolean {
    return this.#bare.alive;
  }

  /** Who hears it from now on; null: nobody. */
  listen(listener: ExecutorListener | null): void {
    this.#listener = listener;
    this.#drain = null;
  }

  /**
   * Says whether it may go on with a computation: one of the same program and parameters, with
   * another seed or other items. Import and setup are not called again, so they must not have drawn
   * from the seed, nor seen what may have changed meanwhile: files, or the network.
   */
  mayGoOnWith(inputs: WorkInputs, limits: Limits): boolean {
    const casing = casingOf(inputs, limits);
    const own = this.#inputs;
    return (
      this.#isSeedless &&
      casing.kind === 'function' &&
      isSealed(casing.sandbox) &&
      sameCasing(casing, this.casing) &&
      inputs.params === own.params &&
      sameBytes(inputs.program, own.program) &&
      sameBytes(inputs.sources, own.sources)
    );
  }

  /** Evaluates candidates of another computation from now on; it has nothing in hand. */
  goOnWith(inputs: WorkInputs, log: WorkLog): void {
    this.#inputs = inputs;
    this.#log = allowedLog(log, () => performance.now());
    this.#bare.tell({ kind: 'reseed', seed: inputs.seed });
  }

  /** Starts the candidates of a span; the one before has ended. */
  start(span: Span): void {
    this.#until = span.hi;
    if (span.careful !== null) this.batchSize = Math.min(this.batchSize, span.careful.step);
    this.#turns.begin(span);
    this.#bare.tell({ kind: 'span', span });
  }

  /** Ends after the batch in hand; the listener hears `drained`. */
  drain(): void {
    this.#drains += 1;
    this.#drain = this.#drains;
    this.#turns.drain(this.#drains);
    this.#bare.tell({ kind: 'drain', token: this.#drains });
  }

  /** Ends the process after the program's own teardown, if it has one; nobody hears it more. */
  retire(): void {
    if (this.#ending !== undefined || !this.alive) return;
    if (!this.#hasTeardown) return this.kill();
    this.#listener = null;
    this.#turns.leave();
    this.#bare.tell({ kind: 'leave' });
    this.#ending = setTimeout(() => this.kill(), LEAVE_MS);
  }

  /** Ends the process at once, with all that user code started. */
  kill(): void {
    clearTimeout(this.#ending);
    this.#hasTeardown = false;
    this.#listener = null;
    this.#bare.kill();
  }

  /** User code speaks in its name: nothing more is heard of it, and it counts as having died. */
  #broke(why: string, { fault }: ExecutorOptions): void {
    if (this.#fault !== null || !this.alive) return;
    this.#fault = why;
    const text = `the program took its executor over, which was ended: ${why}`;
    this.#log.line({ timeMs: Date.now(), index: null, level: 'error', text });
    fault?.(this.ground.computation, why);
    this.#bare.close();
    this.#bare.kill();
  }

  #hear(
    message: FromExecutor,
    loading: PromiseWithResolvers<void>,
    options: ExecutorOptions,
  ): void {
    switch (message.kind) {
      case 'loaded':
        this.#hasTeardown = message.teardown;
        this.#isSeedless = message.seedless;
        this.#until = null;
        loading.resolve();
        return;
      case 'refused':
        loading.reject(new LoadError({ kind: 'setup', detail: message.detail }));
        return;
      case 'batch':
        this.batchSize = message.next;
        this.worn = message.worn;
        if (message.hi > message.lo) this.fresh = false;
        if (message.hi === this.#until || message.worn) this.#until = null;
        this.#listener?.batch(message);
        return;
      case 'failure':
        this.#until = null;
        this.#listener?.failure(message.index, explained(message.failure, this.sandbox));
        this.fresh = false;
        return;
      case 'drained':
        this.#until = null;
        if (message.token === this.#drain) this.#listener?.drained();
        return;
      case 'leaving': {
        const { teardownMs: mostMs = TEARDOWN_MS } = options;
        clearTimeout(this.#ending);
        this.#ending = setTimeout(() => {
          const text = `teardown took longer than ${mostMs / 1000} s, and was ended`;
          this.#log.line({ timeMs: Date.now(), index: null, level: 'error', text });
          this.kill();
        }, mostMs);
        return;
      }
      case 'log':
        for (const line of message.lines) {
          if (!line.held) this.#log.line(fromExecutor(line));
          else if (this.#held.length < CANDIDATE_LINES) this.#held.push(fromExecutor(line));
        }
        return;
      case 'draw':
        options.trace?.draw(message.draw);
        return;
      case 'usage':
        options.trace?.usage(message.usage);
        return;
      case 'log.settled':
        this.#settle(message.isKept);
        return;
      case 'log.notice':
        this.#log.notice(message.text);
        return;
      case 'log.dropped':
        this.#log.dropped(ownIndex(message.index), message.lines);
        return;
      case 'output':
        if (!this.#turns.holds(message.index)) return;
        options.output(this.ground.computation, message.index, message.piece);
    }
  }

  /** A candidate that took its executor down has all that it logged. */
  #settle(isKept: boolean): void {
    const lines = this.#held;
    this.#held = [];
    if (isKept) for (const line of lines) this.#log.line(line);
  }

  #deathOf(error: Error | null, { reason, amount }: Noted): WorkFailure {
    if (error !== null) return { kind: 'system', detail: `no executor starts: ${error.message}` };
    if (this.#fault !== null) {
      const detail = `the program took its executor over: ${this.#fault}`;
      return { kind: 'died', detail: detail.slice(0, 500) };
    }
    const { timeoutMs, memoryBytes } = this.ground.limits;
    if (reason === 'timeout')
      return { kind: reason, detail: `longer than ${(timeoutMs ?? 0) / 1000} s` };
    if (reason === 'memory') {
      const most = memoryText(memoryBytes ?? 0);
      return {
        kind: reason,
        detail: `${Math.ceil(amount / 1e6)} MB resident, the limit is ${most}`,
      };
    }
    if (reason === 'scratch') {
      const most = Math.round(this.#bare.scratch.bytes / 1e6);
      const detail = `more than ${most} MB in its scratch folder`;
      return { kind: 'system', detail };
    }
    if (reason === 'folder') {
      const most = Math.round((this.sandbox.common?.bytes ?? 0) / 1e6);
      const detail = `more than ${most} MB in the folder of its job’s commands`;
      return { kind: 'system', detail };
    }
    if (reason === 'processes') {
      return { kind: 'system', detail: `${amount} processes, the limit is ${MOST_PROCESSES}` };
    }
    const how = howEnded(this.#bare.child, this.sandbox);
    const memory = /heap out of memory|invalid (array|table) size|Allocation failed/i;
    if (memory.test(this.#stderr.text)) return { kind: 'memory', detail: `out of memory (${how})` };
    const line = /^\w*Error\b.*$|^\[?\w+Error.*$/m.exec(this.#stderr.text)?.[0] ?? '';
    const detail = `the executor died: ${how}${line === '' ? '' : `: ${line}`}`;
    return { kind: 'died', detail: detail.slice(0, 500) };
  }
}

function sameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && Buffer.compare(a, b) === 0);
}

/** What an executor of a computation with these limits is started for. */
export function casingOf({ commands, program, sandbox }: WorkInputs, limits: Limits): Casing {
  const ofFunction = isWorkerProgram(program) ? 'worker' : 'function';
  const kind = commands === true ? 'commands' : ofFunction;
  return { kind, limits, sandbox: sandbox ?? OPEN };
}

/** What the system says where it leads nowhere. */
const NO_WAY = /\b(?:ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EAI_AGAIN|ENOTFOUND)\b/;

/** A failure with the reason why a connection failed, where that is the sandbox. */
function explained(failure: WorkFailure, { tier, net }: Sandbox): WorkFailure {
  const isRefused = tier === 'bwrap' && !net && NO_WAY.test(failure.detail);
  if (failure.kind !== 'system' || !isRefused) return failure;
  const why = 'the sandbox has no network: --allow-net opens it';
  return { ...failure, detail: `${failure.detail} (${why})` };
}
