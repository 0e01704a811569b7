import type { Readable, Writable } from 'node:stream';
import { visible } from './format.ts';

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The process as a command sees it; tests give their own. */
export interface Io {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: Readable;
  readonly env: NodeJS.ProcessEnv;
  /**
   * Calls back at the first SIGINT or SIGTERM, or, as SIGTERM, when the terminal hangs up; the
   * second one ends the process.
   */
  onInterrupt(handler: (signal: Interrupt) => void): () => void;
}

/** A signal by which a command is told to end. */
export type Interrupt = 'SIGINT' | 'SIGTERM';

/** What every verb is given. */
export interface Context {
  readonly io: Io;
  /** Absolute. */
  readonly home: string;
  /** What names the home in a command that a person is to type: ` --home DIR`, or nothing. */
  readonly homeWords: string;
  readonly json: boolean;
}

/** Writes to stdout: one JSON line with --json, else the text. */
export function print(context: Context, text: string, json: unknown): void {
  context.io.stdout.write(`${context.json ? JSON.stringify(json) : text}\n`);
}

/** Tells a person something on stderr: an event with --json, else the text. */
export function tell(context: Context, text: string, json: object): void {
  context.io.stderr.write(`${context.json ? JSON.stringify(json) : text}\n`);
}

/** Warns a person on stderr; the line may hold anything. */
export function warn(context: Context, line: string): void {
  tell(context, `warning: ${visible(line)}`, { level: 'warn', event: 'warning', message: line });
}

/** A signal that aborts on the first interrupt, until `release` is called. */
export function interruptSignal(io: Io): { signal: AbortSignal; release: () => void } {
  const stop = new AbortController();
  return { signal: stop.signal, release: io.onInterrupt(() => stop.abort()) };
}
