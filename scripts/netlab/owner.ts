import { readFileSync } from 'node:fs';

/** Begins the name of each lab, and so that of each namespace of it. */
export const LAB_PREFIX = 'netlab';

/** Stands where a lab's owner is named when it stays until somebody takes it down. */
const KEPT = 'kept';

let labs = 0;

/** A name for a lab of this process, that no other lab has or ever had. */
export function ownName(): string {
  labs += 1;
  return `${LAB_PREFIX}-${process.pid}-${startOf(process.pid)}-${labs}`;
}

/** The name of the n-th lab without an owner. */
export function keptName(n: number): string {
  return `${LAB_PREFIX}-${KEPT}-${n}`;
}

/** Says whether a lab may stay: its owner is alive, or it needs none. */
export function hasOwner(lab: string): boolean {
  const [, owner = '', start = ''] = lab.split('-');
  return owner === KEPT || (start !== '' && startOf(Number(owner)) === start);
}

/** When a process was started, in ticks since the machine's boot: pids are used again. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in parentheses that may hold anything.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
