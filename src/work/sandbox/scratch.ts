import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from './remove-tree.ts';

/** Where executors write by default at most, in bytes. */
export const SCRATCH_BYTES = 1e9;

/** So long after a change of a folder another one gives it another time, in ms. */
const CLOCK_STEP_MS = 20;

/** User code may put another clock in its place. */
const { now } = Date;

/** The folder of candidates in an executor's own folder: it alone is writable. */
export function scratchIn(folder: string): string {
  return join(folder, 'scratch');
}

/**
 * A folder for what one candidate writes: empty at its start, emptied after it. It is made when it
 * is first asked for.
 */
export class Scratch {
  readonly path: string;
  readonly #onFirst: () => void;
  #made = false;
  #asked = false;
  #first = true;
  /** The time of its last change when it was seen to be empty; no program sets that time. */
  #emptyMs: number | null = null;

  /** onFirst: called once, before the folder is first made. */
  constructor(path: string, onFirst: () => void = () => undefined) {
    this.path = path;
    this.#onFirst = onFirst;
  }

  /** Somebody asked for it since it was last emptied. */
  get asked(): boolean {
    return this.#asked;
  }

  /** The path of the folder, which exists and is empty, but for what this candidate wrote. */
  ask(): string {
    if (this.#asked) return this.path;
    if (this.#first) this.#onFirst();
    this.#first = false;
    if (!this.#made) mkdirSync(this.path, { recursive: true, mode: 0o700 });
    this.#made = true;
    this.#asked = true;
    return this.path;
  }

  /** Empties it. @throws what the system says when something stays. */
  clear(): void {
    this.#asked = false;
    // Removed by the candidate, or a link in its place, which is not to be followed.
    const found = lstatSync(this.path, { throwIfNoEntry: false });
    if (found?.isDirectory() !== true) {
      removeTree(this.path);
      this.#made = false;
      return;
    }
    const { ctimeMs } = found;
    if (ctimeMs === this.#emptyMs) return;
    const names = this.#names();
    for (const name of names) removeTree(join(this.path, name));
    const isSure = names.length === 0 && now() - ctimeMs > CLOCK_STEP_MS;
    this.#emptyMs = isSure ? ctimeMs : null;
  }

  #names(): string[] {
    try {
      return readdirSync(this.path);
    } catch {
      // Its own rights were taken from it.
      chmodSync(this.path, 0o700);
      return readdirSync(this.path);
    }
  }
}
