import { readdirSync, readFileSync } from 'node:fs';

/** Processes of a tree that are looked at; a fork bomb has more. */
const MOST_LOOKED_AT = 4096;

/** Processes in one sandbox, its own two among them. */
export const MOST_PROCESSES = 256;

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
      if (seen.has(child) || seen.size >= MOST_LOOKED_AT) continue;
      seen.add(child);
      waiting.push(child);
    }
  }
  return bytes;
}

/** Processes that this one sees, itself among them: in a sandbox, all that are in it. */
export function visibleProcesses(): number {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;
  } catch {
    // No more files, or not Linux.
    return 0;
  }
}

/**
 * What a process started and that is its child still. Each of its threads has a list of its own.
 * Empty where there is no /proc.
 */
export function childrenOf(pid: number): number[] {
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

/** Resident memory of a process, in bytes; 0 where there is no /proc. */
export function residentBytes(pid: number): number {
  try {
    const found = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(found?.[1] ?? 0) * 1024;
  } catch {
    // It ended meanwhile.
    return 0;
  }
}
