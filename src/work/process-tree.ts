import { readdirSync, readFileSync } from 'node:fs';

/** Processes of a tree that are looked at; a fork bomb has more. */
const MOST_PROCESSES = 4096;

/**
 * Resident memory of all that a process started and that still descends from it, in bytes. 0 where
 * there is no /proc: only Linux tells.
 */
export function residentBytesOfChildren(pid: number): number {
  const waiting = childrenOf(pid);
  const seen = new Set(waiting);
  let bytes = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    bytes += residentBytes(next);
    for (const child of childrenOf(next)) {
      if (seen.has(child) || seen.size >= MOST_PROCESSES) continue;
      seen.add(child);
      waiting.push(child);
    }
  }
  return bytes;
}

/** Each thread of a process has a list of its own of what it started. */
function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
      const text = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim();
      return text === '' ? [] : text.split(' ').map(Number);
    });
  } catch {
    // Not Linux, or it ended meanwhile.
    return [];
  }
}

function residentBytes(pid: number): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    // It ended meanwhile.
    return 0;
  }
}
