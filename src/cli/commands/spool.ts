import { join } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { type BlockFolder, BlockFolders } from '../../files/block-folders.ts';
import { isDiskFull } from '../../files/disk-full.ts';
import type { SentBlock } from './transfer.ts';

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
