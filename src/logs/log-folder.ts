import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LogLine } from '../core/log-line.ts';
import { decodeLine } from './line-text.ts';

/** A file of lines; no line is added to one of an earlier start. */
interface Chunk {
  readonly number: number;
  bytes: number;
  /** When it was last written to, in ms since 1970. */
  at: number;
}

/** Where reading one folder stands: what was there at one moment. */
export interface FolderView {
  readonly dropped: number;
  readonly chunks: readonly Readonly<Chunk>[];
}

/** Files of a folder at most: each start begins a new one. */
const MOST_CHUNKS = 256;
/** The file with the number of lines that are gone. */
const DROPPED = 'dropped';

/** The log of one computation: a folder of files of lines, the oldest of which make room. */
export class LogFolder {
  readonly path: string;
  readonly #chunkBytes: number;
  #chunks: Chunk[];
  #dropped: number;
  /** The chunk that lines are added to; null: a new one is begun. */
  #open: Chunk | null = null;
  #made = false;

  private constructor(path: string, chunkBytes: number, chunks: Chunk[], dropped: number) {
    this.path = path;
    this.#chunkBytes = chunkBytes;
    this.#chunks = chunks;
    this.#dropped = dropped;
  }

  /** chunkBytes: when a file has as many, the next one is begun. */
  static async open(path: string, chunkBytes: number): Promise<LogFolder> {
    const chunks: Chunk[] = [];
    let dropped = 0;
    for (const name of await namesIn(path)) {
      if (name === DROPPED) dropped = Number(await readFile(join(path, name), 'utf8')) || 0;
      const number = /^(\d{1,15})\.ndjson$/.exec(name)?.[1];
      if (number === undefined) continue;
      const { size, mtimeMs } = await stat(join(path, name));
      chunks.push({ number: Number(number), bytes: size, at: mtimeMs });
    }
    chunks.sort((a, b) => a.number - b.number);
    return new LogFolder(path, chunkBytes, chunks, dropped);
  }

  get bytes(): number {
    return this.#chunks.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** When its oldest file was last written to; infinite without one that could make room. */
  get oldestAt(): number {
    return this.#chunks[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  /** When it was last written to; 0: it has nothing. */
  get newestAt(): number {
    return this.#chunks.at(-1)?.at ?? 0;
  }

  get isCrowded(): boolean {
    return this.#chunks.length > MOST_CHUNKS;
  }

  view(): FolderView {
    return { dropped: this.#dropped, chunks: this.#chunks.map((chunk) => ({ ...chunk })) };
  }

  /** Adds whole lines. After a failure, which may leave half a line, another file is begun. */
  async append(text: string, at: number): Promise<void> {
    if (!this.#made) await makeFolder(this.path);
    this.#made = true;
    if (this.#open !== null && this.#open.bytes >= this.#chunkBytes) this.#open = null;
    if (this.#open === null) {
      this.#open = { number: (this.#chunks.at(-1)?.number ?? 0) + 1, bytes: 0, at };
      this.#chunks.push(this.#open);
    }
    const chunk = this.#open;
    try {
      await appendFile(this.#fileOf(chunk), text, { mode: 0o600 });
      chunk.bytes += Buffer.byteLength(text);
      chunk.at = at;
    } catch (error) {
      this.#open = null;
      // The folder may have been removed under it.
      this.#made = false;
      throw error;
    }
  }

  /** Removes the oldest file and counts its lines as dropped. */
  async dropOldest(): Promise<void> {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return;
    if (chunk === this.#open) this.#open = null;
    const file = this.#fileOf(chunk);
    const text = await readFile(file, 'latin1').catch(() => '');
    this.#dropped += text.split('\n').length - 1;
    await rm(file, { force: true });
    await writeFile(join(this.path, DROPPED), `${this.#dropped}\n`, { mode: 0o600 });
  }

  async remove(): Promise<void> {
    this.#chunks = [];
    this.#open = null;
    this.#made = false;
    this.#dropped = 0;
    await rm(this.path, { recursive: true, force: true });
  }

  /** The lines that were there at a moment, one file at a time, but for those removed since. */
  async *lines({ chunks }: FolderView): AsyncGenerator<readonly LogLine[]> {
    for (const chunk of chunks) {
      const bytes = await readFile(this.#fileOf(chunk)).catch(() => Buffer.alloc(0));
      const text = bytes.subarray(0, chunk.bytes).toString('utf8');
      yield text.split('\n').flatMap((line) => decodeLine(line) ?? []);
    }
  }

  #fileOf({ number }: Chunk): string {
    return join(this.path, `${number}.ndjson`);
  }
}

/** Makes a folder for this user alone; the one that it lies in is there, or it fails. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Empty for a folder that is not there. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
