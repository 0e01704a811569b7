import { once } from 'node:events';
import { createReadStream, existsSync } from 'node:fs';
import type { OutputPiece } from '../../node/mesh.ts';
import type { CommandValue, MovedOutput } from '../../node/reports/command-result.ts';
import type { Io, Output } from '../context.ts';
import { formatBytes } from '../format.ts';
import type { Template } from '../parallel/template.ts';

/** How much of a command that runs stands on stdout and stderr already. */
interface Shown {
  readonly startedMs: number;
  stdout: number;
  stderr: number;
}

/**
 * Writes what commands left: stdout to stdout, stderr to stderr, each whole; what a command wrote
 * while it ran is not written again.
 */
export class OutputWriter {
  readonly #io: Io;
  readonly #tag: Template | null;
  readonly #shown = new Map<number, Shown>();
  readonly #written = new Set<number>();
  #turn: Promise<void> = Promise.resolve();
  /** Writes that have not ended. */
  #waiting = 0;

  /** tag: makes what each line of a command begins with, a tab behind it; null: nothing does. */
  constructor(io: Io, { tag }: { readonly tag: Template | null }) {
    this.#io = io;
    this.#tag = tag;
  }

  /** Writes a command's result: what was not written while it ran. */
  write(seq: number, args: readonly string[], value: CommandValue): Promise<void> {
    if (this.#waiting === 0 && isSilent(value)) {
      this.#shown.delete(seq);
      this.#written.add(seq);
      return this.#turn;
    }
    return this.#inTurn(async () => {
      const shown = this.#shown.get(seq);
      const isSame = shown?.startedMs === Math.round(value.started * 1000);
      this.#shown.delete(seq);
      this.#written.add(seq);
      const tag = this.#tagOf(seq, args);
      const { stdout, stdoutBase64, stdoutFile, stderr, stderrBase64, stderrFile } = value;
      const [out, err] = isSame ? [shown.stdout, shown.stderr] : [0, 0];
      await put(this.#io.stdout, tag, out, bytesOf(stdout, stdoutBase64, stdoutFile), stdoutFile);
      await put(this.#io.stderr, tag, err, bytesOf(stderr, stderrBase64, stderrFile), stderrFile);
      for (const [name, long] of Object.entries({ stdout: stdoutFile, stderr: stderrFile })) {
        if (long !== undefined && !existsSync(long.file)) this.#tellElsewhere(seq, name, long);
      }
    });
  }

  /** Writes a line of its own. */
  line(
    name: 'stdout' | 'stderr',
    { seq, args }: { readonly seq: number; readonly args: readonly string[] },
    text: string,
  ): Promise<void> {
    const bytes = Buffer.from(`${text}\n`);
    return this.#inTurn(() => put(this.#io[name], this.#tagOf(seq, args), 0, bytes));
  }

  #tellElsewhere(seq: number, name: string, { file, bytes }: MovedOutput): void {
    const size = formatBytes(bytes);
    const text = `command ${seq}: its ${name} of ${size} is in ${file} on the machine where it ran`;
    this.#io.stderr.write(`${text}\n`);
  }

  /**
   * Writes what a command wrote that still runs. One that follows on nothing that stands there is
   * left for the result.
   */
  piece(
    seq: number,
    args: readonly string[],
    { name, at, base64, startedMs }: OutputPiece,
  ): Promise<void> {
    return this.#inTurn(async () => {
      // It came late.
      if (this.#written.has(seq)) return;
      const before = this.#shown.get(seq);
      const isSame = before?.startedMs === startedMs;
      const shown = isSame ? before : { startedMs, stdout: 0, stderr: 0 };
      if (shown[name] !== at) return;
      const bytes = Buffer.from(base64, 'base64');
      shown[name] += bytes.length;
      this.#shown.set(seq, shown);
      await put(this.#io[name], this.#tagOf(seq, args), 0, bytes);
    });
  }

  #tagOf(seq: number, args: readonly string[]): string {
    return this.#tag === null ? '' : `${this.#tag(args, seq)}\t`;
  }

  /** One after the other: no line is mixed with another command's. */
  #inTurn(write: () => Promise<void>): Promise<void> {
    this.#waiting += 1;
    const turn = this.#turn.then(write).finally(() => {
      this.#waiting -= 1;
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }
}

/** Says whether a command wrote nothing at all. */
function isSilent(value: CommandValue): boolean {
  const { stdout, stdoutBase64, stdoutFile, stderr, stderrBase64, stderrFile } = value;
  const all = [stdout, stdoutBase64, stdoutFile, stderr, stderrBase64, stderrFile];
  return all.every((output) => output === undefined);
}

/** The bytes of an output that stands in the value; null for one that is in a file. */
export function bytesOf(text?: string, base64?: string, long?: MovedOutput): Uint8Array | null {
  if (long !== undefined) return null;
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return Buffer.from(text ?? '');
}

/** from: how many bytes of it stand there already. */
async function put(
  to: Output,
  tag: string,
  from: number,
  bytes: Uint8Array | null,
  long?: MovedOutput,
): Promise<void> {
  if (bytes !== null) {
    const rest = bytes.subarray(from);
    if (rest.length > 0) await drained(to, tag === '' ? rest : tagged(rest, tag).text);
    return;
  }
  if (long === undefined || !existsSync(long.file)) return;
  let isLineOpen = false;
  for await (const piece of createReadStream(long.file, { start: from })) {
    const part: Tagged | null = tag === '' ? null : tagged(piece as Buffer, tag, isLineOpen);
    isLineOpen = part?.isLineOpen ?? false;
    await drained(to, part === null ? (piece as Buffer) : part.text);
  }
}

/** A piece of output with its tags, a character for each byte. */
interface Tagged {
  readonly text: string;
  /** It ends within a line. */
  readonly isLineOpen: boolean;
}

function tagged(bytes: Uint8Array, tag: string, isLineOpen: boolean = false): Tagged {
  // Byte by byte: what is no UTF-8 stays as it is.
  const text = Buffer.from(bytes).toString('latin1');
  const mark = Buffer.from(tag).toString('latin1');
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  const whole = lines.map((line, k) => `${k === 0 && isLineOpen ? '' : mark}${line}\n`).join('');
  const isOpen = isLineOpen && lines.length === 0;
  const rest = last === '' ? '' : `${isOpen ? '' : mark}${last}`;
  return { text: whole + rest, isLineOpen: last !== '' || isOpen };
}

async function drained(to: Output, what: Uint8Array | string): Promise<void> {
  const bytes = typeof what === 'string' ? Buffer.from(what, 'latin1') : what;
  if (!to.write(bytes)) await once(to, 'drain');
}
