import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeBytes } from './describe.ts';
import { encodeDescription, type FileHash, fileHash } from './description.ts';

/** `PROCESS-START-RANDOM`, of the process that reads stdin. */
const NAME = /^(\d+)-(\d+)-[0-9a-f]{12}$/;

/** The file that names the jobs a folder's blocks are for, a line each. */
const JOBS = 'jobs';

/** Who may read and write a block. */
const MODE = 0o600;

/** Blocks of more bytes have a file that describes them; others are described when asked for. */
const SMALL_BYTES = 64 * 1024;

/** Field of /proc/PID/stat behind the program's name: when the process started. */
const START_FIELD = 19;

/** What was swept of blocks. */
export interface SweptBlocks {
  readonly bytes: number;
  readonly jobs: readonly string[];
}

/**
 * What runs of `run --pipe` keep of stdin until their commands are over, in a folder of the home: a
 * folder for each run, so that none takes another's away. HASH.data: what is in a block.
 * HASH.file: the description of a large one; a small one's is made of what is in it, since files
 * cost more than that.
 */
export class BlockFolders {
  readonly #folder: string;

  /** folder: it need not be there. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The encoded description of a block; null when there is none, or its run is over meanwhile. */
  async description(hash: FileHash): Promise<Uint8Array | null> {
    const data = await this.find(hash);
    if (data === null) return null;
    const encoded = await readFile(fileBeside(data)).catch(() => null);
    if (encoded !== null) return encoded;
    const size = (await stat(data).catch(() => null))?.size ?? Number.POSITIVE_INFINITY;
    const block = size > SMALL_BYTES ? null : await readFile(data).catch(() => null);
    return block === null ? null : encodeDescription(describeBytes(block, MODE));
  }

  /** The path of what is in a block, in whatever run's folder; null: in none. */
  async find(hash: FileHash): Promise<string | null> {
    for (const run of await this.#runs()) {
      const path = join(this.#folder, run, `${hash}.data`);
      if ((await stat(path).catch(() => null)) !== null) return path;
    }
    return null;
  }

  /** A new folder for the blocks that this process reads. */
  async make(): Promise<BlockFolder> {
    const start = (await startOf(process.pid)) ?? '0';
    const name = `${process.pid}-${start}-${randomBytes(6).toString('hex')}`;
    const path = join(this.#folder, name);
    await mkdir(path, { recursive: true, mode: 0o700 });
    return new BlockFolder(path);
  }

  /**
   * Removes what runs left whose process is gone, but for blocks of a job that `goesOn`. What
   * earlier versions kept here goes, too. What went, and the jobs whose blocks it was.
   */
  async sweep(goesOn: (job: string) => boolean): Promise<SweptBlocks> {
    const gone: string[] = [];
    let bytes = 0;
    for (const name of await this.#runs()) {
      const [, process, start = ''] = NAME.exec(name) ?? [];
      const path = join(this.#folder, name);
      if (process !== undefined && (await isAlive(Number(process), start))) continue;
      const text = await readFile(join(path, JOBS), 'utf8').catch(() => '');
      const jobs = text.split('\n').filter((job) => job !== '');
      if (jobs.some(goesOn)) continue;
      bytes += await bytesIn(path);
      await rm(path, { recursive: true, force: true });
      gone.push(...jobs);
    }
    return { bytes, jobs: gone };
  }

  async #runs(): Promise<string[]> {
    return readdir(this.#folder).catch(() => []);
  }
}

/** The blocks of one run. */
export class BlockFolder {
  readonly #path: string;
  /** How often each is there: equal blocks are kept once. */
  readonly #counts = new Map<FileHash, number>();
  /** One change after the other: a block may come again while it goes. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** Keeps a block. Its name and size. @throws what the system says */
  async keep(block: Uint8Array): Promise<{ readonly hash: FileHash; readonly bytes: number }> {
    const description = describeBytes(block, MODE);
    const hash = fileHash(description);
    await this.#inTurn(async () => {
      const count = this.#counts.get(hash) ?? 0;
      if (count === 0) {
        // Whoever finds what is in it finds its description, too.
        if (block.length > SMALL_BYTES) {
          await this.#write(`${hash}.file`, encodeDescription(description));
        }
        await this.#write(`${hash}.data`, block);
      }
      this.#counts.set(hash, count + 1);
    });
    return { hash, bytes: block.length };
  }

  /** Gives one block's place on the disk back, unless an equal one is still there. */
  drop(hash: FileHash): Promise<void> {
    return this.#inTurn(async () => {
      const left = (this.#counts.get(hash) ?? 0) - 1;
      if (left > 0) {
        this.#counts.set(hash, left);
        return;
      }
      this.#counts.delete(hash);
      const data = join(this.#path, `${hash}.data`);
      for (const path of [data, fileBeside(data)]) await unlink(path).catch(unlessMissing);
    });
  }

  /** Says which jobs the blocks are for, should this process not be there until their end. */
  async isFor(jobs: readonly string[]): Promise<void> {
    await this.#write(JOBS, jobs.map((job) => `${job}\n`).join(''));
  }

  /** Removes all of it. */
  async remove(): Promise<void> {
    await rm(this.#path, { recursive: true, force: true });
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(change);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #write(name: string, what: Uint8Array | string): Promise<void> {
    const path = join(this.#path, name);
    await writeFile(`${path}.new`, what, { mode: MODE });
    await rename(`${path}.new`, path);
  }
}

/** Where the description of a block is, if it has a file. */
function fileBeside(data: string): string {
  return data.replace(/\.data$/, '.file');
}

function unlessMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** What a folder's files hold, or a file. */
async function bytesIn(path: string): Promise<number> {
  const names = await readdir(path).catch(() => ['']);
  const sizes = names.map((name) =>
    stat(join(path, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Says whether a process is there, and is the one that started then; 0: when is not known. */
async function isAlive(id: number, start: string): Promise<boolean> {
  try {
    process.kill(id, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const found = await startOf(id);
  return start === '0' || found === null || found === start;
}

/** When a process started, in ticks since the machine did; null where the system does not say. */
async function startOf(id: number): Promise<string | null> {
  const text = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => null);
  if (text === null) return null;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  // One that has ended and whose parent has not asked how is none any more.
  return fields[0] === 'Z' ? '' : (fields[START_FIELD] ?? null);
}
