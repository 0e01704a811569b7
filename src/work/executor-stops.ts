import { readdirSync, readFileSync } from 'node:fs';
import { childrenOf } from './process-tree.ts';

/** How long user code may hold its executor still, in ms. */
export const STOPPED_MS = 5000;
/** Looks at it in that time. */
const LOOKS = 5;

/** What is watched. */
export interface StopsOptions {
  /** The process that was started. */
  readonly pid: number;
  /** It is bubblewrap, and the executor is the first child of its only one. */
  readonly isWrapped: boolean;
  /** @default STOPPED_MS */
  readonly stoppedMs: number | undefined;
  /** Called once. */
  onStopped(): void;
}

/**
 * Watches from outside whether an executor stands still by a signal or a tracer, as its commands
 * may do to it: its warden then holds nobody to any limit. It is called when that is so in more
 * looks than not, by as many as make `stoppedMs`: one that is let go for a moment gains nothing.
 * Only Linux tells. Returns what ends it.
 */
export function watchStops({ pid, isWrapped, stoppedMs, onStopped }: StopsOptions): () => void {
  let executor = isWrapped ? null : pid;
  let stopped = 0;
  const look = (): void => {
    executor ??= wrappedIn(pid);
    if (executor === null) return;
    stopped = Math.max(0, stopped + (isStopped(executor) ? 1 : -1));
    if (stopped < LOOKS) return;
    clearInterval(looks);
    onStopped();
  };
  const looks = setInterval(look, (stoppedMs ?? STOPPED_MS) / LOOKS).unref();
  return () => clearInterval(looks);
}

/** Its children stand in the order in which they came to it. */
function wrappedIn(pid: number): number | null {
  const [inner] = childrenOf(pid);
  return inner === undefined ? null : (childrenOf(inner)[0] ?? null);
}

/** Any thread of it: the warden is one. False where nobody tells. */
function isStopped(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).some((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1');
      // The name before may hold blanks and brackets.
      return /^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2));
    });
  } catch {
    // It ended meanwhile, or this is not Linux.
    return false;
  }
}
