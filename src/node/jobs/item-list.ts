import { createHash, hash } from 'node:crypto';
import { type ItemChunk, itemChunks } from '../../core/blobs.ts';
import { decode, encode, hexToBytes } from '../../core/codec.ts';
import type { Hasher } from '../../core/event.ts';
import { check, list, text } from '../../core/form.ts';
import type { Hash } from '../../core/ids.ts';

/** Bytes of items that one chunk aims at. */
const CHUNK_BYTES = 262_144;

/** The longest chunk: one item of a mebibyte, and what was gathered before it. */
const MAX_CHUNK_BYTES = 2_097_152;

/** Chunks kept decoded. */
const CACHED_CHUNKS = 8;

/** A blob with its name. */
export interface NamedBlob {
  readonly hash: Hash;
  readonly bytes: Uint8Array;
}

/** SHA-256 as hexadecimal digits; of a text, of its UTF-8. */
export function sha256(bytes: Uint8Array | string): Hash {
  // Not createHash: an answer is a hash of each value, and its object costs more than hashing.
  return hash('sha256', bytes, 'hex');
}

/** SHA-256 of bytes that come one after the other. */
export function sha256Hasher(): Hasher {
  const hasher = createHash('sha256');
  return { update: (bytes) => void hasher.update(bytes), digest: () => hasher.digest('hex') };
}

/** The content-addressed form of a map job's items: their chunks, and the root that names them. */
export function packItems(items: readonly string[]): { root: NamedBlob; chunks: NamedBlob[] } {
  const chunks: NamedBlob[] = [];
  const entries: [Uint8Array, number][] = [];
  let gathered: string[] = [];
  let size = 0;
  const close = (): void => {
    const bytes = encode(gathered);
    const hash = sha256(bytes);
    entries.push([hexToBytes(hash), gathered.length]);
    chunks.push({ hash, bytes });
    gathered = [];
    size = 0;
  };
  for (const item of items) {
    gathered.push(item);
    size += item.length;
    if (size >= CHUNK_BYTES) close();
  }
  if (gathered.length > 0) close();
  const bytes = encode([items.length, entries]);
  return { root: { hash: sha256(bytes), bytes }, chunks };
}

const chunkForm = list(text(MAX_CHUNK_BYTES), 2 ** 20);

/** Reads the items of a job by index, chunk by chunk, from where blobs are kept. */
export class ItemReader {
  readonly #chunks: readonly ItemChunk[];
  readonly #blob: (hash: Hash) => Promise<Uint8Array>;
  readonly #cache = new Map<Hash, readonly string[]>();

  private constructor(chunks: readonly ItemChunk[], blob: (hash: Hash) => Promise<Uint8Array>) {
    this.#chunks = chunks;
    this.#blob = blob;
  }

  static async open(root: Hash, blob: (hash: Hash) => Promise<Uint8Array>): Promise<ItemReader> {
    const chunks = itemChunks(await blob(root));
    if (chunks === null) throw new Error(`the items root ${root} is malformed`);
    return new ItemReader(chunks, blob);
  }

  /** JSON texts of the items lo … hi − 1. */
  async read(lo: number, hi: number): Promise<string[]> {
    const found: string[] = [];
    let first = 0;
    for (const { hash, count } of this.#chunks) {
      if (first >= hi) break;
      if (first + count > lo) {
        const items = await this.#chunk(hash);
        found.push(...items.slice(Math.max(0, lo - first), hi - first));
      }
      first += count;
    }
    return found;
  }

  async #chunk(hash: Hash): Promise<readonly string[]> {
    const cached = this.#cache.get(hash);
    if (cached !== undefined) return cached;
    // Their hash names these bytes: it does not matter in which form they are written.
    const decoded = decode(await this.#blob(hash), MAX_CHUNK_BYTES * 4, true);
    const items = 'value' in decoded ? check(chunkForm, decoded.value) : decoded;
    if ('rejected' in items) throw new Error(`items ${hash} are malformed: ${items.rejected}`);
    this.#cache.set(hash, items.value);
    const [oldest] = this.#cache.keys();
    if (this.#cache.size > CACHED_CHUNKS && oldest !== undefined) this.#cache.delete(oldest);
    return items.value;
  }
}
