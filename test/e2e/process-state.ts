import { readFileSync } from 'node:fs';

/** Says whether a process runs; not one that has ended and was not yet asked for. */
export function isAlive(pid: number): boolean {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(fields.slice(fields.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}
