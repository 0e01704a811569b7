import { readdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { childrenOf } from '../process-tree.ts';
import { bytesOnDisk } from './measure-tree.ts';

/** Descriptors looked at in a call. */
const A_CALL = 500;
/** Of all processes together. Who has more open counts as having too much. */
const MOST = 65_536;
/** How the system ends the name of a file that has none any more. */
const REMOVED = ' (deleted)';

/**
 * What files take, in bytes, that a process, or what it started, has open and that lie in no folder
 * any more, or lie in memory and never did: no measuring of a folder finds them, nor of resident
 * memory. A part of it a call: yields null until the bytes are known. Stops above `mostBytes`. Only
 * Linux tells.
 */
export function* measureOpenFiles(pid: number, mostBytes: number): Generator<number | null, void> {
  const seen = new Set<string>();
  let bytes = 0;
  let looked = 0;
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const names = namesIn(`/proc/${next}/fd`);
    looked += 1;
    for (const name of names) {
      looked += 1;
      if (looked % A_CALL === 0) yield null;
      const found = removedAt(`/proc/${next}/fd/${name}`);
      // Two descriptors may be of one file.
      const key = found === null ? '' : `${found.dev}:${found.ino}`;
      if (found === null || seen.has(key)) continue;
      seen.add(key);
      bytes += bytesOnDisk(found);
    }
    if (looked > MOST) bytes = Math.max(bytes, mostBytes + 1);
    if (bytes > mostBytes) break;
    waiting.push(...childrenOf(next));
  }
  yield bytes;
}

/** The file behind a descriptor, if it has no name any more. */
function removedAt(path: string): Stats | null {
  try {
    if (!readlinkSync(path).endsWith(REMOVED)) return null;
    const found = statSync(path);
    return found.isFile() && found.nlink === 0 ? found : null;
  } catch {
    // It was closed meanwhile.
    return null;
  }
}

/** Empty where nobody tells. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // It ended meanwhile, or this is not Linux.
    return [];
  }
}
