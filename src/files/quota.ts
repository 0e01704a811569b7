import { statSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileHash } from './description.ts';
import { putAside } from './put-aside.ts';

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
  /** Of that, what is beside a user's file, should there be one. */
  copyBytes: number;
  /** When it was last made or offered, in ms since 1970. */
  madeMs: number;
  offeredMs: number;
}

const NOTHING: Entry = { bytes: 0, copyBytes: 0, usedMs: 0, madeMs: 0, offeredMs: 0 };

/** What there may be of a file, the description last, and what of it is its content. */
const KINDS: readonly string[] = ['made', 'data', 'part', 'from', 'file'];
const COPIES: readonly string[] = ['data', 'part'];

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
    const keptMs = Math.max(entry.madeMs, entry.offeredMs);
    const isStale = keptMs > 0 && keptMs <= oldestMs;
    if (isUsed(hash) || entry.madeMs > oldestMs || (bytes <= maxBytes && !isStale)) continue;
    // A command may have made it again since it was looked at.
    const made = statSync(join(folder, `${hash}.made`), { throwIfNoEntry: false });
    if (made !== undefined && made.mtimeMs > oldestMs) continue;
    // What the user's own file has needs no copy; that it is offered takes next to nothing.
    const isOffered = entry.offeredMs > oldestMs;
    const kinds = isOffered ? COPIES : KINDS;
    await putAside(kinds.map((kind) => join(folder, `${hash}.${kind}`)));
    const goneBytes = isOffered ? entry.copyBytes : entry.bytes;
    bytes -= goneBytes;
    freedBytes += goneBytes;
    files -= isOffered ? 0 : 1;
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
    const entry = entries.get(hash) ?? { ...NOTHING };
    const bytes = Math.min(found.size, found.blocks * 512);
    entry.bytes += bytes;
    if (COPIES.includes(kind)) entry.copyBytes += bytes;
    if (kind === 'file') entry.usedMs = Math.max(entry.usedMs, found.mtimeMs);
    if (kind === 'made') entry.madeMs = found.mtimeMs;
    if (kind === 'from') entry.offeredMs = found.mtimeMs;
    entries.set(hash, entry);
  }
  return entries;
}
