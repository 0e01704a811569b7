/** After so many batches an executor is replaced: what leaks in user code ends with it. */
const MOST_BATCHES = 5000;
/** After so long, in ms. */
const MOST_MS = 600_000;
/** Growth in bytes after which it is replaced where the job has no memory limit. */
const MOST_GROWTH_BYTES = 2 ** 30;
/** Between two looks at the memory, in ms: each reads a file of the kernel's. */
const LEAST_LOOK_MS = 2;
const MOST_LOOK_MS = 20;
/** It grows by no more in a ms, in bytes: the farther from too much, the later the next look. */
const GROWTH_A_MS = 4_000_000;

export interface WearOptions {
  /** The job's memory limit, or null. */
  readonly memoryBytes: number | null;
  /** Resident memory now, in bytes. */
  readonly residentBytes: () => number;
  /** A clock in ms. */
  readonly now: () => number;
}

/** Says when an executor has done enough. */
export interface Wear {
  /** Inside a batch: its memory has grown so far that the batch is to end. */
  isFull(): boolean;
  /** After a batch: nothing more is to run in it. */
  isWorn(): boolean;
}

/**
 * Begins when the program is loaded. Memory may grow halfway to the limit: a leak is to end with
 * its executor, and not to look like a candidate that takes too much.
 */
export function createWear({ memoryBytes, residentBytes, now }: WearOptions): Wear {
  const bornMs = now();
  const bornBytes = residentBytes();
  const roomBytes = memoryBytes === null ? null : Math.max(0, memoryBytes - bornBytes) / 2;
  const mostBytes = bornBytes + (roomBytes ?? MOST_GROWTH_BYTES);
  let batches = 0;
  let nextMs = bornMs + LEAST_LOOK_MS;
  let full = false;
  const isFull = (): boolean => {
    const at = now();
    if (at < nextMs) return full;
    const leftBytes = mostBytes - residentBytes();
    full = leftBytes < 0;
    nextMs = at + Math.max(LEAST_LOOK_MS, Math.min(leftBytes / GROWTH_A_MS, MOST_LOOK_MS));
    return full;
  };
  return {
    isFull,
    isWorn() {
      batches += 1;
      if (batches >= MOST_BATCHES || now() - bornMs >= MOST_MS) return true;
      return isFull();
    },
  };
}
