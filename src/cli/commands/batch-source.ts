import { availableParallelism } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import type { Coming, Planned } from './plan.ts';
import type { Spool } from './spool.ts';

/** A job has no more blocks than these, nor more than a quarter of what may be kept, and one. */
const BATCH_BLOCKS = 10_000;

/** Bytes of arguments' commands that make a job at once; then no more is read until it is given. */
const MOST_COMMAND_BYTES = 2 ** 26;

/** The first blocks wait so long for more, in ms: a short stdin is one job. */
const FIRST_PAUSE_MS = 100;

/** The first arguments wait until none came for those, or, where they go on coming, so long. */
const MOST_FIRST_PAUSE_MS = 2000;

/** Between two jobs; as a run gets older, a share of its age: what jobs leave is then little. */
const PAUSE_SHARE = 1 / 300;
const MOST_PAUSE_MS = 10_000;

/** Commands for each slot below which more are published. */
const AHEAD = 4;

/** How busy the mesh is with what was published. */
export interface Pace {
  /** Commands without a result. */
  readonly open: number;
  readonly slots: number;
}

/** Gives commands, as many at a time as are to be one job. */
export interface BatchSource {
  /** Null: there are no more. pace: is asked again after `look`. @throws what reading does */
  next(pace: () => Pace): Promise<readonly Planned[] | null>;
  /** The pace may be another one. */
  look(): void;
  /** A command has its result. */
  done(planned: Planned): Promise<void>;
  /** Jobs that are not over. */
  publishes(jobs: readonly string[]): Promise<void>;
  /** No more is wanted. */
  stop(): void;
  /** All was given. */
  readonly isOver: boolean;
}

/** All commands as one job. */
export class OneBatch implements BatchSource {
  #planned: readonly Planned[] | null;

  constructor(planned: readonly Planned[]) {
    this.#planned = planned.length === 0 ? null : planned;
  }

  get isOver(): boolean {
    return this.#planned === null;
  }

  async next(): Promise<readonly Planned[] | null> {
    const all = this.#planned;
    this.#planned = null;
    return all;
  }

  look(): void {}

  async done(): Promise<void> {}

  async publishes(): Promise<void> {}

  stop(): void {
    this.#planned = null;
  }
}

/**
 * Commands of stdin's blocks, or of arguments, as they come: those that are there make a job once
 * the mesh would soon have nothing to do, and while it has, they are gathered for a larger one.
 */
export class StreamBatches implements BatchSource {
  readonly #coming: Coming;
  readonly #spool: Spool | null;
  readonly #mostKeptBytes: number;
  readonly #startedAt = performance.now();
  #waiting: Planned[] = [];
  #waitingBytes = 0;
  /** When the first and the last of those that wait came, and the last job was given. */
  #waitsSince = 0;
  #cameAt = 0;
  #givenAt: number | null = null;
  #given = 0;
  #isRead = false;
  #isStopped = false;
  #failure: unknown = null;
  #news = Promise.withResolvers<void>();

  /**
   * spool: keeps the blocks; null of arguments. mostKeptBytes: of blocks, and one more, on the
   * disk: then no more is read until some is done. @default no limit
   */
  constructor(
    coming: Coming,
    spool: Spool | null,
    { mostKeptBytes = Number.POSITIVE_INFINITY }: { readonly mostKeptBytes?: number } = {},
  ) {
    this.#mostKeptBytes = mostKeptBytes;
    this.#coming = coming;
    this.#spool = spool;
    void this.#read();
  }

  get isOver(): boolean {
    return this.#isStopped || (this.#isRead && this.#waiting.length === 0);
  }

  async next(pace: () => Pace): Promise<readonly Planned[] | null> {
    for (;;) {
      const news = this.#news.promise;
      if (this.isOver) {
        if (this.#failure !== null && !this.#isStopped) throw this.#failure;
        return null;
      }
      // Of bad arguments that came at once none is run.
      const isFirst = this.#spool === null && this.#givenAt === null;
      if (isFirst && this.#failure !== null) throw this.#failure;
      const waitMs = this.#waiting.length === 0 ? null : this.#waitMs(pace());
      if (waitMs !== null && waitMs <= 0) return this.#take();
      await soon(news, waitMs);
      // Arguments that came while this process was busy are read before the clock is looked at.
      if (this.#spool === null) await setImmediate();
    }
  }

  look(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  async done({ files: { sentBlock } }: Planned): Promise<void> {
    if (sentBlock !== undefined) await this.#spool?.drop(sentBlock);
    this.look();
  }

  async publishes(jobs: readonly string[]): Promise<void> {
    await this.#spool?.isFor(jobs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#coming.close();
    this.look();
  }

  async #read(): Promise<void> {
    try {
      for await (const some of this.#coming.commands) {
        if (this.#isStopped) break;
        this.#cameAt = performance.now();
        if (this.#waiting.length === 0) this.#waitsSince = this.#cameAt;
        for (const one of some) {
          this.#waiting.push(one);
          this.#waitingBytes += one.files.sentBlock?.bytes ?? one.command.length;
        }
        this.look();
        while (this.#isFull && !this.#isStopped) await this.#news.promise;
      }
    } catch (error) {
      // Of a stream that was stopped it is told that it ended too early.
      this.#failure = error;
    }
    this.#isRead = true;
    this.look();
  }

  get #isFull(): boolean {
    if (this.#spool === null) return this.#isLarge;
    return this.#spool.bytes >= this.#mostKeptBytes || this.#waiting.length >= BATCH_BLOCKS;
  }

  get #isLarge(): boolean {
    if (this.#spool === null) return this.#waitingBytes >= MOST_COMMAND_BYTES;
    return this.#waiting.length >= BATCH_BLOCKS || this.#waitingBytes >= this.#mostKeptBytes / 4;
  }

  /** How long the commands that are there are to wait for more; null: until there is news. */
  #waitMs({ open, slots }: Pace): number | null {
    if (this.#isRead || this.#isLarge) return 0;
    // A large job is not over before the next one is there.
    if (open > Math.max(AHEAD * slots, this.#given / 2)) return null;
    const now = performance.now();
    if (this.#spool === null && this.#givenAt === null) {
      const most = MOST_FIRST_PAUSE_MS - (now - this.#waitsSince);
      return Math.min(most, FIRST_PAUSE_MS - (now - this.#cameAt));
    }
    const age = now - this.#startedAt;
    const pauseMs = Math.max(FIRST_PAUSE_MS, Math.min(age * PAUSE_SHARE, MOST_PAUSE_MS));
    const since = now - (this.#givenAt ?? now - pauseMs);
    return Math.max(FIRST_PAUSE_MS - (now - this.#waitsSince), pauseMs - since);
  }

  #take(): readonly Planned[] {
    const all = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#givenAt = performance.now();
    this.#given = all.length;
    this.look();
    return all;
  }
}

/** The slots that a run has before it knows better. */
export function slotsHere(jobs: number | undefined): number {
  return jobs === undefined || jobs === 0 ? availableParallelism() : jobs;
}

/** Resolves with the promise, or after some time. */
async function soon(promise: Promise<void>, ms: number | null): Promise<void> {
  if (ms === null) return promise;
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, waited]);
  clearTimeout(timer);
}
