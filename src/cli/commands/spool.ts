import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { isDiskFull } from '../../files/disk-full.ts';

/** How long blocks of a run that did not come to its end are kept, in ms: longer than its job. */
const KEPT_MS = 8 * 24 * 3600 * 1000;

/** Blocks of stdin as files of the home, by the hash of what they hold. */
export class Spool {
  readonly #folder: string;
  readonly #names = new Set<string>();

  /** home: it need not be there. */
  constructor(home: string) {
    this.#folder = join(home, 'blocks');
  }

  /** Keeps a block. The path of its file. @throws MeshError MESH_DISK_FULL, MESH_INTERNAL */
  async keep(block: Uint8Array): Promise<string> {
    const name = createHash('sha256').update(block).digest('hex');
    const path = join(this.#folder, name);
    if (this.#names.has(name)) return path;
    try {
      if (this.#names.size === 0) await this.#begin();
      this.#names.add(name);
      const found = await stat(path).catch(() => null);
      if (found?.size === block.length) return path;
      const draft = `${path}.${randomBytes(6).toString('hex')}`;
      await writeFile(draft, block, { mode: 0o600 });
      await rename(draft, path);
      return path;
    } catch (cause) {
      const isFull = isDiskFull(cause);
      const text = `stdin is kept in ${this.#folder} until its commands ran: `;
      throw new MeshError(
        isFull ? 'MESH_DISK_FULL' : 'MESH_INTERNAL',
        text + (isFull ? 'the disk is full; free some space' : (cause as Error).message),
        { cause },
      );
    }
  }

  /** Removes what this run kept: its commands are over, or never began. */
  async clear(): Promise<void> {
    for (const name of this.#names) await rm(join(this.#folder, name), { force: true });
    this.#names.clear();
  }

  /** Makes the folder, without what runs left in it that nobody went on with. */
  async #begin(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const found = await stat(path).catch(() => null);
      if (found !== null && found.mtimeMs < Date.now() - KEPT_MS) await rm(path, { force: true });
    }
  }
}
