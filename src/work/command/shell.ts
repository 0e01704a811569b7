import { randomBytes } from 'node:crypto';
import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { measureTree } from '../sandbox/measure-tree.ts';
import { type Belonging, endProcesses } from './command-processes.ts';
import { type ExitStatus, LastingShell } from './lasting-shell.ts';
import { type LiveForm, type LiveListener, LiveReader } from './live-output.ts';
import { type Output, OutputFile } from './output-file.ts';
import { isPlainCommand } from './plain-command.ts';
import { shellLine } from './shell-line.ts';
import { pathForShell, systemShell } from './system-shell.ts';

/** Between two looks at whether a command is within its limits. */
const LOOK_MS = 100;
/** Between two measurements of the folder where a command runs, in looks. */
const FOLDER_LOOKS = 5;
/** Between two looks at what a command wrote meanwhile. */
const LIVE_MS = 20;
/** From SIGTERM to SIGKILL. */
const GRACE_MS = 1000;
/** For a shell to answer after all that its command started has ended. */
const ANSWER_MS = 1000;
/** With more than this free on the disk nothing was lost for want of room, … */
const AMPLE_BYTES = 1_048_576;
/** … and so much is not written in this time. */
const PLENTY_BYTES = 4e9;
const PLENTY_MS = 50;
/** The variable by which the processes of a command are found again. */
const MARK = 'MESHD_COMMAND';

/** Where and how a shell runs its commands. */
export interface ShellOptions {
  /** Each command starts in it. */
  readonly directory: string;
  /** All that commands see of an environment, beside their own variables. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the outputs lie; it exists. */
  readonly folder: string;
  /** @default the system's */
  readonly program?: string;
}

/** What one command may take and see. */
export interface RunOptions {
  readonly variables: Readonly<Record<string, string>>;
  /** Where it starts, absolute. @default where the shell did */
  readonly directory?: string;
  /** The file that it reads, absolute. @default none */
  readonly stdin?: string;
  /** Of each of its two outputs; null: no limit. */
  readonly outputBytes: number | null;
  readonly timeoutMs: number | null;
  /** The same, as it is meanwhile. @default timeoutMs */
  readonly timeoutNow?: () => number | null;
  /** Of all that is in `directory` meanwhile, on the disk. @default no limit */
  readonly folderBytes?: number;
  /** Ends the command as a timeout does; `run` then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Is told what it writes while it runs; what is not told before the end is in the result. */
  readonly live?: LiveListener & { readonly form: LiveForm };
}

/**
 * How a command ended, as the log of GNU parallel tells it: killed by a signal N it has exit 0 and
 * signal N; killed for a limit, exit −1 and the signal that was sent. A shell tells of signals by
 * exit codes 129 … 159, so a program that exits with one of these by itself seems to be killed.
 */
export interface ShellResult extends ExitStatus {
  readonly stdout: Output;
  readonly stderr: Output;
  /** ms since 1970. */
  readonly started: number;
  readonly ms: number;
  /** What ended it; 'output' even if it was over before that was seen. */
  readonly ended: 'exit' | 'timeout' | 'output' | 'folder';
}

type Stop = 'timeout' | 'output' | 'folder' | 'abort';

/**
 * Runs commands one after another in one lasting shell, each in a subshell of its own: starting
 * one from Node takes several times as long. A command is over when its subshell is. What it leaves
 * running in the background goes on until `close`, or until a command kills the shell.
 */
export class Shell {
  readonly #options: ShellOptions;
  readonly #name: string = randomBytes(8).toString('hex');
  readonly #stdout: OutputFile;
  readonly #stderr: OutputFile;
  /** Looked for once: on Windows that goes through the folders of the PATH. */
  #program: string | undefined;
  #lasting: LastingShell | undefined;
  #commands = 0;
  #running: Promise<ShellResult> | undefined;
  #closing: Promise<void> | undefined;
  /** Until then the disk cannot have been filled. */
  #roomyUntil = 0;

  constructor(options: ShellOptions) {
    this.#options = options;
    this.#stdout = new OutputFile(join(options.folder, `${this.#name}.stdout`));
    this.#stderr = new OutputFile(join(options.folder, `${this.#name}.stderr`));
  }

  /**
   * Runs a command.
   * @throws TypeError for a command that no shell takes; Error with an errno as code when there is
   * no shell to run it, or no room for its output.
   */
  async run(command: string, options: RunOptions): Promise<ShellResult> {
    if (this.#closing !== undefined) throw new Error('the shell is closed');
    if (this.#running !== undefined) throw new Error('the shell runs another command');
    options.signal?.throwIfAborted();
    this.#running = this.#run(command, options);
    try {
      return await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  /** Kills the shell and all that its commands started. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(command: string, options: RunOptions): Promise<ShellResult> {
    this.#commands += 1;
    const id = `${this.#name}-${this.#commands}`;
    const variables = { ...options.variables, [MARK]: id };
    const files = {
      stdout: pathForShell(this.#stdout.path, process.platform),
      stderr: pathForShell(this.#stderr.path, process.platform),
    };
    const { platform } = process;
    const { directory: own, stdin } = options;
    const place = {
      ...(own === undefined ? {} : { directory: pathForShell(own, platform) }),
      ...(stdin === undefined ? {} : { stdin: pathForShell(stdin, platform) }),
    };
    this.#program ??= this.#options.program ?? ownShell();
    const shell = pathForShell(this.#program, platform);
    const line = shellLine(command, { shell, variables, ...files, ...place });
    const lasting = this.#open(this.#program);
    const started = Date.now();
    const start = performance.now();
    const answered = lasting.ask(line);
    const telling = this.#tellLive(options, started);
    const { stop, signal } = await this.#watched(answered, options, () =>
      this.#end(lasting, id, answered),
    ).finally(() => clearInterval(telling));
    const status = await answered;
    const ms = performance.now() - start;
    if (lasting.ended) await endProcesses(this.#all(), 0);
    if (this.#closing !== undefined) throw new Error('the shell is closed');
    const isLost = stop !== 'abort' && !this.#hasRoom();
    const isLeft = stop === 'abort' || isLost;
    const most = isLeft ? 0 : (options.outputBytes ?? Number.POSITIVE_INFINITY);
    const [out, err] = [this.#stdout.stat(), this.#stderr.stat()];
    const isLong = Math.max(out.size, err.size) > most;
    const shared = stop !== undefined || (command.includes('&') && !isPlainCommand(command));
    const moved = join(this.#options.folder, id);
    const stdout = this.#stdout.take(out, most, `${moved}.stdout`, shared);
    const stderr = this.#stderr.take(err, most, `${moved}.stderr`, shared);
    if (stop === 'abort') throw options.signal?.reason;
    if (isLost) throw noRoom();
    const ended = stop ?? (isLong ? 'output' : 'exit');
    const how = ended === 'exit' ? status : { exit: -1, signal };
    return { ...how, stdout, stderr, started, ms, ended };
  }

  /**
   * Whether the disk has room for more output. Where it has none, what was written may be
   * incomplete: many programs do not look whether their writes succeed.
   */
  #hasRoom(): boolean {
    const at = performance.now();
    if (at < this.#roomyUntil) return true;
    const { bavail, bsize } = statfsSync(this.#options.folder);
    const free = bavail * bsize;
    if (free > PLENTY_BYTES) this.#roomyUntil = at + PLENTY_MS;
    return free > AMPLE_BYTES || (this.#stdout.takesMore() && this.#stderr.takesMore());
  }

  /** Tells what a command writes, from time to time, until the timer is cleared. */
  #tellLive({ live, outputBytes }: RunOptions, startedMs: number): NodeJS.Timeout | undefined {
    if (live === undefined) return undefined;
    const most = outputBytes ?? Number.POSITIVE_INFINITY;
    const readers = [
      { name: 'stdout' as const, reader: new LiveReader(this.#stdout, live.form, most) },
      { name: 'stderr' as const, reader: new LiveReader(this.#stderr, live.form, most) },
    ];
    return setInterval(() => {
      for (const { name, reader } of readers) {
        const piece = live.ready() ? reader.next() : null;
        if (piece !== null) live.tell({ name, startedMs, ...piece });
      }
    }, LIVE_MS);
  }

  /** Waits for an answer and ends the command if it comes to a limit before. */
  async #watched(
    answered: Promise<ExitStatus>,
    { outputBytes, timeoutMs, timeoutNow, signal, directory, folderBytes }: RunOptions,
    end: () => Promise<number>,
  ): Promise<{ stop: Stop | undefined; signal: number }> {
    let stop: Stop | undefined;
    let ending: Promise<number> | undefined;
    let isOver = false;
    const endOne = async (reason: Stop): Promise<number> => {
      // Who was kept from looking hears an answer that is here already: it was over in time.
      await turn();
      if (isOver) return 0;
      stop = reason;
      return end();
    };
    const endFor = (reason: Stop): void => {
      ending ??= endOne(reason);
    };
    const start = performance.now();
    let [looked, measuring] = [0, null as ReturnType<typeof measureTree> | null];
    const look = (): void => {
      looked += 1;
      const mostMs = timeoutNow === undefined ? timeoutMs : timeoutNow();
      if (mostMs !== null && performance.now() - start >= mostMs) endFor('timeout');
      const size = Math.max(this.#stdout.size(), this.#stderr.size());
      if (outputBytes !== null && size > outputBytes) endFor('output');
      if (directory === undefined || folderBytes === undefined) return;
      // A part of it at a time: a large folder is not to delay the other looks.
      if (looked % FOLDER_LOOKS === 0) measuring ??= measureTree(directory, folderBytes);
      const bytes = measuring?.next().value;
      if (typeof bytes !== 'number') return;
      measuring = null;
      if (bytes > folderBytes) endFor('folder');
    };
    // Without a limit, too: nothing else keeps this process alive while it waits.
    const looks = setInterval(look, LOOK_MS);
    const abort = (): void => endFor('abort');
    signal?.addEventListener('abort', abort);
    try {
      const { signal: own } = await answered;
      isOver = true;
      const sent = await ending;
      return { stop, signal: stop === undefined ? own : (sent ?? own) };
    } finally {
      clearInterval(looks);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Ends a command, and the shell if it has no answer then: the command may have stopped it. */
  async #end(lasting: LastingShell, id: string, answered: Promise<unknown>): Promise<number> {
    const signal = await endProcesses({ shell: lasting, mark: `${MARK}=${id}\0` }, GRACE_MS);
    const timer = setTimeout(() => void lasting.kill(), ANSWER_MS);
    await answered.catch(() => undefined);
    clearTimeout(timer);
    return signal;
  }

  #open(program: string): LastingShell {
    if (this.#lasting !== undefined && !this.#lasting.ended) return this.#lasting;
    const { directory, environment } = this.#options;
    const marked = { ...environment, [MARK]: `${this.#name}-` };
    this.#lasting = new LastingShell({ program, directory, environment: marked });
    return this.#lasting;
  }

  /** All that the commands of this shell started. */
  #all(): Belonging {
    return { shell: this.#lasting, mark: `${MARK}=${this.#name}-` };
  }

  async #close(): Promise<void> {
    await endProcesses(this.#all(), 0);
    await this.#lasting?.kill();
    await this.#running?.catch(() => undefined);
    this.#stdout.close();
    this.#stderr.close();
  }
}

/** It tells of this machine: another one may have room. */
function noRoom(): Error {
  const text = 'the disk is full: what the command wrote may be incomplete';
  return Object.assign(new Error(text), { code: 'ENOSPC' });
}

/** This system's shell. @throws Error with an errno when there is none */
function ownShell(): string {
  const { platform, env: environment } = process;
  const shell = systemShell({ platform, environment, exists: existsSync });
  if (shell !== null) return shell;
  const error = new Error('there is no sh.exe in a folder of the PATH; Git for Windows has one');
  throw Object.assign(error, { code: 'ENOENT' });
}
