import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Resident memory of a process now, in MiB; 0 of one that has ended. */
export function residentMib(pid: number): number {
  const status = textOf(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

/** User and system time of a process so far, its children left out. */
export function processorMs(pid: number): number {
  const stat = textOf(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond();
}

/** The children of a process. */
export function childrenOf(pid: number): number[] {
  const text = textOf(`/proc/${pid}/task/${pid}/children`);
  return text.split(' ').filter(Boolean).map(Number);
}

/** What loopback has taken in since the boot, of this whole machine. */
export function loopback(): { readonly bytes: number; readonly packets: number } {
  const [, bytes, packets] = /^\s*lo:\s*(\d+)\s+(\d+)/m.exec(textOf('/proc/net/dev')) ?? [];
  return { bytes: Number(bytes), packets: Number(packets) };
}

/** Empty where there is no such file (any more). */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

let ticks = 0;

function ticksPerSecond(): number {
  if (ticks === 0) ticks = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return ticks;
}
