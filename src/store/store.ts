import type { StoreWrite } from '../core/event.ts';
import type { Hash, PeerId, Scope, Start } from '../core/ids.ts';
import type { Interval } from '../core/interval-set.ts';
import type { RecordGroup } from '../core/message.ts';

/** One change of the store. A batch of them is atomic. */
export type Write = StoreWrite;

/** A record as it is read at start. */
export interface StoredRecord {
  readonly scope: Scope;
  readonly origin: PeerId;
  readonly start: Start;
  readonly n: number;
  readonly body: Uint8Array;
}

/**
 * Keeps records, blobs and local state. Twins: LevelStore and MemoryStore, one contract suite.
 * Every entry is kept with its hash and checked on reading; a rotten entry is deleted, reported by
 * `onRot`, and treated as absent, so that sync fetches it again.
 */
export interface Store {
  /** All records, control scope first, then scope by scope; within a log in rising n. */
  records(): AsyncIterable<StoredRecord>;
  /** All local entries. */
  locals(): AsyncIterable<readonly [key: string, bytes: Uint8Array]>;
  /** The hashes of all blobs held. */
  blobs(): AsyncIterable<Hash>;
  /** The records of one log in these ranges, up to about maxBytes of bodies (at least one). */
  read(
    scope: Scope,
    origin: PeerId,
    start: Start,
    ranges: readonly Interval[],
    maxBytes: number,
  ): Promise<RecordGroup>;
  blob(hash: Hash): Promise<Uint8Array | undefined>;
  /**
   * Writes all in one batch that is on disk when the promise resolves (sync: true).
   * @throws MeshError MESH_DISK_FULL when the disk is full; nothing of the batch is then kept.
   */
  write(batch: readonly Write[]): Promise<void>;
  close(): Promise<void>;
}
