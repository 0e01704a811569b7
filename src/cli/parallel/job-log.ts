import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { MeshError } from '../../core/mesh-error.ts';
import { isDiskFull } from '../../files/disk-full.ts';

/** A finished job, as a line of the log tells it. */
export interface LoggedJob {
  /** From 1, in the order of the arguments. */
  readonly seq: number;
  /** Where it ran; `:` is this machine. */
  readonly host: string;
  /** Since 1970. */
  readonly startedAtMs: number;
  readonly runtimeMs: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  readonly exit: number;
  /** Number of the signal that ended it; else 0. */
  readonly signal: number;
  readonly command: string;
}

/** How an earlier run of a job ended. */
export type LoggedExit = Pick<LoggedJob, 'exit' | 'signal' | 'command'>;

const TITLES = [
  ...['Seq', 'Host', 'Starttime', 'JobRuntime', 'Send'],
  ...['Receive', 'Exitval', 'Signal', 'Command'],
];
const HEADER = TITLES.join('\t');
/** Sizes, exit values and signals may be negative: GNU parallel writes -1 for what it has not. */
const LINE = /^([1-9]\d{0,14})\t[^\t]+\t *[\d.]+\t *-?[\d.]+\t-?\d+\t-?\d+\t(-?\d+)\t(\d+)\t(.*)$/s;
const READ_BYTES = 2 ** 20;

/** Writes GNU parallel's --joblog: a line for each job as it finishes, at once. */
export class JobLogWriter {
  readonly #path: string;
  #file: number | null;

  /**
   * Opens the file: `append` keeps the lines that it has, as --resume does.
   * @throws MeshError MESH_USAGE when it cannot be written
   */
  constructor(path: string, { append }: { readonly append: boolean }) {
    this.#path = path;
    if (path === '-') throw new MeshError('MESH_USAGE', '--joblog -: stdout is taken; name a file');
    try {
      this.#file = openSync(path, append ? 'a+' : 'w+');
    } catch (cause) {
      const text = `--joblog ${path}: it cannot be written (${(cause as Error).message})`;
      throw new MeshError('MESH_USAGE', text, { cause });
    }
    const last = lastByte(this.#file);
    if (last === null) this.#append(`${HEADER}\n`);
    else if (last !== '\n') this.#append('\n');
  }

  /** @throws MeshError MESH_DISK_FULL, or MESH_INTERNAL when the file takes no more */
  write(job: LoggedJob): void {
    this.#append(`${lineOf(job)}\n`);
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  #append(text: string): void {
    if (this.#file === null) throw new Error('the job log is closed');
    const bytes = Buffer.from(text);
    try {
      let done = 0;
      while (done < bytes.length) done += writeSync(this.#file, bytes, done);
    } catch (cause) {
      const isFull = isDiskFull(cause);
      const reason = isFull ? 'the disk is full; free some space' : (cause as Error).message;
      const code = isFull ? 'MESH_DISK_FULL' : 'MESH_INTERNAL';
      throw new MeshError(code, `--joblog ${this.#path}: ${reason}`, { cause });
    }
  }
}

function lineOf(job: LoggedJob): string {
  return [
    job.seq,
    job.host.replace(/\s/g, '_') || ':',
    (job.startedAtMs / 1000).toFixed(3),
    (Math.floor(job.runtimeMs) / 1000).toFixed(3).padStart(10),
    job.sentBytes,
    job.receivedBytes,
    job.exit,
    job.signal,
    // A line break would end the line.
    job.command.replaceAll('\n', '\0'),
  ].join('\t');
}

/** The last byte as a text; null if the file is empty. */
function lastByte(file: number): string | null {
  const { size } = fstatSync(file);
  if (size === 0) return null;
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, size - 1);
  return byte.toString('latin1');
}

/**
 * How the jobs of a log ended, by seq; of several lines of a job the last one. Empty if there is no
 * such file: nothing ran yet.
 * @throws MeshError MESH_USAGE for a line that is none of a log, with its number
 */
export function readJobLog(path: string): Map<number, LoggedExit> {
  const found = new Map<number, LoggedExit>();
  let number = 0;
  for (const line of linesOf(path)) {
    number += 1;
    if (line === HEADER) continue;
    const [, seq, exit, signal, command = ''] = LINE.exec(line) ?? [];
    if (seq === undefined) {
      const reason = `line ${number} is none of a job log: ${JSON.stringify(line.slice(0, 60))}`;
      throw new MeshError('MESH_USAGE', `--joblog ${path}: ${reason}; correct or remove it`);
    }
    const job = { exit: Number(exit), signal: Number(signal) };
    found.set(Number(seq), { ...job, command: command.replaceAll('\0', '\n') });
  }
  return found;
}

function* linesOf(path: string): Generator<string> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw unreadable(path, cause);
  }
  try {
    // A device such as /dev/null holds no log, and others have no end.
    if (fstatSync(file).isCharacterDevice()) return;
    const decoder = new StringDecoder('utf8');
    const buffer = Buffer.alloc(READ_BYTES);
    let rest = '';
    for (;;) {
      const bytes = readPart(file, buffer, path);
      if (bytes === 0) break;
      const lines = (rest + decoder.write(buffer.subarray(0, bytes))).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(file);
  }
}

function readPart(file: number, buffer: Buffer, path: string): number {
  try {
    return readSync(file, buffer);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): MeshError {
  const text = `--joblog ${path}: it cannot be read (${(cause as Error).message})`;
  return new MeshError('MESH_USAGE', text, { cause });
}
