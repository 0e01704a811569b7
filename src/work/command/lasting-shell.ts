import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';

/** How a command ended. */
export interface ExitStatus {
  readonly exit: number;
  /** What killed it; 0: nothing did. */
  readonly signal: number;
}

/** Where a lasting shell runs. */
export interface LastingShellOptions {
  readonly program: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * The signals that a status tells of, as 128 and the signal's number. Those above, which are for
 * programs' own use, are too rare to take such an exit code from a program.
 */
const MOST_SIGNAL = 31;

/**
 * A subshell has its shell's idea of who its parent is: without this, a command that kills its
 * parent, as `kill $PPID`, would kill the process that started the shell. In bash the variable
 * cannot be set.
 */
const SETTING = '(PPID=$$) 2>/dev/null && PPID=$$\n';

/** A shell process that takes lines on its stdin and answers each with a status on its stdout. */
export class LastingShell {
  readonly #child: ChildProcess;
  #pending: PromiseWithResolvers<ExitStatus> | undefined;
  #answer = '';
  readonly #gone: PromiseWithResolvers<void> = Promise.withResolvers();
  #ended: ExitStatus | Error | undefined;

  constructor({ program, directory, environment }: LastingShellOptions) {
    // bash keeps to the standard if it is started by this name.
    const options = { argv0: 'sh', cwd: directory, env: environment };
    const child = spawn(program, [], { ...options, stdio: ['pipe', 'pipe', 'ignore'] });
    this.#child = child;
    child.on('error', (error) => this.#end(error));
    child.on('close', (code, signal) => this.#end(deathOf(code, signal)));
    // A failed write means that the shell is dying; its end is heard anyway.
    child.stdin.on('error', () => undefined);
    child.stdout.setEncoding('latin1').on('data', (text: string) => this.#hear(text));
    child.unref();
    for (const stream of [child.stdin, child.stdout]) {
      (stream as typeof stream & { unref?: () => void }).unref?.();
    }
    child.stdin.write(SETTING);
  }

  /** The process id; undefined when there is no such process. */
  get pid(): number | undefined {
    return this.ended ? undefined : this.#child.pid;
  }

  /** Says that it takes no more lines. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /**
   * Sends a line and resolves with the answer. If the shell is killed meanwhile, that is how the
   * command ended, too. One line at a time.
   * @throws Error when the shell does not start, or ends by itself: it has no process left to fork.
   */
  ask(line: string): Promise<ExitStatus> {
    this.#pending = Promise.withResolvers();
    const { promise } = this.#pending;
    if (this.#ended === undefined) this.#child.stdin?.write(line);
    else this.#end(this.#ended);
    return promise;
  }

  /** Ends the process at once, not what it started; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.ended) return;
    this.#child.ref();
    this.#child.kill('SIGKILL');
    await this.#gone.promise;
  }

  #hear(text: string): void {
    this.#answer += text;
    if (!this.#answer.endsWith('\n')) return;
    const status = Number(this.#answer);
    this.#answer = '';
    const isSignal = status > 128 && status <= 128 + MOST_SIGNAL;
    this.#pending?.resolve(
      isSignal ? { exit: 0, signal: status - 128 } : { exit: status, signal: 0 },
    );
    this.#pending = undefined;
  }

  #end(how: ExitStatus | Error): void {
    this.#ended ??= how;
    this.#gone.resolve();
    if (how instanceof Error) this.#pending?.reject(how);
    else this.#pending?.resolve(how);
    this.#pending = undefined;
  }
}

function deathOf(code: number | null, signal: NodeJS.Signals | null): ExitStatus | Error {
  if (signal !== null) return { exit: 0, signal: constants.signals[signal] };
  const error = new Error(`the shell ended by itself with status ${code}`);
  return Object.assign(error, { code: 'EAGAIN' });
}
