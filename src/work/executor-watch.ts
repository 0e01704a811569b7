import { readdirSync, readFileSync } from 'node:fs';
import { childrenOf, residentBytes, residentBytesOfChildren } from './process-tree.ts';
import { measureOpenFiles } from './sandbox/open-files.ts';

/** How long user code may hold its executor still, in ms. */
export const STOPPED_MS = 5000;
/** Looks at it in that time. */
const LOOKS = 5;
/** Between two parts of a measurement, in ms. */
const PART_MS = 20;
/** So many times its memory limit shows that its warden holds it to none. */
const MEMORY_TIMES = 1.5;

/** What is watched. */
export interface WatchOptions {
  /** The process that was started. */
  readonly pid: number;
  /** It is bubblewrap, and the executor is the first child of its only one. */
  readonly isWrapped: boolean;
  /** What files that are open and removed may take; null: it is not held, and nobody looks. */
  readonly mostBytes: number | null;
  /** Its memory limit, if it is held; null: nobody looks. */
  readonly memoryBytes: number | null;
  /** @default STOPPED_MS */
  readonly stoppedMs: number | undefined;
  /** Called once. */
  onStopped(): void;
  /** Called once, with the bytes that files have which no folder has. */
  onFull(bytes: number): void;
  /** Called once, with the bytes that are resident. */
  onHungry(bytes: number): void;
}

/**
 * Watches an executor from outside, where its warden may be out of action or see too little:
 *
 * - It stands still, by a signal or a tracer, as its commands may do to it: its warden then holds
 *   nobody to any limit. That counts when it is so in more looks than not, by as many as make
 *   `stoppedMs`: one that is let go for a moment gains nothing.
 * - Files that are open and removed, of all its processes, by whatever descriptors.
 * - Far more memory than its limit: its warden ends it long before, unless that was tampered with.
 *
 * Only Linux tells. Returns what ends it.
 */
export function watchExecutor(options: WatchOptions): () => void {
  const { pid, mostBytes, memoryBytes, stoppedMs } = options;
  let executor = options.isWrapped ? null : pid;
  let stopped = 0;
  let measuring: ReturnType<typeof measureOpenFiles> | null = null;
  let next: NodeJS.Timeout | undefined;
  const end = (): void => {
    clearInterval(looks);
    clearTimeout(next);
  };
  const measure = (most: number): void => {
    const bytes = measuring?.next().value;
    if (typeof bytes !== 'number') {
      next = setTimeout(measure, PART_MS, most).unref();
      return;
    }
    measuring = null;
    if (bytes <= most) return;
    end();
    options.onFull(bytes);
  };
  const look = (): void => {
    executor ??= wrappedIn(pid);
    if (executor === null) return;
    stopped = Math.max(0, stopped + (isStopped(executor) ? 1 : -1));
    if (stopped >= LOOKS) {
      end();
      return options.onStopped();
    }
    const resident = memoryBytes === null ? 0 : residentBytes(pid) + residentBytesOfChildren(pid);
    if (memoryBytes !== null && resident > MEMORY_TIMES * memoryBytes) {
      end();
      return options.onHungry(resident);
    }
    if (mostBytes === null || measuring !== null) return;
    measuring = measureOpenFiles(pid, mostBytes);
    measure(mostBytes);
  };
  const looks = setInterval(look, (stoppedMs ?? STOPPED_MS) / LOOKS).unref();
  return end;
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
