import { once } from 'node:events';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { run } from '../../src/cli/command-line.ts';
import type { Interrupt, Io } from '../../src/cli/context.ts';

/** What a command wrote, and its exit code. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs inside this process. */
export interface Running {
  readonly done: Promise<Ran>;
  /** As Ctrl-C, or another signal. */
  interrupt(signal?: Interrupt): void;
  /** Resolves once stderr has this text; rejects when the command ends without. */
  says(part: string): Promise<void>;
  /** Resolves with stdout once it has this text. */
  prints(part: string): Promise<string>;
}

export interface RunOptions {
  readonly stdin?: string | Readable;
  readonly env?: NodeJS.ProcessEnv;
  readonly stdout?: Writable;
}

/** Starts a command line inside this process. */
export function startCaptured(argv: readonly string[], options: RunOptions = {}): Running {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const { stdin = '' } = options;
  const handlers = new Set<(signal: Interrupt) => void>();
  const texts = { stdout: '', stderr: '' };
  stdout.on('data', (chunk) => {
    texts.stdout += chunk;
  });
  stderr.on('data', (chunk) => {
    texts.stderr += chunk;
  });
  const io: Io = {
    stdout: options.stdout ?? stdout,
    stderr,
    stdin: typeof stdin === 'string' ? Readable.from([stdin]) : stdin,
    env: options.env ?? {},
    onInterrupt(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  };
  const done = (async () => {
    const code = await run(argv, io);
    const ended = Promise.all([once(stdout, 'end'), once(stderr, 'end')]);
    stdout.end();
    stderr.end();
    await ended;
    return { code, ...texts };
  })();
  const over = async (): Promise<never> => {
    const { code, stderr: last } = await done;
    throw new Error(`it ended with exit code ${code}: ${last}`);
  };
  const data = (stream: PassThrough): Promise<unknown> =>
    Promise.race([once(stream, 'data'), over()]);
  return {
    done,
    interrupt(signal = 'SIGINT') {
      for (const handler of handlers) handler(signal);
    },
    async says(part) {
      while (!texts.stderr.includes(part)) await data(stderr);
    },
    async prints(part) {
      while (!texts.stdout.includes(part)) await data(stdout);
      return texts.stdout;
    },
  };
}

/** Runs a command line inside this process. */
export function runCaptured(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return startCaptured(argv, options).done;
}

/** A process that reads and writes nothing. */
export function nowhere(): Io {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  return {
    stdout,
    stderr,
    stdin: Readable.from(['']),
    env: {},
    onInterrupt: () => () => undefined,
  };
}
