import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { LEDGER_FD } from './executor-descriptors.ts';

/** Numbers in a ledger: the candidate in hand, why it was ended, and how much it took. */
const NUMBERS = 3;

/** Why an executor ended itself. */
export type Reason = 'timeout' | 'memory' | 'scratch' | 'processes' | 'folder';

const REASONS: readonly (Reason | null)[] = [
  ...([null, 'timeout', 'memory', 'scratch', 'processes', 'folder'] as const),
];

/** What an executor wrote down before it ended. */
export interface Noted {
  /** The candidate in hand, or null where that is not known. */
  readonly index: number | null;
  readonly reason: Reason | null;
  /** Time in ms, bytes, or processes; 0 without a reason. */
  readonly amount: number;
}

/**
 * A file without a name that an executor writes to and its peer reads when that one has died: what
 * it was at is then known whatever ended it. It vanishes with the two processes.
 */
export class Ledger {
  readonly fd: number;
  #open = true;

  constructor(folder: string) {
    const path = join(folder, `ledger-${Math.random().toString(36).slice(2)}`);
    this.fd = openSync(path, 'wx+', 0o600);
    rmSync(path, { force: true });
    const numbers = Float64Array.of(-1, 0, 0);
    writeSync(this.fd, numbers, 0, numbers.byteLength, 0);
  }

  /** Writes down why its executor is ended, in the peer. */
  note(reason: Reason, amount: number): void {
    const numbers = Float64Array.of(REASONS.indexOf(reason), amount);
    if (this.#open) writeSync(this.fd, numbers, 0, numbers.byteLength, 8);
  }

  read(): Noted {
    const numbers = new Float64Array(NUMBERS);
    if (this.#open) readSync(this.fd, numbers, 0, numbers.byteLength, 0);
    const [index = -1, code = 0, amount = 0] = numbers;
    const reason = REASONS[code] ?? null;
    return { index: Number.isInteger(index) && index >= 0 ? index : null, reason, amount };
  }

  close(): void {
    if (this.#open) closeSync(this.fd);
    this.#open = false;
  }
}

/** Writes down the candidate in hand, as it stands in `cell`; −1: none. In the executor. */
export function noteIndex(cell: Float64Array): void {
  writeSync(LEDGER_FD, cell, 0, 8, 0);
}

/** Writes down why the executor is about to end. In the executor. */
export function noteReason(index: number, reason: Reason, amount: number): void {
  const numbers = Float64Array.of(index, REASONS.indexOf(reason), amount);
  writeSync(LEDGER_FD, numbers, 0, numbers.byteLength, 0);
}
