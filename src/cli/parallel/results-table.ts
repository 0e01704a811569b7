import { once } from 'node:events';
import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { MeshError } from '../../core/mesh-error.ts';
import { isDiskFull } from '../../files/disk-full.ts';
import type { LoggedJob } from './job-log.ts';

/** The forms of a table, by the ending of its name. */
type Form = 'csv' | 'tsv' | 'json';

/** A finished job with all that it left. */
export interface TableRow extends LoggedJob {
  readonly args: readonly string[];
  /** Bytes, or the path of a file that has them. */
  readonly stdout: Uint8Array | string;
  readonly stderr: Uint8Array | string;
}

const TITLES = [
  ...['Seq', 'Host', 'Starttime', 'JobRuntime', 'Send'],
  ...['Receive', 'Exitval', 'Signal', 'Command'],
];

/** The form of a name that is one file for all output (--results); null: it is a folder's. */
export function tableForm(name: string): Form | null {
  const [, ending] = /\.(csv|tsv|json)$/i.exec(name) ?? [];
  return (ending?.toLowerCase() as Form | undefined) ?? null;
}

/**
 * One file with a row for each job: what GNU parallel's --results writes for a name that ends in
 * `.csv`, `.tsv` or `.json`; `-.csv` and so on are stdout. Bytes of outputs stand as they are. The
 * file is emptied first.
 */
export class ResultsTable {
  readonly #path: string;
  readonly #form: Form;
  readonly #columns: readonly string[];
  readonly #stdout: Writable | null;
  #file: number | null = null;
  #hasTitles = false;

  /**
   * columns: what a header calls the arguments; else they are V1, V2 …
   * @throws MeshError MESH_USAGE when it cannot be written
   */
  constructor(path: string, form: Form, stdout: Writable, columns: readonly string[] = []) {
    this.#path = path;
    this.#form = form;
    this.#columns = columns;
    this.#stdout = path.toLowerCase() === `-.${form}` ? stdout : null;
    if (this.#stdout !== null) return;
    try {
      this.#file = openSync(path, 'w');
    } catch (cause) {
      const text = `--results ${path}: it cannot be written (${(cause as Error).message})`;
      throw new MeshError('MESH_USAGE', text, { cause });
    }
  }

  /** @throws MeshError MESH_DISK_FULL, or MESH_INTERNAL when the file takes no more */
  async write(row: TableRow): Promise<void> {
    try {
      if (this.#form === 'json') await this.#object(row);
      else await this.#fields(row, this.#form === 'csv' ? ',' : '\t');
    } catch (cause) {
      const isFull = isDiskFull(cause);
      const reason = isFull ? 'the disk is full; free some space' : (cause as Error).message;
      const code = isFull ? 'MESH_DISK_FULL' : 'MESH_INTERNAL';
      throw new MeshError(code, `--results ${this.#path}: ${reason}`, { cause });
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  async #fields(row: TableRow, separator: string): Promise<void> {
    const { args, stdout, stderr } = row;
    if (!this.#hasTitles) {
      this.#hasTitles = true;
      const names = args.map((_, k) => this.#columns[k] ?? `V${k + 1}`);
      const titles = [...TITLES, ...names, 'Stdout', 'Stderr'];
      await this.#put(`${titles.map((name) => field(name, separator)).join(separator)}\n`);
    }
    const { startedAt, runtime } = timesOf(row);
    const figures = [row.seq, row.host, startedAt, runtime, row.sentBytes, row.receivedBytes];
    const texts = [...figures.map(String), String(row.exit), String(row.signal), row.command];
    const fields = [...texts, ...args].map((text) => field(text, separator));
    await this.#put(fields.join(separator));
    for (const output of [stdout, stderr]) {
      await this.#put(separator);
      const quote = (await isPlain(output, separator)) ? '' : '"';
      await this.#put(quote);
      for await (const piece of piecesOf(output)) await this.#put(piece.replaceAll('"', '""'));
      await this.#put(quote);
    }
    await this.#put('\n');
  }

  async #object(row: TableRow): Promise<void> {
    const { startedAt, runtime } = timesOf(row);
    const head = [
      `"Seq": ${row.seq}, "Host": "${inJson(bytesOf(row.host))}", "Starttime": ${startedAt}, `,
      `"JobRuntime": ${runtime}, "Send": ${row.sentBytes}, "Receive": ${row.receivedBytes}, `,
      `"Exitval": ${row.exit}, "Signal": ${row.signal}, `,
      `"Command": "${inJson(bytesOf(row.command))}", `,
      `"V": [ ${row.args.map((text) => `"${inJson(bytesOf(text))}"`).join(',')} ], `,
    ];
    await this.#put(`{ ${head.join('')}"Stdout": "`);
    for await (const piece of piecesOf(row.stdout)) await this.#put(inJson(piece));
    await this.#put('", "Stderr": "');
    for await (const piece of piecesOf(row.stderr)) await this.#put(inJson(piece));
    await this.#put('" }\n');
  }

  /** text: a sign for each byte. */
  async #put(text: string): Promise<void> {
    const bytes = Buffer.from(text, 'latin1');
    if (bytes.length === 0) return;
    if (this.#stdout !== null) {
      if (!this.#stdout.write(bytes)) await once(this.#stdout, 'drain');
      return;
    }
    if (this.#file === null) throw new Error('the table is closed');
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
  }
}

/** A text as a sign for each of its bytes. */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** What Perl takes for white space in bytes, and what else is quoted beside the separator. */
const QUOTED = /[ \t\n\v\f\r"\0]/;

function isQuoted(bytes: string, separator: string): boolean {
  return QUOTED.test(bytes) || bytes.includes(separator);
}

function field(text: string, separator: string): string {
  const bytes = bytesOf(text);
  return isQuoted(bytes, separator) ? `"${bytes.replaceAll('"', '""')}"` : bytes;
}

async function isPlain(output: Uint8Array | string, separator: string): Promise<boolean> {
  for await (const piece of piecesOf(output)) if (isQuoted(piece, separator)) return false;
  return true;
}

async function* piecesOf(output: Uint8Array | string): AsyncGenerator<string> {
  if (typeof output !== 'string') yield Buffer.from(output).toString('latin1');
  else
    for await (const piece of createReadStream(output)) yield (piece as Buffer).toString('latin1');
}

function inJson(text: string): string {
  return text
    .replace(/["\\]/g, '\\$&')
    .replace(/[^ -\xff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function timesOf({ startedAtMs, runtimeMs }: LoggedJob): { startedAt: string; runtime: string } {
  return {
    startedAt: (startedAtMs / 1000).toFixed(3),
    runtime: (Math.floor(runtimeMs) / 1000).toFixed(3),
  };
}
