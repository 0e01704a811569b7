import { type ChildProcess, fork } from 'node:child_process';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ComputationId } from '../core/ids.ts';
import type { Ground, Limits } from '../core/limits.ts';
import { commandEnvironment } from './command/command-spec.ts';
import type { LivePiece } from './command/live-output.ts';
import type { FromExecutor, Span, ToExecutor } from './executor-message.ts';
import { Ledger, type Noted } from './ledger.ts';
import { fromExecutor, ownIndex, type WorkLog } from './work-log.ts';
import type { WorkFailure, WorkInputs } from './workforce.ts';

/** What is kept of stderr to tell why an executor died. */
const STDERR_CHARACTERS = 4096;
/** What of a memory limit is not for V8's old objects: node itself, code, young objects. */
const BESIDE_HEAP_BYTES = 2 ** 26;
const MIB = 2 ** 20;
/** After its exit, how long to wait for the last messages of an executor. */
const LAST_MESSAGES_MS = 1000;
/** Environment that user code sees. Time zone and language are the same on every machine. */
const ENVIRONMENT = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot'] as const;

type BatchMessage = Extract<FromExecutor, { kind: 'batch' }>;

/** Who hears an executor. Exactly one listener at a time; `died` is the last call. */
export interface ExecutorListener {
  batch(batch: BatchMessage): void;
  failure(index: number, failure: WorkFailure): void;
  drained(): void;
  /** index: the candidate in hand, or null where that is not known. */
  died(failure: WorkFailure, index: number | null): void;
}

/** How executors are started. */
export interface ExecutorOptions {
  /** A program that runs another one and has it killed when its parent dies, or null: a thread. */
  readonly leash: string | null;
  /** The executors' working folder. */
  readonly folder: string;
  /** Where long outputs of commands go. */
  readonly outputs: string;
  /** How much they yield to other programs, 0 … 19. */
  readonly nice: number;
  /** Hears what commands write while they run. */
  output(computation: ComputationId, index: number, piece: LivePiece): void;
  readonly log: WorkLog;
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
  /** What it evaluates candidates of. */
  readonly ground: Ground;
  /** Resolves when candidates can be evaluated. @throws LoadError */
  readonly loaded: Promise<void>;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  /** True while it has evaluated no candidate. */
  fresh = true;
  /** At most so many candidates are in the batch in hand. */
  batchSize = 1;
  alive = true;
  /** It takes no further candidates. */
  worn = false;
  #listener: ExecutorListener | null = null;
  /** Numbers the drains; the answer to one that an earlier listener asked for is ignored. */
  #drains = 0;
  #drain: number | null = null;
  #child: ChildProcess;
  #ledger: Ledger;
  #stderr = '';

  constructor(inputs: WorkInputs, limits: Limits, file: string, options: ExecutorOptions) {
    this.ground = { computation: inputs.computation, limits };
    this.#ledger = new Ledger(options.folder);
    const { commands = false } = inputs;
    this.#child = startChild(options, this.#ledger.fd, limits, commands);
    const loading = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    this.loaded = loading.promise;
    this.gone = gone.promise;
    // Nobody may be waiting when an executor is killed while it loads.
    loading.promise.catch(() => undefined);
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS);
    });
    this.#child.on('message', (message) => {
      this.#hear(message as FromExecutor, loading, options);
    });
    afterLastMessage(this.#child, (error) => {
      this.alive = false;
      const noted = this.#ledger.read();
      this.#ledger.close();
      const failure = this.#deathOf(error, noted);
      loading.reject(new LoadError(error === null ? { ...failure, kind: 'setup' } : failure));
      this.#listener?.died(failure, noted.index);
      this.#listener = null;
      gone.resolve();
    });
    const { params, seed } = inputs;
    const outputs = commands ? options.outputs : null;
    this.#tell({ kind: 'load', file, outputs, params, seed, limits });
  }

  /** Its process group; undefined when no process started. */
  get group(): number | undefined {
    return this.#child.pid;
  }

  /** Who hears it from now on; null: nobody. */
  listen(listener: ExecutorListener | null): void {
    this.#listener = listener;
    this.#drain = null;
  }

  /** Starts the candidates of a span; the one before has ended. */
  start(span: Span): void {
    if (span.careful !== null) this.batchSize = Math.min(this.batchSize, span.careful.step);
    this.#tell({ kind: 'span', span });
  }

  /** Ends after the batch in hand; the listener hears `drained`. */
  drain(): void {
    this.#drains += 1;
    this.#drain = this.#drains;
    this.#tell({ kind: 'drain', token: this.#drains });
  }

  /** Ends the process at once, with all that user code started. */
  kill(): void {
    this.#listener = null;
    if (this.#child.exitCode === null && this.#child.signalCode === null) killGroup(this.#child);
  }

  #tell(message: ToExecutor): void {
    // A failed write means that the process is dying; its exit is heard anyway.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  #hear(
    message: FromExecutor,
    loading: PromiseWithResolvers<void>,
    options: ExecutorOptions,
  ): void {
    switch (message.kind) {
      case 'loaded':
        loading.resolve();
        return;
      case 'refused':
        loading.reject(new LoadError({ kind: 'setup', detail: message.detail }));
        return;
      case 'batch':
        this.batchSize = message.next;
        this.worn = message.worn;
        if (message.hi > message.lo) this.fresh = false;
        this.#listener?.batch(message);
        return;
      case 'failure':
        this.#listener?.failure(message.index, message.failure);
        this.fresh = false;
        return;
      case 'drained':
        if (message.token === this.#drain) this.#listener?.drained();
        return;
      case 'log':
        for (const line of message.lines) options.log.line(fromExecutor(line));
        return;
      case 'log.dropped':
        options.log.dropped(ownIndex(message.index), message.lines);
        return;
      case 'output':
        options.output(this.ground.computation, message.index, message.piece);
    }
  }

  #deathOf(error: Error | null, { reason, amount }: Noted): WorkFailure {
    if (error !== null) return { kind: 'system', detail: `no executor starts: ${error.message}` };
    const { timeoutMs, memoryBytes } = this.ground.limits;
    if (reason === 'timeout') return { kind: reason, detail: `longer than ${timeoutMs} ms` };
    if (reason === 'memory') {
      const [taken, most] = [amount, memoryBytes ?? 0].map((bytes) => Math.round(bytes / MIB));
      return { kind: reason, detail: `${taken} MiB resident, the limit is ${most} MiB` };
    }
    const { exitCode, signalCode } = this.#child;
    const how = signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
    const memory = /heap out of memory|invalid (array|table) size|Allocation failed/i;
    if (memory.test(this.#stderr)) return { kind: 'memory', detail: `out of memory (${how})` };
    const line = /^\w*Error\b.*$|^\[?\w+Error.*$/m.exec(this.#stderr)?.[0] ?? '';
    const detail = `the executor died: ${how}${line === '' ? '' : `: ${line}`}`;
    return { kind: 'died', detail: detail.slice(0, 500) };
  }
}

function startChild(
  options: ExecutorOptions,
  ledger: number,
  limits: Limits,
  commands: boolean,
): ChildProcess {
  // The same ending as this file: .ts in a checkout, .js when built.
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const script = fileURLToPath(new URL(`./executor-child${ending}`, import.meta.url));
  // Killed with its peer, it could not end what a command started: it watches its peer instead.
  const leash = commands ? null : options.leash;
  const flags = heapFlags(limits);
  const child = fork(script, [String(process.pid), leash === null ? 'watch' : 'leash'], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc', ledger],
    // A process group of its own: no Ctrl-C from the terminal, and killed with all it started.
    detached: true,
    cwd: options.folder,
    env: commands ? commandEnvironment(process.env, {}) : functionEnvironment(),
    execPath: leash ?? process.execPath,
    execArgv: leash === null ? flags : ['--pdeathsig', 'KILL', '--', process.execPath, ...flags],
  });
  try {
    if (child.pid !== undefined) setPriority(child.pid, options.nice);
  } catch {
    // Not allowed here: heartbeats then compete with user code.
  }
  return child;
}

function functionEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { TZ: 'UTC', LC_ALL: 'en_US.UTF-8' };
  for (const name of ENVIRONMENT) {
    if (process.env[name] !== undefined) env[name] = process.env[name];
  }
  return env;
}

/** V8 ends a process by itself that keeps more objects; what is no object the warden sees. */
function heapFlags({ memoryBytes }: Limits): string[] {
  if (memoryBytes === null) return [];
  return [`--max-old-space-size=${Math.floor((memoryBytes - BESIDE_HEAP_BYTES) / MIB)}`];
}

/** Calls back once, after the exit and the last message. `error`: the process never started. */
function afterLastMessage(child: ChildProcess, callback: (error: Error | null) => void): void {
  let exited = false;
  let told = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = (error: Error | null) => {
    clearTimeout(timer);
    if (!told) callback(error);
    told = true;
  };
  child.on('disconnect', () => {
    if (exited) tell(null);
  });
  child.on('exit', () => {
    exited = true;
    killGroup(child);
    if (!child.connected) tell(null);
    else timer = setTimeout(tell, LAST_MESSAGES_MS, null);
  });
  child.on('error', (error) => {
    if (child.pid === undefined) tell(error);
  });
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // No such group any more, or no groups on this system.
    child.kill('SIGKILL');
  }
}
