import type { Store, Write } from '../store/store.ts';

/** How long writes are collected, in ms. */
const COLLECT_MS = 1000;

/** Between two tries while the disk takes nothing, in ms. */
const RETRY_MS = 1000;

/** What a journal tells its owner. */
export interface JournalHandlers {
  /** All writes up to this number are on disk. */
  stored(write: number): void;
  /** The disk took no write (it is full, or broken), or takes writes again. */
  disk(full: boolean): void;
  /** Why a write failed; it is tried again. */
  failed(error: unknown): void;
}

/**
 * Collects a peer's writes for up to a second and writes them as one synced batch, in order, so
 * that what is on disk is always a state that existed. One batch is under way at a time.
 */
export class Journal {
  readonly #store: Store;
  readonly #handlers: JournalHandlers;
  #pending: Write[] = [];
  /** The batch that is being written. */
  #underWay: readonly Write[] = [];
  #last = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #full = false;
  #closed = false;

  constructor(store: Store, handlers: JournalHandlers) {
    this.#store = store;
    this.#handlers = handlers;
  }

  /** Adds the batch of one step. */
  add(writes: readonly Write[], write: number): void {
    this.#pending.push(...writes);
    this.#last = write;
    this.#timer ??= setTimeout(() => void this.flush(), COLLECT_MS);
  }

  /** Resolves when all that was added before is on disk, or the disk takes nothing. */
  async flush(): Promise<void> {
    if (this.#writing !== null) await this.#writing;
    if (this.#pending.length === 0) return;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = null;
    });
    await this.#writing;
  }

  /** A blob that is added and not yet on disk. */
  pendingBlob(hash: string): Uint8Array | undefined {
    for (const write of [...this.#underWay, ...this.#pending]) {
      if (write.kind === 'blob' && write.hash === hash) return write.bytes;
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #writeAll(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const batch = this.#pending;
    const last = this.#last;
    this.#pending = [];
    this.#underWay = batch;
    try {
      await this.#store.write(batch);
      this.#underWay = [];
    } catch (error) {
      this.#underWay = [];
      this.#pending = [...batch, ...this.#pending];
      // It is tried again and again: one word of it is enough.
      if (!this.#full) this.#handlers.failed(error);
      this.#report(true);
      if (!this.#closed) this.#timer ??= setTimeout(() => void this.flush(), RETRY_MS);
      return;
    }
    this.#report(false);
    this.#handlers.stored(last);
  }

  #report(full: boolean): void {
    if (this.#full === full) return;
    this.#full = full;
    this.#handlers.disk(full);
  }
}
