import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  writeSync,
} from 'node:fs';

/** An output that was too long to hold: a file that belongs to whoever takes it. */
export interface MovedOutput {
  readonly file: string;
  readonly bytes: number;
  /** It is in the store of the peer that ran the command, under this hash. */
  readonly hash?: string;
}

/** What a command wrote: its bytes, or a file that has them. */
export type Output = Uint8Array | MovedOutput;

/** Longer outputs are not held but moved. */
export const HELD_BYTES: number = 256 * 1024;

const NOTHING = new Uint8Array(0);

/** More than the rest of a block, whatever its size: it takes a new one. */
const TRIAL: Uint8Array = new Uint8Array(65_537);

/**
 * The file that commands write one of their outputs to, one after another. It stays open. A file
 * that was written to is replaced, not emptied: what a command left running may still write to it.
 */
export class OutputFile {
  readonly path: string;
  #descriptor: number;

  constructor(path: string) {
    this.path = path;
    this.#descriptor = openSync(path, 'w+');
  }

  /** Bytes so far. */
  size(): number {
    return this.stat().size;
  }

  /** How the file is now. */
  stat(): Stats {
    return fstatSync(this.#descriptor);
  }

  /**
   * Takes what was written; the file is then empty. More than `mostBytes` is cut off.
   * found: how it is, since the command has ended. moved: the path of a file for what is longer
   * than HELD_BYTES. shared: a process that is still alive may have the file open, so that even an
   * empty one is replaced.
   */
  take({ size, nlink }: Stats, mostBytes: number, moved: string, shared: boolean): Output {
    const bytes = Math.min(size, mostBytes);
    if (size > bytes) ftruncateSync(this.#descriptor, bytes);
    if (bytes > HELD_BYTES) {
      renameSync(this.path, moved);
      this.#replace();
      return { file: moved, bytes };
    }
    const held = bytes === 0 ? NOTHING : this.read(0, bytes);
    if (size > 0 || shared || nlink === 0) {
      rmSync(this.path, { force: true });
      this.#replace();
    }
    return held;
  }

  /** Bytes of what was written so far; fewer when there are no more. */
  read(from: number, most: number): Uint8Array {
    const buffer = Buffer.allocUnsafe(most);
    let filled = 0;
    while (filled < most) {
      const count = readSync(this.#descriptor, buffer, filled, most - filled, from + filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  }

  /** Whether the disk takes more of it. */
  takesMore(): boolean {
    const size = this.size();
    try {
      return writeSync(this.#descriptor, TRIAL, 0, TRIAL.length, size) === TRIAL.length;
    } catch {
      return false;
    } finally {
      ftruncateSync(this.#descriptor, size);
    }
  }

  /** Closes and removes the file. */
  close(): void {
    closeSync(this.#descriptor);
    rmSync(this.path, { force: true });
  }

  #replace(): void {
    const next = openSync(this.path, 'w+');
    closeSync(this.#descriptor);
    this.#descriptor = next;
  }
}
