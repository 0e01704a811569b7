import type { Hash, PeerId, Scope, Start } from '../core/ids.ts';
import type { Interval } from '../core/interval-set.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { RecordGroup } from '../core/message.ts';
import { changesOf } from './changes.ts';
import { GroupBuilder } from './group-builder.ts';
import {
  ALL_BLOBS,
  ALL_LOCALS,
  ALL_RECORDS,
  blobKey,
  type KeyRange,
  logRange,
  nameOf,
  parseRecordKey,
  scopeRange,
} from './keys.ts';
import type { Store, StoredRecord, Write } from './store.ts';

/** The twin of LevelStore that keeps everything in memory: for tests and simulated worlds. */
export class MemoryStore implements Store {
  readonly #entries = new Map<string, Uint8Array>();
  /** The keys of the entries. UTF-16 order is byte order, for all but the local ones are ASCII. */
  readonly #sorted: string[] = [];
  #closed = false;

  /** A new store over a copy of what this one holds: the same home after a restart. */
  reopen(): MemoryStore {
    const next = new MemoryStore();
    for (const [key, bytes] of this.#entries) next.#entries.set(key, bytes);
    for (const key of this.#sorted) next.#sorted.push(key);
    return next;
  }

  async *records(): AsyncIterable<StoredRecord> {
    for (const key of this.#keys(ALL_RECORDS)) {
      const record = parseRecordKey(key);
      const body = this.#entries.get(key);
      if (record !== undefined && body !== undefined) yield { ...record, body };
    }
  }

  async *locals(): AsyncIterable<readonly [key: string, bytes: Uint8Array]> {
    for (const key of this.#keys(ALL_LOCALS)) {
      const bytes = this.#entries.get(key);
      if (bytes !== undefined) yield [nameOf(key), bytes];
    }
  }

  async *blobs(): AsyncIterable<Hash> {
    for (const key of this.#keys(ALL_BLOBS)) if (this.#entries.has(key)) yield nameOf(key);
  }

  async read(
    scope: Scope,
    origin: PeerId,
    start: Start,
    ranges: readonly Interval[],
    maxBytes: number,
  ): Promise<RecordGroup> {
    const group = new GroupBuilder(maxBytes);
    for (const [lo, hi] of ranges) {
      if (group.full) break;
      for (const key of this.#keys(logRange(scope, origin, start, lo, hi))) {
        if (group.full) break;
        const record = parseRecordKey(key);
        const body = this.#entries.get(key);
        if (record !== undefined && body !== undefined) group.add(record.n, body);
      }
    }
    return { scope, origin, start, records: group.records };
  }

  async blob(hash: Hash): Promise<Uint8Array | undefined> {
    this.#checkOpen();
    return this.#entries.get(blobKey(hash));
  }

  async write(batch: readonly Write[]): Promise<void> {
    this.#checkOpen();
    const changes = changesOf(batch, (scope) => this.#keys(scopeRange(scope)));
    for (const [key, bytes] of changes) {
      const known = this.#entries.has(key);
      if (bytes === null) this.#entries.delete(key);
      else this.#entries.set(key, bytes);
      const at = firstFrom(this.#sorted, key);
      if (known && bytes === null) this.#sorted.splice(at, 1);
      if (!known && bytes !== null) this.#sorted.splice(at, 0, key);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** The keys of a range in rising order, as they are now. */
  #keys({ gte, lt }: KeyRange): string[] {
    this.#checkOpen();
    return this.#sorted.slice(firstFrom(this.#sorted, gte), firstFrom(this.#sorted, lt));
  }

  #checkOpen(): void {
    if (this.#closed) throw new MeshError('MESH_STOPPED', 'the store is closed');
  }
}

function firstFrom(sorted: readonly string[], bound: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
