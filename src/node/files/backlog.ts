import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError } from '../../core/mesh-error.ts';
import type { FileStore } from '../../files/file-store.ts';
import { isMovedOutput } from '../../work/command/left-outputs.ts';
import type { WorkInputs } from '../../work/workforce.ts';

/** What commands of others may take of what the kept files may, in each of two ways. */
const SHARE = 0.5;
/** Between two looks, in ms. */
const LOOK_MS = 2000;
/** How long a command waits for room before others may take it, in ms. */
const WAIT_MS = 30_000;
/** What `blocks` counts. */
const BLOCK_BYTES = 512;

/** What a backlog is of. */
export interface BacklogOptions {
  readonly store: FileStore;
  /** Where long outputs of commands go; those of held executors in folders of their own. */
  readonly outputs: string;
  /** What the kept files may take of the disk, in bytes. */
  readonly quotaBytes: number;
  /** Says whether a computation is this user's own. */
  isOwn(computation: string): boolean;
  /** @default 2000 */
  readonly lookMs?: number;
  /** @default 30 000 */
  readonly waitMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Keeps what commands of other people made from filling this disk, all of them together. What is to
 * be fetched is not removed before it was: while there is too much of it their next commands wait.
 * Long outputs that nobody fetches (of jobs without --transfer) are removed, the oldest first.
 */
export class Backlog {
  readonly #options: BacklogOptions;
  readonly #mostBytes: number;
  #looking: Promise<number> | null = null;
  #waitedAt = Number.NEGATIVE_INFINITY;
  #bytes = 0;

  constructor(options: BacklogOptions) {
    this.#options = options;
    this.#mostBytes = options.quotaBytes * SHARE;
  }

  /** Inputs of commands of others: each comes when there is room for what it makes. */
  heldBack(inputs: WorkInputs): WorkInputs {
    const { items } = inputs;
    if (items === undefined) return inputs;
    return {
      ...inputs,
      // What is handed out is not held back any more.
      itemsAtOnce: 1,
      items: async (lo, hi) => {
        await this.#room();
        return await items(lo, hi);
      },
    };
  }

  /** What waits, a line each. */
  notices(): string[] {
    const { waitMs = WAIT_MS } = this.#options;
    if (performance.now() - this.#waitedAt > 2 * waitMs) return [];
    const [bytes, most] = [this.#bytes, this.#mostBytes].map(sizeText);
    return [
      `commands of other people wait: what they made here was not fetched yet, ${bytes} of ` +
        `${most} that half of --cache leaves it`,
    ];
  }

  /** @throws MeshError MESH_DISK_FULL when there is none for so long that others may try. */
  async #room(): Promise<void> {
    const { signal, lookMs = LOOK_MS, waitMs = WAIT_MS } = this.#options;
    const until = performance.now() + waitMs;
    for (;;) {
      this.#bytes = await this.#look();
      if (this.#bytes <= this.#mostBytes) break;
      this.#waitedAt = performance.now();
      if (this.#waitedAt >= until) throw noRoom();
      await sleep(lookMs, undefined, { signal });
    }
    this.#waitedAt = Number.NEGATIVE_INFINITY;
  }

  /** What waits to be fetched, in bytes; not looked at more often than needed. */
  #look(): Promise<number> {
    const { store, outputs, isOwn, lookMs = LOOK_MS } = this.#options;
    if (this.#looking === null) {
      this.#looking = store.unfetched((computation) => !isOwn(computation));
      this.#looking.catch(() => undefined);
      setTimeout(() => {
        this.#looking = null;
      }, lookMs / 2).unref();
      // What cannot be removed now is looked at again.
      removeOldest(outputs, this.#mostBytes).catch(() => undefined);
    }
    return this.#looking;
  }
}

/** Removes outputs in folders of a folder until so much is left, those that were written first. */
async function removeOldest(folder: string, mostBytes: number): Promise<void> {
  const found: { path: string; bytes: number; writtenMs: number }[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const own = join(folder, entry.name);
    for (const name of await readdir(own).catch(() => [])) {
      const path = join(own, name);
      const stats = isMovedOutput(name) ? await lstat(path).catch(() => null) : null;
      if (stats?.isFile() !== true) continue;
      found.push({ path, bytes: stats.blocks * BLOCK_BYTES, writtenMs: stats.mtimeMs });
    }
  }
  let bytes = found.reduce((sum, one) => sum + one.bytes, 0);
  found.sort((a, b) => a.writtenMs - b.writtenMs);
  for (const { path, bytes: own } of found) {
    if (bytes <= mostBytes) return;
    await rm(path, { force: true });
    bytes -= own;
  }
}

function noRoom(): MeshError {
  const text = 'no room for more of what commands of other people make';
  return new MeshError('MESH_DISK_FULL', text);
}

function sizeText(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
