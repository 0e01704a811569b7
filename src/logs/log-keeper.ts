import { join } from 'node:path';
import type { ComputationId } from '../core/ids.ts';
import { droppedLine, type LogLine } from '../core/log-line.ts';
import { encodeLine } from './line-text.ts';
import { LogFolder, makeFolder, namesIn } from './log-folder.ts';

/** What is waited for before lines are written, in ms: so much is lost with a killed peer. */
const WRITE_MS = 250;
/** Lines that wait to be written, in characters; beyond, they are dropped. */
const MOST_WAITING = 1_048_576;
/** Different notices of one start. */
const MOST_NOTICES = 1000;
/** Lines that wait for one reader who follows. */
const MOST_BEHIND = 10_000;

export interface LogKeeperOptions {
  /** Absolute; made if it is new, in a folder that is there. */
  readonly folder: string;
  /** Called with each new reason why lines cannot be kept. */
  readonly onFailure: (why: string) => void;
  /** Of one computation. @default 16 MiB */
  readonly computationBytes?: number;
  /** Of all. @default 128 MiB */
  readonly totalBytes?: number;
  /** The oldest lines make room in pieces of this size. @default 256 KiB */
  readonly chunkBytes?: number;
}

/** What waits to be written of one computation. */
interface Waiting {
  text: string;
  lines: number;
  dropped: number;
  /** The one candidate whose lines were dropped, or null for several. */
  droppedIndex: number | null;
}

/** A reader that gets what comes. */
interface Follower {
  take(line: LogLine): void;
}

/** Keeps what candidates log on this machine, in files of the home, within stated limits. */
export class LogKeeper {
  readonly #options: Required<LogKeeperOptions>;
  readonly #folders = new Map<ComputationId, LogFolder>();
  readonly #waiting = new Map<ComputationId, Waiting>();
  readonly #followers = new Map<ComputationId, Set<Follower>>();
  readonly #noticed = new Set<string>();
  #characters = 0;
  #timer: NodeJS.Timeout | undefined;
  /** The changes so far, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #failure = '';
  #closed = false;

  private constructor(options: Required<LogKeeperOptions>) {
    this.#options = options;
  }

  /** Finds what is there from before; logs that nobody wrote to for so long are removed. */
  static async open(options: LogKeeperOptions & { readonly keepMs: number }): Promise<LogKeeper> {
    const { keepMs, ...given } = options;
    const keeper = new LogKeeper({
      ...{ computationBytes: 2 ** 24, totalBytes: 2 ** 27, chunkBytes: 2 ** 18 },
      ...given,
    });
    await makeFolder(options.folder);
    for (const name of await namesIn(options.folder)) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue;
      const folder = await keeper.#folderOf(name);
      if (folder.newestAt >= Date.now() - keepMs) continue;
      await folder.remove();
      keeper.#folders.delete(name);
    }
    return keeper;
  }

  /** Keeps a line; it is on disk a quarter of a second later. */
  keep(computation: ComputationId, line: LogLine): void {
    if (this.#closed) return;
    const waiting = this.#waitingOf(computation);
    if (this.#characters > MOST_WAITING) {
      this.drop(computation, line.index, 1);
      return;
    }
    const text = `${encodeLine(line)}\n`;
    waiting.text += text;
    waiting.lines += 1;
    this.#characters += text.length;
    for (const follower of this.#followers.get(computation) ?? []) follower.take(line);
  }

  /** Keeps a line that is no candidate's, once in a start. */
  notice(computation: ComputationId, text: string): void {
    const key = `${computation} ${text}`;
    if (this.#noticed.has(key) || this.#noticed.size >= MOST_NOTICES) return;
    this.#noticed.add(key);
    this.keep(computation, { timeMs: Date.now(), index: null, level: 'warn', text });
  }

  /** Notes that lines are not there; a line says so, one for all of a moment. */
  drop(computation: ComputationId, index: number | null, lines: number): void {
    if (this.#closed) return;
    const waiting = this.#waitingOf(computation);
    waiting.droppedIndex = waiting.dropped === 0 || waiting.droppedIndex === index ? index : null;
    waiting.dropped += lines;
  }

  /** Removes all of a computation. */
  forget(computation: ComputationId): void {
    this.#waiting.delete(computation);
    void this.#inTurn(async () => {
      await (await this.#folderOf(computation)).remove();
      this.#folders.delete(computation);
    });
  }

  /**
   * The lines of a computation in the order in which they were kept. follow: what comes after them
   * too, until the signal aborts; `caughtUp` is called between the two.
   */
  async *read(
    computation: ComputationId,
    options: { readonly follow?: AbortSignal; readonly caughtUp?: () => void } = {},
  ): AsyncGenerator<LogLine> {
    const { follow, caughtUp } = options;
    const queue = follow === undefined ? null : new FollowQueue(follow);
    const followers = this.#followers.get(computation) ?? new Set();
    try {
      const [folder, view] = await this.#inTurn(async () => {
        await this.#write();
        const own = await this.#folderOf(computation);
        if (queue !== null) {
          this.#followers.set(computation, followers);
          followers.add(queue);
        }
        return [own, own.view()] as const;
      });
      let dropped = view.dropped;
      for await (const lines of folder.lines(view)) {
        for (const line of lines) {
          if (dropped > 0) yield droppedLine(line.timeMs, null, dropped);
          dropped = 0;
          yield line;
        }
      }
      if (dropped > 0) yield droppedLine(Date.now(), null, dropped);
      caughtUp?.();
      if (queue !== null) yield* queue.lines();
    } finally {
      if (queue !== null) followers.delete(queue);
      if (followers.size === 0) this.#followers.delete(computation);
    }
  }

  /** Writes what waits, and keeps nothing more. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#inTurn(() => this.#write());
    this.#closed = true;
  }

  #waitingOf(computation: ComputationId): Waiting {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#inTurn(() => this.#write());
    }, WRITE_MS).unref();
    const known = this.#waiting.get(computation);
    if (known !== undefined) return known;
    const waiting = { text: '', lines: 0, dropped: 0, droppedIndex: null };
    this.#waiting.set(computation, waiting);
    return waiting;
  }

  async #folderOf(computation: ComputationId): Promise<LogFolder> {
    const known = this.#folders.get(computation);
    if (known !== undefined) return known;
    const path = join(this.#options.folder, computation);
    const folder = await LogFolder.open(path, this.#options.chunkBytes);
    this.#folders.set(computation, folder);
    return folder;
  }

  async #write(): Promise<void> {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#characters = 0;
    for (const [computation, { text, lines, dropped, droppedIndex }] of waiting) {
      const at = Date.now();
      const notice = dropped === 0 ? null : droppedLine(at, droppedIndex, dropped);
      const folder = await this.#folderOf(computation);
      try {
        await folder.append(notice === null ? text : `${text}${encodeLine(notice)}\n`, at);
        this.#failure = '';
      } catch (error) {
        this.#fail(error);
        this.drop(computation, null, lines + dropped);
        continue;
      }
      if (notice === null) continue;
      for (const follower of this.#followers.get(computation) ?? []) follower.take(notice);
    }
    await this.#makeRoom(waiting.map(([computation]) => computation));
  }

  async #makeRoom(written: readonly ComputationId[]): Promise<void> {
    const { computationBytes, totalBytes } = this.#options;
    for (const computation of written) {
      const folder = await this.#folderOf(computation);
      while (folder.bytes > computationBytes || folder.isCrowded) await folder.dropOldest();
    }
    let total = 0;
    for (const folder of this.#folders.values()) total += folder.bytes;
    while (total > totalBytes) {
      const [first, ...others] = this.#folders.values();
      if (first === undefined) return;
      const oldest = others.reduce((a, b) => (b.oldestAt < a.oldestAt ? b : a), first);
      const before = oldest.bytes;
      await oldest.dropOldest();
      if (oldest.bytes === before) return;
      total += oldest.bytes - before;
    }
  }

  /** Each reason is told once in a row: a full disk stays full for a while. */
  #fail(error: unknown): void {
    const why = error instanceof Error ? error.message : String(error);
    const code = (error as NodeJS.ErrnoException).code ?? why;
    if (code === this.#failure) return;
    this.#failure = code;
    this.#options.onFailure(why);
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(change);
    this.#turn = turn.catch((error: unknown) => this.#fail(error));
    return turn;
  }
}

/** Lines on their way to one reader; a reader that is too slow misses some, and is told so. */
class FollowQueue implements Follower {
  readonly #signal: AbortSignal;
  #lines: LogLine[] = [];
  #missed = 0;
  #wake: (() => void) | null = null;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake?.());
  }

  take(line: LogLine): void {
    if (this.#lines.length < MOST_BEHIND) this.#lines.push(line);
    else this.#missed += 1;
    this.#wake?.();
  }

  /** Ends once the signal aborts and all that came before is given. */
  async *lines(): AsyncGenerator<LogLine> {
    for (;;) {
      const lines = this.#lines;
      const missed = this.#missed;
      this.#lines = [];
      this.#missed = 0;
      yield* lines;
      if (missed > 0) yield droppedLine(lines.at(-1)?.timeMs ?? Date.now(), null, missed);
      if (this.#lines.length > 0) continue;
      if (this.#signal.aborted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = null;
    }
  }
}
