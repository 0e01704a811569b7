import { statfs } from 'node:fs/promises';
import type { Hash, PeerId, Scope, Start } from '../core/ids.ts';
import type { Interval } from '../core/interval-set.ts';
import { MeshError } from '../core/mesh-error.ts';
import type { RecordGroup } from '../core/message.ts';
import { isDiskFull } from '../files/disk-full.ts';
import { changesOf } from './changes.ts';
import { faultOf, isClosed, isDamage } from './faults.ts';
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
import { type Database, openDatabase, repairDatabase } from './repair.ts';
import { seal, unseal } from './sealed.ts';
import type { Store, StoredRecord, Write } from './store.ts';

/** What a store tells its owner; handlers must not throw. */
export interface LevelStoreOptions {
  /** A rotten entry was found and deleted: its key. */
  readonly onRot?: (what: string) => void;
  /** A damaged database was repaired or emptied: what was done, in one line. */
  readonly onRepair?: (how: string) => void;
}

/** Room that LevelDB needs to open again: its log is written as a table, and a new log begins. */
const REOPEN_BYTES = 8_388_608;

/** Read at a time of a range: LevelDB's 16 KiB would be a turn of its threads for ten records. */
const AHEAD_BYTES = 262_144;

/**
 * Keeps records, blobs and local state in a LevelDB. Damage that shows while it is open is repaired
 * in place: what could not be saved is absent afterwards. After a disk was full, it is opened again
 * by the first write that finds space.
 */
export class LevelStore implements Store {
  readonly #dir: string;
  readonly #onRot: (what: string) => void;
  readonly #onRepair: (how: string) => void;
  #database: Promise<Database>;
  /** Counts up when another database takes the place of #database. */
  #generation = 0;
  /** The last write; the next one waits for it. */
  #writing: Promise<unknown> = Promise.resolve();
  /** A write failed: what LevelDB's log ends with is unknown, so it is opened anew first. */
  #unsound = false;
  #closing: Promise<void> | undefined;

  private constructor(dir: string, database: Database, options: LevelStoreOptions) {
    this.#dir = dir;
    this.#database = Promise.resolve(database);
    this.#onRot = options.onRot ?? (() => {});
    this.#onRepair = options.onRepair ?? (() => {});
  }

  /**
   * Opens the store in a folder, and makes it where there is none.
   * @throws MeshError MESH_HOME_IN_USE when another process has it open, MESH_DISK_FULL,
   * MESH_HOME_UNUSABLE when the folder cannot be made, read or written.
   */
  static async open(dir: string, options: LevelStoreOptions = {}): Promise<LevelStore> {
    const database = await openDatabase(dir, options.onRepair ?? (() => {}));
    return new LevelStore(dir, database, options);
  }

  async *records(): AsyncIterable<StoredRecord> {
    for await (const [key, body] of this.#entries(ALL_RECORDS)) {
      const record = parseRecordKey(key);
      if (record !== undefined) yield { ...record, body };
    }
  }

  async *locals(): AsyncIterable<readonly [key: string, bytes: Uint8Array]> {
    for await (const [key, bytes] of this.#entries(ALL_LOCALS)) yield [nameOf(key), bytes];
  }

  async *blobs(): AsyncIterable<Hash> {
    for (const key of await this.#keys(ALL_BLOBS)) yield nameOf(key);
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
      for await (const [key, body] of this.#entries(logRange(scope, origin, start, lo, hi))) {
        const record = parseRecordKey(key);
        if (record !== undefined) group.add(record.n, body);
        if (group.full) break;
      }
    }
    return { scope, origin, start, records: group.records };
  }

  async blob(hash: Hash): Promise<Uint8Array | undefined> {
    const key = blobKey(hash);
    const sealed = await this.#use((database) => database.get(key));
    if (sealed === undefined) return undefined;
    return unseal(key, sealed) ?? this.#rotten(key);
  }

  write(batch: readonly Write[]): Promise<void> {
    return this.#queue(async () => {
      const dropped = new Map<Scope, string[]>();
      for (const write of batch) {
        if (write.kind !== 'drop-scope') continue;
        dropped.set(write.scope, await this.#keys(scopeRange(write.scope)));
      }
      const changes = changesOf(batch, (scope) => dropped.get(scope) ?? []);
      if (changes.size > 0) await this.#apply(changes);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#writing.then(async () => {
      // A database that would not open again after a full disk has nothing to close.
      const database = await this.#database.catch(() => undefined);
      await database?.close();
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Sound entries of a range in byte order; goes on behind the last one after a repair. */
  async *#entries(range: KeyRange): AsyncGenerator<readonly [key: string, bytes: Uint8Array]> {
    let last: string | undefined;
    for (;;) {
      const generation = this.#generation;
      const database = await this.#opened();
      const from = last === undefined ? { gte: range.gte } : { gt: last };
      const options = { ...from, lt: range.lt, highWaterMarkBytes: AHEAD_BYTES };
      try {
        for await (const [key, sealed] of database.iterator(options)) {
          last = key;
          const bytes = unseal(key, sealed);
          if (bytes === undefined) await this.#rotten(key);
          else yield [key, bytes];
        }
        return;
      } catch (error) {
        await this.#recover(generation, error);
      }
    }
  }

  #keys({ gte, lt }: KeyRange): Promise<string[]> {
    return this.#use((database) => database.keys({ gte, lt }).all());
  }

  /** One operation on the open database, again after a repair. */
  async #use<T>(act: (database: Database) => Promise<T>): Promise<T> {
    for (;;) {
      const generation = this.#generation;
      const database = await this.#opened();
      try {
        return await act(database);
      } catch (error) {
        await this.#recover(generation, error);
      }
    }
  }

  #opened(): Promise<Database> {
    if (this.#closing !== undefined) throw new MeshError('MESH_STOPPED', 'the store is closed');
    return this.#database;
  }

  /** Returns when an operation that failed may be tried again. @throws MeshError otherwise */
  async #recover(generation: number, error: unknown): Promise<void> {
    if (this.#closing !== undefined) throw new MeshError('MESH_STOPPED', 'the store is closed');
    const damaged = isDamage(error);
    // What failed because another operation replaced the database goes on with the new one.
    if (generation !== this.#generation && (damaged || isClosed(error))) return;
    if (!damaged) throw faultOf(this.#dir, error);
    const reason = error instanceof Error ? error.message : 'damaged';
    await this.#replace(() => repairDatabase(this.#dir, reason, this.#onRepair));
  }

  /** Closes the database and puts another in its place; all operations wait for it. */
  async #replace(next: () => Promise<Database>): Promise<void> {
    this.#generation++;
    const closed = this.#database.then(
      (old) => old.close(),
      // It did not open the last time: nothing to close.
      () => {},
    );
    this.#database = closed.then(next);
    this.#unsound = true;
    await this.#database;
    this.#unsound = false;
  }

  /** Runs one write after the other, on a database whose last write did not fail. */
  #queue(act: () => Promise<void>): Promise<void> {
    if (this.#closing !== undefined) {
      return Promise.reject(new MeshError('MESH_STOPPED', 'the store is closed'));
    }
    const done = this.#writing.then(async () => {
      if (this.#unsound) await this.#reopen();
      await act();
    });
    // The next write must not fail for this one's reason; the caller of this one is told.
    this.#writing = done.catch(() => {});
    return done;
  }

  async #apply(changes: ReadonlyMap<string, Uint8Array | null>): Promise<void> {
    const operations = [...changes].map(([key, bytes]) =>
      bytes === null
        ? ({ type: 'del', key } as const)
        : ({ type: 'put', key, value: seal(key, bytes) } as const),
    );
    try {
      await this.#use((database) => database.batch(operations, { sync: true }));
    } catch (error) {
      this.#unsound = true;
      throw error;
    }
  }

  async #reopen(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#dir);
    if (bavail * bsize < REOPEN_BYTES) throw faultOf(this.#dir, new Error('ENOSPC'));
    await this.#replace(() => openDatabase(this.#dir, this.#onRepair));
  }

  /** Deletes a rotten entry, so that it counts as absent, and tells the owner. */
  async #rotten(key: string): Promise<undefined> {
    this.#onRot(key);
    try {
      await this.#queue(() => this.#apply(new Map([[key, null]])));
    } catch (error) {
      // On a full disk it stays, is never given out, and is found again.
      if (!isDiskFull(error)) throw error;
    }
    return undefined;
  }
}
