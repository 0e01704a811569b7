import type { FileHash } from '../../files/description.ts';
import { isDiskFull } from '../../files/disk-full.ts';

/** Before the next try to bring an input that could not be had, in ms: at first, and at most. */
const FIRST_MS = 1000;
const MOST_MS = 60_000;

/** How long a fault is told of after the last try, in ms. */
const TOLD_MS = 600_000;

/** Inputs that are remembered; the oldest make room. */
const MOST_FAULTS = 1000;

/** Inputs that are named in a notice. */
const SHOWN = 3;

interface Fault {
  readonly why: string;
  readonly times: number;
  readonly at: number;
}

/** Inputs of commands that could not be brought here at the last try, and why. */
export class InputFaults {
  /** Those of the latest tries are at the end. */
  readonly #faults = new Map<FileHash, Fault>();
  readonly #now: () => number;

  /** now: a clock in ms. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** An input could not be brought. Says whether it could be before, or was not tried. */
  note(hash: FileHash, why: string): boolean {
    const before = this.#faults.get(hash);
    this.#faults.delete(hash);
    this.#faults.set(hash, { why, times: (before?.times ?? 0) + 1, at: this.#now() });
    const [oldest] = this.#faults.keys();
    if (this.#faults.size > MOST_FAULTS && oldest !== undefined) this.#faults.delete(oldest);
    return before === undefined;
  }

  /** It is here. */
  clear(hash: FileHash): void {
    this.#faults.delete(hash);
  }

  /** What is to be waited before it is tried again, in ms: 1 s, doubled each time, up to 1 min. */
  pauseMs(hash: FileHash): number {
    const { times = 0 } = this.#faults.get(hash) ?? {};
    return times === 0 ? 0 : Math.min(FIRST_MS * 2 ** (times - 1), MOST_MS);
  }

  /** What a person is to know, a line for each of a few of the latest. */
  notices(): string[] {
    const latest = [...this.#faults.values()].filter(({ at }) => this.#now() - at < TOLD_MS);
    const lines = latest.slice(-SHOWN).map(({ why }) => `inputs of commands: ${why}`);
    const more = latest.length - lines.length;
    return more > 0 ? [...lines, `inputs of commands: ${more} more could not be had`] : lines;
  }
}

/** Why an input is not here: one line. */
export function unwritten(inside: string, bytes: number, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const size = bytes < 1e6 ? `${bytes} B` : `${Math.ceil(bytes / 1e6)} MB`;
  if (isDiskFull(error)) return `no room for its input ${inside} (${size})`;
  return `its input ${inside} cannot be written: ${code ?? message}`;
}
