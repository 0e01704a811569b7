import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { CommandValue, MovedOutput } from '../../node/command-result.ts';
import type { Io, Output } from '../context.ts';

/** Writes what commands left: stdout to stdout, stderr to stderr, each whole and in order. */
export class OutputWriter {
  readonly #io: Io;
  readonly #tagged: boolean;

  /** tagged: each line begins with the arguments of its command. */
  constructor(io: Io, { tagged }: { readonly tagged: boolean }) {
    this.#io = io;
    this.#tagged = tagged;
  }

  async write(args: readonly string[], value: CommandValue): Promise<void> {
    const tag = this.#tagged ? `${args.join(' ')}\t` : '';
    await put(this.#io.stdout, tag, value.stdout, value.stdoutBase64, value.stdoutFile);
    await put(this.#io.stderr, tag, value.stderr, value.stderrBase64, value.stderrFile);
  }
}

/** The bytes of an output that stands in the value; null for one that is in a file. */
export function bytesOf(text?: string, base64?: string, long?: MovedOutput): Uint8Array | null {
  if (long !== undefined) return null;
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return Buffer.from(text ?? '');
}

async function put(
  to: Output,
  tag: string,
  text?: string,
  base64?: string,
  long?: MovedOutput,
): Promise<void> {
  const bytes = bytesOf(text, base64, long);
  if (bytes !== null) {
    if (bytes.length > 0) await drained(to, tag === '' ? bytes : tagged(bytes, tag).text);
    return;
  }
  let isLineOpen = false;
  for await (const piece of createReadStream(long?.file ?? '')) {
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
