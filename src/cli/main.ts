import { setImmediate } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { run } from './command-line.ts';
import type { Interrupt, Io } from './context.ts';
import { EXIT } from './exit-code.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Whether a standard stream was a terminal at the start: one that hung up is none any more. */
const HAS_TERMINAL = [0, 1, 2].some((fd) => isatty(fd));

/** A queue signals every process, and the one that started this one passes its own on. In ms. */
const ECHO_MS = 1000;

/** Runs this process's command line and ends the process with its exit code. */
export async function main(): Promise<void> {
  // Node opens its debugger at this signal, to anybody on this machine; batch queues send it, too.
  process.on('SIGUSR1', () => undefined);
  // Node takes back that nohup had it ignored; so it is ignored wherever no terminal can hang up.
  if (!HAS_TERMINAL) process.on('SIGHUP', () => undefined);
  // A reader that went away must not end the process before it has closed its peer.
  let lost: Error | null = null;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') lost = error;
  });
  process.stderr.on('error', () => undefined);
  const exitCode = await run(process.argv.slice(2), processIo());
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  // A write that failed is told a moment later.
  await setImmediate();
  process.exit(exitCode === EXIT.done && lost !== null ? toldLoss(lost) : exitCode);
}

/** What was to be on stdout is not there, and a script must not go on as if it were. */
function toldLoss({ message }: Error): number {
  process.stderr.write(`stdout: ${message}\n`);
  return EXIT.failed;
}

function processIo(): Io {
  const { stdout, stderr, stdin, env } = process;
  return { stdout, stderr, stdin, env, onInterrupt };
}

function onInterrupt(handler: (signal: Interrupt) => void): () => void {
  let first: { readonly signal: Interrupt; readonly at: number } | null = null;
  const mayEcho = process.env['MESHD_REEXEC'] === '1';
  const listener = (received: (typeof SIGNALS)[number]): void => {
    const at = performance.now();
    // A terminal that hangs up can do so twice, by its kernel and by its shell.
    const hangsUp = received === 'SIGHUP';
    if (hangsUp && (first !== null || !HAS_TERMINAL)) return;
    const signal = hangsUp ? 'SIGTERM' : received;
    if (first === null) {
      first = { signal, at };
      handler(signal);
    } else if (!mayEcho || signal !== first.signal || at - first.at > ECHO_MS) {
      process.exit(EXIT.interrupted);
    }
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableLength === 0) resolve();
    else stream.write('', () => resolve());
  });
}
