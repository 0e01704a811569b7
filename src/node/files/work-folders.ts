import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ComputationId, PeerId } from '../../core/ids.ts';
import { MeshError } from '../../core/mesh-error.ts';
import type { FileHash } from '../../files/description.ts';
import { folderOfOutputs, type ReturnPattern } from '../../files/return-pattern.ts';
import { isFolder, takeMade } from '../../files/take-made.ts';
import { ItemError } from '../../work/item-error.ts';
import { removeBehind, removeOwn } from '../../work/sandbox/remove-tree.ts';
import { OPEN } from '../../work/sandbox/sandbox.ts';
import type { WorkInputs } from '../../work/workforce.ts';
import { clearComputationFolder } from './computation-folder.ts';
import type { FileService } from './file-service.ts';
import { InputFaults, unwritten } from './input-faults.ts';
import { filesOfItem, type ItemFiles, type SentFile, sendingOf } from './sent-files.ts';

/** Pauses between tries to fetch an input that nobody has now, in ms. */
const AGAIN_MS = [500, 1000, 2000, 4000];

/** After an input could not be written, before the next try or giving it up here, in ms. */
const FAULT_MS = 5000;

/** A pause looks so often whether it is still wanted, in ms. */
const STEP_MS = 1000;

/** What may be in a working folder when nobody says otherwise: 10 GB, inputs included. */
export const FOLDER_BYTES = 10_000_000_000;

/** Times that an input is tried to be written. */
const WRITES = 2;

/** A working folder, and what was put into it. */
interface WorkFolder {
  readonly index: number;
  /** Out of the reach of commands: there it is made before it is given, and taken back to. */
  readonly aside: string;
  /** Holds `work`, where the command runs, and `made`, a store of what it made. */
  readonly path: string;
  readonly sends: readonly SentFile[];
  /** It is not there, but for what its command may have put into `made`. */
  readonly isBare: boolean;
}

/** An order of commands that run in folders of their own. */
interface Execution {
  /** What it was sent is not kept. */
  readonly cleanup: boolean;
  readonly computation: ComputationId;
  readonly owner: PeerId;
  /** The folder of all commands of the computation. */
  readonly common: string;
  /** Its commands are somebody else's, and held. */
  readonly isHeld: boolean;
  /** They may read stdin's blocks where this home keeps them, for they are its own. */
  readonly readsBlocks: boolean;
  folders: WorkFolder[];
  /** What was fetched for it. */
  readonly sent: Set<FileHash>;
  isOver: boolean;
}

type Log = (level: 'warn' | 'debug', event: string, fields: object) => void;
type Items = NonNullable<WorkInputs['items']>;

interface WorkFolderOptions {
  readonly log: Log;
  readonly mostBytes?: number;
  readonly faultMs?: number;
  readonly againMs?: readonly number[];
  readonly faults?: InputFaults;
  readonly slots?: () => number;
}

/**
 * Makes the folders that commands run in whose files are sent, with their inputs in them.
 * Executors may be held so that they reach nothing of this machine but the folder of their
 * computation, where whatever lies may become a link at any time. So this peer writes, reads and
 * removes nothing there: a command's folder is made aside, renamed to there under a name that
 * nobody guesses, and renamed back when the command is over. A rename follows no link.
 */
export class WorkFolders {
  readonly #files: FileService;
  readonly #folder: string;
  readonly #self: PeerId;
  readonly #log: Log;
  readonly #faultMs: number;
  readonly #againMs: readonly number[];
  readonly #mostBytes: number;
  readonly #faults: InputFaults;
  readonly #slots: () => number;
  readonly #open = new Map<number, Execution>();

  /**
   * folder: where they are made; in the same file system as the files, and emptied by others.
   * mostBytes: what may be in one of them. @default 10 GB faultMs: the pause after an input could
   * not be written. @default 5000 againMs: the pauses of one round while nobody has an input.
   * @default 7.5 s in all slots: as many commands run at once. @default 1
   */
  constructor(files: FileService, folder: string, self: PeerId, options: WorkFolderOptions) {
    this.#files = files;
    this.#folder = folder;
    this.#self = self;
    this.#log = options.log;
    this.#faultMs = options.faultMs ?? FAULT_MS;
    this.#againMs = options.againMs ?? AGAIN_MS;
    this.#mostBytes = options.mostBytes ?? FOLDER_BYTES;
    this.#faults = options.faults ?? new InputFaults();
    this.#slots = options.slots ?? (() => 1);
  }

  /** Which inputs cannot be had, a line each. */
  notices(): string[] {
    return this.#faults.notices();
  }

  /**
   * What an execution needs: of commands that run in folders of their own, items are completed one
   * at a time by such a folder.
   */
  inputsOf(execution: number, inputs: WorkInputs, owner: PeerId | null): WorkInputs {
    const { items } = inputs;
    if (inputs.commands !== true || owner === null || items === undefined) return inputs;
    const { transfer, inPlace } = sendingOf(inputs.program);
    if (!transfer) return inputs;
    const { cleanup } = JSON.parse(inputs.params) as { cleanup?: unknown };
    const common = this.#commonOf(inputs.computation);
    for (const one of [common, this.#aside]) mkdirSync(one, { recursive: true, mode: 0o700 });
    const { sandbox = OPEN } = inputs;
    const opened: Execution = {
      ...{
        cleanup: cleanup === true,
        computation: inputs.computation,
        owner,
        common,
        isHeld: sandbox.tier !== 'none',
        readsBlocks: inPlace && sandbox.tier === 'none' && owner === this.#self,
      },
      ...{ folders: [], sent: new Set(), isOver: false },
    };
    this.#open.set(execution, opened);
    return {
      ...inputs,
      sandbox: {
        ...{ ...sandbox, writes: [...sandbox.writes, common].sort() },
        common: { folder: common, bytes: this.#mostBytes * Math.max(1, this.#slots()) },
      },
      ...(opened.readsBlocks ? {} : { itemsAtOnce: 1 }),
      items: async (lo, hi) => {
        const texts = await items(lo, hi);
        const completed: string[] = [];
        for (const [k, text] of texts.entries()) {
          const how = await this.#fill(filesOfItem(text), lo + k, opened);
          completed.push(JSON.stringify({ ...(JSON.parse(text) as object), ...how }));
          // Folders are made one at a time.
          if (opened.folders.at(-1)?.isBare !== true) break;
        }
        // It is only likely: there may be no next one, and what fails is told when it is needed.
        this.#fetchAhead(items, hi, opened).catch(() => undefined);
        return completed;
      },
    };
  }

  /** Indices below `hi` have their outcomes: what their commands made is kept, the rest goes. */
  done(execution: number, hi: number): void {
    const opened = this.#open.get(execution);
    if (opened === undefined) return;
    const done = opened.folders.filter(({ index }) => index < hi);
    opened.folders = opened.folders.filter(({ index }) => index >= hi);
    for (const folder of done) this.#end(folder, opened, { keeps: true });
  }

  /** An execution is over: what it left goes. */
  over(execution: number): void {
    const opened = this.#open.get(execution);
    if (opened === undefined) return;
    this.#open.delete(execution);
    opened.isOver = true;
    for (const folder of opened.folders) this.#end(folder, opened, { keeps: false });
    void this.#dropUnused(opened, opened.sent);
    if (!opened.isHeld) return;
    const { common } = opened;
    void clearComputationFolder(common, () =>
      [...this.#open.values()].some((one) => one.common === common),
    );
  }

  /** Makes the folder of a command. What completes its item: the folder, or why it has none. */
  async #fill(files: ItemFiles | null, index: number, opened: Execution): Promise<object> {
    if (files === null) return { problem: 'what it says of its files is malformed', place: null };
    // It was stopped meanwhile.
    if (opened.isOver) throw new Error('the execution is over');
    const { sends, returns } = files;
    const name = `command-${randomBytes(16).toString('hex')}`;
    const aside = join(this.#aside, name);
    const path = join(opened.common, name);
    const own = { folder: join(path, 'work'), store: join(path, 'made') };
    const block = await this.#blockOf(files, opened);
    const folder: WorkFolder = { index, aside, path, sends, isBare: block !== null };
    opened.folders.push(folder);
    const place = { ...own, mostBytes: this.#mostBytes };
    if (block !== null) return { problem: null, place: { ...place, block } };
    const fresh = join(aside, 'fresh');
    const work = join(fresh, 'work');
    try {
      await this.#makeFolders([aside, fresh, work], work, returns);
      for (const file of sends) {
        const problem = opened.isOver ? null : await this.#bring(file, work, opened);
        if (problem !== null) return { problem, place: null };
      }
      if (!opened.isOver) renameSync(fresh, path);
    } catch (error) {
      opened.folders = opened.folders.filter((one) => one !== folder);
      this.#end(folder, opened, { keeps: false });
      throw error;
    }
    // What was written since it was stopped was not removed.
    if (opened.isOver) this.#end(folder, opened, { keeps: false });
    return { problem: null, place };
  }

  /** Where the block lies that is all a command gets, and only reads; null: it needs a folder. */
  async #blockOf({ sends, stdin }: ItemFiles, opened: Execution): Promise<string | null> {
    if (!opened.readsBlocks || stdin === null || sends.length > 1) return null;
    return this.#files.store.blockAt(stdin.hash);
  }

  /** @throws ItemError when this machine cannot, after a pause. */
  async #makeFolders(
    own: readonly string[],
    work: string,
    returns: readonly ReturnPattern[],
  ): Promise<void> {
    try {
      for (const one of own) await mkdir(one, { mode: 0o700 });
      for (const one of returns) await mkdir(join(work, folderOfOutputs(one)), { recursive: true });
    } catch (error) {
      await sleep(this.#faultMs, undefined, { signal: this.#files.signal });
      const { code, message } = error as NodeJS.ErrnoException;
      throw new ItemError(`its working folder cannot be made: ${code ?? message}`);
    }
  }

  /** Fetches what the next command is likely to need, while this one runs. */
  async #fetchAhead(items: Items, next: number, opened: Execution): Promise<void> {
    // Its own are here.
    if (opened.readsBlocks) return;
    const [text] = await items(next, next + 1);
    const files = text === undefined ? null : filesOfItem(text);
    for (const { hash } of files?.sends ?? []) {
      if (opened.isOver) return;
      opened.sent.add(hash);
      try {
        await this.#files.fetch({ hash, likely: [], owner: opened.owner });
      } catch (error) {
        if (!(error instanceof MeshError)) await this.#makeRoom(hash);
        throw error;
      }
      if (opened.isOver) await this.#dropUnused(opened, [hash]);
    }
  }

  /**
   * Puts one input into a folder. A text says why that will never be.
   * @throws ItemError when this machine cannot write it.
   */
  async #bring(
    { inside, hash, bytes }: SentFile,
    folder: string,
    opened: Execution,
  ): Promise<string | null> {
    const { owner } = opened;
    opened.sent.add(hash);
    await this.#pause(this.#faults.pauseMs(hash), opened);
    const gone = `its input ${inside} is gone, or was changed since it was published`;
    for (let [tried, faults] = [0, 0]; ; tried++) {
      try {
        await this.#files.bring({ hash, likely: [], owner }, join(folder, inside), { sync: false });
        this.#faults.clear(hash);
        return null;
      } catch (error) {
        if (!(error instanceof MeshError)) {
          // A full disk, most likely. Others here are to have what it took meanwhile.
          await this.#makeRoom(hash);
          faults += 1;
          await sleep(this.#faultMs, undefined, { signal: this.#files.signal });
          if (opened.isOver) throw error;
          if (faults < WRITES) continue;
          const why = unwritten(inside, bytes, error);
          // That the candidate failed of it is in the log.
          this.#faults.note(hash, why);
          throw new ItemError(why);
        }
        const isOwn = owner === this.#self;
        if (error.code === 'MESH_NO_FILE' || isOwn) return gone;
        const pauseMs = this.#againMs[tried];
        this.#log('debug', 'input.missing', { inside, hash, why: error.message });
        if (opened.isOver) throw error;
        if (pauseMs === undefined) {
          const why = `${inside} cannot be had: ${error.message}`;
          if (this.#faults.note(hash, why)) this.#log('warn', 'input.unreachable', { inside, why });
          throw error;
        }
        await sleep(pauseMs, undefined, { signal: this.#files.signal });
      }
    }
  }

  /** Waits, unless the execution is over, or is meanwhile. */
  async #pause(ms: number, opened: Execution): Promise<void> {
    const until = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0 && !opened.isOver; leftMs = until - performance.now()) {
      await sleep(Math.min(leftMs, STEP_MS), undefined, { signal: this.#files.signal });
    }
    if (opened.isOver) throw new Error('the execution is over');
  }

  /** What came of a file that could not be written goes, unless somebody else uses it. */
  async #makeRoom(hash: FileHash): Promise<void> {
    await this.#files.store.drop(hash).catch(() => undefined);
  }

  /** Nothing of a computation runs here any more. */
  forget(computation: ComputationId): void {
    void removeBehind(this.#commonOf(computation));
  }

  /** An executor may see this folder alone: it stays as long as there may be one. */
  #commonOf(computation: ComputationId): string {
    return join(this.#folder, computation.slice(0, 16));
  }

  get #aside(): string {
    return join(this.#folder, 'aside');
  }

  /** A command is over: what it made is kept, or not, and the rest goes. */
  #end(folder: WorkFolder, opened: Execution, { keeps }: { readonly keeps: boolean }): void {
    const { aside, path, sends, isBare } = folder;
    // A command whose outputs are short makes nothing.
    if (isBare && !isFolder(path)) return;
    let left: string | null = null;
    try {
      if (isBare) mkdirSync(aside, { mode: 0o700 });
      left = this.#takeBack(folder, opened);
      if (keeps && left !== null) {
        takeMade(join(left, 'made'), this.#files.folder, aside, opened.computation);
      }
    } catch (error) {
      // A full disk. Its publisher will not find what was made here, and say so. Or the command
      // closed its folder: that goes with the folder of its computation.
      this.#log('warn', 'output.lost', { path, why: String(error) });
    }
    const remove = async (): Promise<void> => {
      for (const one of [left ?? join(aside, 'left'), aside]) {
        await (opened.isHeld ? removeBehind(one) : removeOwn(one));
      }
    };
    remove().catch((error: unknown) => {
      this.#log('warn', 'folder.left', { path, why: String(error) });
    });
    const hashes = sends.map(({ hash }) => hash);
    void this.#dropUnused(opened, hashes);
  }

  /**
   * Takes a command's folder out of its reach. Null when it is not there, or was made something
   * else. @throws what the system says when it stays where it is.
   */
  #takeBack({ aside, path }: WorkFolder, { isHeld }: Execution): string | null {
    const left = join(aside, 'left');
    try {
      renameSync(path, left);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      if (isHeld) throw error;
      // Where a process still runs in it, some systems do not rename a folder.
      return path;
    }
    return isFolder(left) ? left : null;
  }

  /** Drops what was sent, where it is not to be kept and nobody else here uses it. */
  async #dropUnused({ cleanup }: Execution, hashes: Iterable<FileHash>): Promise<void> {
    if (!cleanup) return;
    const open = [...this.#open.values()].flatMap(({ folders }) => folders);
    const used = new Set(open.flatMap(({ sends }) => sends.map(({ hash }) => hash)));
    for (const hash of hashes) {
      // What cannot be removed goes with the quota.
      if (!used.has(hash)) await this.#files.store.drop(hash).catch(() => undefined);
    }
  }
}
