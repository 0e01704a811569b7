import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileHash } from './description.ts';

/** What the files of a home may take of its disk when nobody says otherwise: 10 GB. */
export const QUOTA_BYTES = 10_000_000_000;

/** How long what a command made waits to be fetched, and a file of the user's is offered, in ms. */
const KEPT_MS = 8 * 24 * 3600 * 1000;

/** How long what a killed process was writing is left, in ms. */
const DRAFT_MS = 3_600_000;

/** What files take of the disk. */
export interface Usage {
  /** On the disk, holes left out. */
  readonly bytes: number;
  readonly files: number;
}

interface Entry {
  /** On the disk. */
  bytes: number;
  /** When it was used last, in ms since 1970. */
  usedMs: number;
  /** When it was last made or offered, in ms since 1970. */
  keptMs: number;
}

/** What the files of a folder take. */
export async function usageOf(folder: string): Promise<Usage> {
  const entries = await entriesOf(folder);
  let bytes = 0;
  for (const entry of entries.values()) bytes += entry.bytes;
  return { bytes, files: entries.size };
}

/**
 * Removes files until at most `maxBytes` are taken, those first that were used longest ago; none
 * that is in use, nor one that somebody still waits for.
 */
export async function sweep(
  folder: string,
  maxBytes: number,
  isUsed: (hash: FileHash) => boolean,
): Promise<Usage & { readonly freedBytes: number }> {
  const entries = await entriesOf(folder);
  await removeDrafts(folder);
  const oldestMs = Date.now() - KEPT_MS;
  let bytes = 0;
  for (const { bytes: own } of entries.values()) bytes += own;
  let [files, freedBytes] = [entries.size, 0];
  const oldestFirst = [...entries].sort(([, a], [, b]) => a.usedMs - b.usedMs);
  for (const [hash, entry] of oldestFirst) {
    const isKept = entry.keptMs > oldestMs;
    const isStale = entry.keptMs > 0 && !isKept;
    if (isUsed(hash) || isKept || (bytes <= maxBytes && !isStale)) continue;
    for (const kind of ['made', 'data', 'part', 'from', 'file']) {
      await rm(join(folder, `${hash}.${kind}`), { force: true });
    }
    bytes -= entry.bytes;
    freedBytes += entry.bytes;
    files -= 1;
  }
  return { bytes, files, freedBytes };
}

async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.new')) continue;
    const found = await stat(join(folder, name)).catch(() => null);
    if (found === null || found.mtimeMs > Date.now() - DRAFT_MS) continue;
    await rm(join(folder, name), { force: true });
  }
}

async function entriesOf(folder: string): Promise<Map<FileHash, Entry>> {
  const entries = new Map<FileHash, Entry>();
  for (const name of await readdir(folder)) {
    const [, hash, kind] = /^([0-9a-f]{64})\.(file|data|part|from|made)$/.exec(name) ?? [];
    if (hash === undefined || kind === undefined) continue;
    // Another process may remove it meanwhile.
    const found = await stat(join(folder, name)).catch(() => null);
    if (found === null) continue;
    const entry = entries.get(hash) ?? { bytes: 0, usedMs: 0, keptMs: 0 };
    entry.bytes += Math.min(found.size, found.blocks * 512);
    if (kind === 'file') entry.usedMs = Math.max(entry.usedMs, found.mtimeMs);
    if (kind === 'made' || kind === 'from') entry.keptMs = Math.max(entry.keptMs, found.mtimeMs);
    entries.set(hash, entry);
  }
  return entries;
}
