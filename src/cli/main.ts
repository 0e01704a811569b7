import type { Io } from './context.ts';
import { EXIT } from './exit-code.ts';
import { run } from './run.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** Runs this process's command line and ends the process with its exit code. */
export async function main(): Promise<void> {
  // A reader that went away must not end the process before it has closed its peer.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  const exitCode = await run(process.argv.slice(2), processIo());
  await Promise.all([drained(process.stdout), drained(process.stderr)]);
  process.exit(exitCode);
}

function processIo(): Io {
  const { stdout, stderr, stdin, env } = process;
  return { stdout, stderr, stdin, env, onInterrupt };
}

function onInterrupt(handler: () => void): () => void {
  let seen = 0;
  const listener = (): void => {
    seen++;
    if (seen === 1) handler();
    else process.exit(EXIT.interrupted);
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
