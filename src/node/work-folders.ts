import { mkdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ComputationId, PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { folderOfOutputs } from '../files/return-pattern.ts';
import { takeMade } from '../files/take-made.ts';
import { removeBehind } from '../work/sandbox/remove-tree.ts';
import { OPEN } from '../work/sandbox/sandbox.ts';
import type { WorkInputs } from '../work/workforce.ts';
import type { FileService } from './file-service.ts';
import { filesOfItem, type ItemFiles, type SentFile, sendingOf } from './sent-files.ts';

/** Pauses between tries to fetch an input that nobody has now, in ms. */
const AGAIN_MS = [500, 1000, 2000, 4000];

/** A working folder, and what was put into it. */
interface WorkFolder {
  readonly index: number;
  /** Holds `work`, where the command runs, and `made`, a store of what it made. */
  readonly path: string;
  readonly sends: readonly SentFile[];
  /** Its inputs are not kept longer than it. */
  readonly cleanup: boolean;
}

type Log = (level: 'warn' | 'debug', event: string, fields: object) => void;

/** Which command a folder is for. */
interface Place {
  readonly index: number;
  readonly execution: number;
  readonly cleanup: boolean;
  readonly owner: PeerId;
  /** The folder of all commands of the computation. */
  readonly common: string;
}

/**
 * Makes the folders that commands run in whose files are sent, with their inputs in them.
 * Executors may be held so that they reach nothing of this machine but the folder of their
 * computation: what commands made is taken from there.
 */
export class WorkFolders {
  readonly #files: FileService;
  readonly #folder: string;
  readonly #self: PeerId;
  readonly #log: Log;
  readonly #open = new Map<number, WorkFolder[]>();
  #count = 0;

  /** folder: where they are made; in the same file system as the files, and emptied by others. */
  constructor(files: FileService, folder: string, self: PeerId, log: Log) {
    this.#files = files;
    this.#folder = folder;
    this.#self = self;
    this.#log = log;
  }

  /**
   * What an execution needs: of commands that run in folders of their own, items are completed one
   * at a time by such a folder.
   */
  inputsOf(execution: number, inputs: WorkInputs, owner: PeerId | null): WorkInputs {
    const { items } = inputs;
    if (inputs.commands !== true || owner === null || items === undefined) return inputs;
    if (!sendingOf(inputs.program).transfer) return inputs;
    const { cleanup } = JSON.parse(inputs.params) as { cleanup?: unknown };
    const common = this.#commonOf(inputs.computation);
    mkdirSync(common, { recursive: true, mode: 0o700 });
    this.#open.set(execution, []);
    const { sandbox = OPEN } = inputs;
    return {
      ...inputs,
      sandbox: { ...sandbox, writes: [...sandbox.writes, common].sort() },
      itemsAtOnce: 1,
      items: async (lo, hi) => {
        const texts = await items(lo, hi);
        const completed: string[] = [];
        for (const [k, text] of texts.entries()) {
          const files = filesOfItem(text);
          if (files === null) throw new Error('the files of an item are malformed');
          const place = { index: lo + k, execution, cleanup: cleanup === true, owner, common };
          const how = await this.#fill(files, place);
          completed.push(JSON.stringify({ ...(JSON.parse(text) as object), ...how }));
        }
        return completed;
      },
    };
  }

  /** Indices below `hi` have their outcomes: what their commands made is kept, the rest goes. */
  done(execution: number, hi: number): void {
    const folders = this.#open.get(execution) ?? [];
    const left = folders.filter(({ index }) => index >= hi);
    for (const folder of folders) {
      if (folder.index >= hi) continue;
      this.#take(folder);
      this.#remove(folder);
    }
    if (this.#open.has(execution)) this.#open.set(execution, left);
  }

  /** An execution is over: what it left goes. */
  over(execution: number): void {
    for (const folder of this.#open.get(execution) ?? []) this.#remove(folder);
    this.#open.delete(execution);
  }

  async #fill({ sends, returns }: ItemFiles, place: Place): Promise<object> {
    const { index, execution, cleanup, owner, common } = place;
    this.#count += 1;
    const path = join(common, `command-${this.#count}`);
    const work = join(path, 'work');
    const folder: WorkFolder = { index, path, sends, cleanup };
    const folders = this.#open.get(execution);
    // It was stopped meanwhile.
    if (folders === undefined) throw new Error('the execution is over');
    folders.push(folder);
    await mkdir(work, { recursive: true, mode: 0o700 });
    for (const one of returns) await mkdir(join(work, folderOfOutputs(one)), { recursive: true });
    for (const file of sends) {
      if (!this.#open.has(execution)) break;
      const problem = await this.#bring(file, work, owner, () => this.#open.has(execution));
      if (problem !== null) return { problem, place: null };
    }
    // It was stopped meanwhile, and what was written since was not removed.
    if (!this.#open.has(execution)) this.#remove(folder);
    return { problem: null, place: { folder: work, store: join(path, 'made') } };
  }

  /** Puts one input into a folder. A text says why that will never be. */
  async #bring(
    { inside, hash }: SentFile,
    folder: string,
    owner: PeerId,
    isWanted: () => boolean,
  ): Promise<string | null> {
    const gone = `its input ${inside} is gone, or was changed since it was published`;
    for (let tried = 0; ; tried++) {
      try {
        await this.#files.bring({ hash, likely: [], owner }, join(folder, inside), { sync: false });
        return null;
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
        const isOwn = owner === this.#self;
        if (error.code === 'MESH_NO_FILE' || isOwn) return gone;
        const pauseMs = AGAIN_MS[tried];
        this.#log('debug', 'input.missing', { inside, hash, why: error.message });
        if (pauseMs === undefined || !isWanted()) throw error;
        await sleep(pauseMs, undefined, { signal: this.#files.signal });
      }
    }
  }

  /** Nothing of a computation runs here any more. */
  forget(computation: ComputationId): void {
    void removeBehind(this.#commonOf(computation));
  }

  /** An executor may see this folder alone: it stays as long as there may be one. */
  #commonOf(computation: ComputationId): string {
    return join(this.#folder, computation.slice(0, 16));
  }

  #take({ path }: WorkFolder): void {
    try {
      takeMade(join(path, 'made'), this.#files.folder);
    } catch (error) {
      // A full disk. Its publisher will not find what was made here, and say so.
      this.#log('warn', 'output.lost', { path, why: String(error) });
    }
  }

  #remove({ path, sends, cleanup }: WorkFolder): void {
    const work = async (): Promise<void> => {
      await removeBehind(path);
      if (!cleanup) return;
      const used = new Set([...this.#open.values()].flat().flatMap((other) => other.sends));
      const hashes = new Set([...used].map(({ hash }) => hash));
      for (const { hash } of sends) if (!hashes.has(hash)) await this.#files.store.drop(hash);
    };
    work().catch((error: unknown) => {
      this.#log('warn', 'folder.left', { path, why: String(error) });
    });
  }
}
