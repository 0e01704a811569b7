import { statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { type BlockFolder, BlockFolders } from '../../files/block-folders.ts';
import { isDiskFull } from '../../files/disk-full.ts';
import type { SentBlock } from './transfer.ts';

/** Bytes of stdin on the disk at most, … */
const MOST_BYTES = 2 ** 30;
/** … and of what is free there: the commands' results need room, too. */
const FREE_SHARE = 1 / 4;

/** Blocks of stdin as files of the home, until their commands are over. */
export class Spool {
  readonly #path: string;
  #folder: Promise<BlockFolder> | null = null;
  #bytes = 0;

  /** home: it need not be there. */
  constructor(home: string) {
    this.#path = join(home, 'blocks');
  }

  /** Of all blocks that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes that it should keep at once at most, by the room on its disk now. */
  mostBytes(): number {
    for (let at = this.#path; ; at = dirname(at)) {
      const free = freeBytes(at);
      if (free !== null) return Math.min(MOST_BYTES, free * FREE_SHARE);
      if (at === dirname(at)) return MOST_BYTES;
    }
  }

  /** Keeps a block. @throws MeshError MESH_DISK_FULL, MESH_INTERNAL */
  async keep(block: Uint8Array): Promise<SentBlock> {
    try {
      this.#folder ??= new BlockFolders(this.#path).make();
      const kept = await (await this.#folder).keep(block);
      this.#bytes += kept.bytes;
      return kept;
    } catch (cause) {
      const isFull = isDiskFull(cause);
      const text = `stdin is kept in ${this.#path} until its commands ran: `;
      throw new MeshError(
        isFull ? 'MESH_DISK_FULL' : 'MESH_INTERNAL',
        text + (isFull ? 'the disk is full; free some space' : (cause as Error).message),
        { cause },
      );
    }
  }

  /** Gives a block's place on the disk back: its command is over. */
  async drop({ hash, bytes }: SentBlock): Promise<void> {
    await (await this.#folder)?.drop(hash);
    this.#bytes -= bytes;
  }

  /** Says which jobs the blocks are for. @see BlockFolder.isFor */
  async isFor(jobs: readonly string[]): Promise<void> {
    await (await this.#folder)?.isFor(jobs);
  }

  /** Removes what is left of it. */
  async clear(): Promise<void> {
    const folder = await this.#folder?.catch(() => null);
    this.#folder = null;
    this.#bytes = 0;
    await folder?.remove();
  }
}

/** Free on the disk of a folder; null when there is no such folder, or no room is told of. */
function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}
