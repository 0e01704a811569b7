import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';

/** Times that are looked at: the last ones. */
const MOST_READ = 999;

/** Bytes of a time in the book. */
const ENTRY_BYTES = 8;

/** A longer book is not written on: by then its median is what it is. */
const MOST_BYTES = 65_536 * ENTRY_BYTES;

/**
 * How long the commands of one run took on this machine, in a file that all its executors write on:
 * little-endian doubles, in ms, in the order in which commands ended.
 */
export class RuntimeBook {
  readonly #path: string;
  #readBytes = 0;
  #medianMs: number | null = null;

  /** path: it need not be there. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Notes that a command succeeded after so long. */
  note(ms: number): void {
    const entry = Buffer.alloc(ENTRY_BYTES);
    entry.writeDoubleLE(ms);
    const file = openSync(this.#path, 'a', 0o600);
    try {
      // An append of so few bytes is one step, whoever else writes.
      if (fstatSync(file).size < MOST_BYTES) writeSync(file, entry);
    } finally {
      closeSync(file);
    }
  }

  /** The median of the last 999, of an even number the lower one; null: nothing is noted. */
  medianMs(): number | null {
    let file: number;
    try {
      file = openSync(this.#path, 'r');
    } catch {
      return this.#medianMs;
    }
    try {
      const size = Math.floor(fstatSync(file).size / ENTRY_BYTES) * ENTRY_BYTES;
      if (size === this.#readBytes) return this.#medianMs;
      const bytes = Buffer.alloc(Math.min(size, MOST_READ * ENTRY_BYTES));
      readSync(file, bytes, 0, bytes.length, size - bytes.length);
      const times = Array.from({ length: bytes.length / ENTRY_BYTES }, (_, k) => {
        return bytes.readDoubleLE(k * ENTRY_BYTES);
      });
      times.sort((one, other) => one - other);
      this.#readBytes = size;
      this.#medianMs = times[Math.floor((times.length - 1) / 2)] ?? null;
      return this.#medianMs;
    } finally {
      closeSync(file);
    }
  }
}
