import { constants, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { removeTree } from '../sandbox/remove-tree.ts';
import type { WorkPlace } from './command-item.ts';

const AS_THEY_ARE = {
  recursive: true,
  preserveTimestamps: true,
  verbatimSymlinks: true,
  mode: constants.COPYFILE_FICLONE,
} as const;

/**
 * What was in a command's working folder before its first try, which may use it up: each further
 * try finds it anew, as with GNU parallel, which transfers again.
 */
export class KeptInputs {
  readonly #folder: string;
  readonly #kept: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#kept = join(dirname(folder), 'kept');
  }

  /** Copies a working folder; null where there is none. @throws Error with an errno: no room */
  static async keep({ folder }: WorkPlace): Promise<KeptInputs | null> {
    if (!existsSync(folder)) return null;
    const inputs = new KeptInputs(folder);
    await cp(folder, inputs.#kept, AS_THEY_ARE);
    return inputs;
  }

  /** Makes the working folder what it was. */
  async restore(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    for (const name of readdirSync(this.#folder)) removeTree(join(this.#folder, name));
    await cp(this.#kept, this.#folder, AS_THEY_ARE);
  }

  /** Forgets it. */
  drop(): void {
    removeTree(this.#kept);
  }
}
