import type { StoreWrite } from '../../../src/core/event.ts';
import type { Hash, PeerId, Scope, Start } from '../../../src/core/ids.ts';
import { startKey } from '../../../src/core/ids.ts';
import type { Interval } from '../../../src/core/interval-set.ts';
import type { RecordGroup } from '../../../src/core/message.ts';
import type { RecordKey } from '../../../src/core/record.ts';
import type { Random } from './random.ts';

type RecordWrite = Extract<StoreWrite, { kind: 'record' }>;

/** What survives the end of a process. A rotten entry is found on reading, and is then absent. */
export class Disk {
  readonly records: Map<string, RecordWrite> = new Map();
  readonly locals: Map<string, Uint8Array> = new Map();
  readonly blobs: Map<Hash, Uint8Array> = new Map();
  /** The incarnation file: beside the database, written before anything of a start. */
  incarnation = 0;
  /** Bytes of all entries that were ever written. */
  written = 0;

  /** Writes one batch: all of it, for batches are atomic. */
  apply(batch: readonly StoreWrite[]): void {
    for (const write of batch) this.#applyOne(write);
  }

  #applyOne(write: StoreWrite): void {
    switch (write.kind) {
      case 'record':
        this.written += write.body.length + 100;
        this.records.set(...shared(write));
        return;
      case 'blob':
        this.written += write.bytes.length + 40;
        this.blobs.set(write.hash, write.bytes);
        return;
      case 'local':
        this.written += (write.bytes?.length ?? 0) + write.key.length + 8;
        if (write.bytes === null) this.locals.delete(write.key);
        else this.locals.set(write.key, write.bytes);
        return;
      case 'drop-record':
        this.records.delete(recordKey(write));
        return;
      case 'drop-blob':
        this.blobs.delete(write.hash);
        return;
      case 'drop-scope':
        for (const [key, { scope }] of this.records) {
          if (scope === write.scope) this.records.delete(key);
        }
    }
  }

  /** Empties the database; the plain files beside it stay. */
  wipe(): void {
    this.records.clear();
    this.locals.clear();
    this.blobs.clear();
  }

  /** Flips a bit in one record, or in one blob, so that it is absent. True if there was one. */
  rot(random: Random): boolean {
    const all: [Map<string, unknown>, string][] = [
      ...[...this.records.keys()].map((key): [Map<string, unknown>, string] => [this.records, key]),
      ...[...this.blobs.keys()].map((key): [Map<string, unknown>, string] => [this.blobs, key]),
    ];
    if (all.length === 0) return false;
    const [from, key] = random.pick(all);
    return from.delete(key);
  }

  /** Takes over what another disk holds, as a copied home does. */
  copyFrom(other: Disk): void {
    this.wipe();
    for (const [key, write] of other.records) this.records.set(key, write);
    for (const [key, bytes] of other.locals) this.locals.set(key, bytes);
    for (const [key, bytes] of other.blobs) this.blobs.set(key, bytes);
    this.incarnation = other.incarnation;
  }

  /** All records as a start reads them: the control scope first, then scope by scope. */
  inOrder(): RecordWrite[] {
    const isControl = (key: string): number => (key.startsWith('control ') ? 0 : 1);
    return [...this.records]
      .sort(([a], [b]) => isControl(a) - isControl(b) || (a < b ? -1 : 1))
      .map(([, write]) => write);
  }

  /** The records of one log in these ranges. */
  read(
    scope: Scope,
    origin: PeerId,
    start: Start,
    ranges: readonly Interval[],
  ): RecordGroup['records'] {
    const found: [number, Uint8Array][] = [];
    for (const [lo, hi] of ranges) {
      for (let n = lo; n < hi; n++) {
        const write = this.records.get(recordKey({ scope, origin, start, n }));
        if (write !== undefined) found.push([n, write.body]);
      }
    }
    return found;
  }
}

/** Records by body: what all disks of a big mesh hold is in memory once. */
const held = new WeakMap<Uint8Array, readonly [key: string, write: RecordWrite]>();

function shared(write: RecordWrite): readonly [key: string, write: RecordWrite] {
  const known = held.get(write.body) ?? ([recordKey(write), write] as const);
  held.set(write.body, known);
  return known;
}

/** The key of a record, in the order of its log. */
export function recordKey({ scope, origin, start, n }: RecordKey): string {
  return `${scope} ${origin} ${startKey(start)} ${String(n).padStart(10, '0')}`;
}

/** The writes of one step. */
export interface StepBatch {
  readonly writes: readonly StoreWrite[];
  readonly write: number;
}

/** How much of what was not yet synced a crash leaves. */
export type CrashKeeps = 'synced' | 'some' | 'all';

/** What a process has given to its disk and does not know to be there. */
export class Pending {
  #batches: StepBatch[] = [];
  /** How many of them the write under way takes. */
  underWay = 0;

  get batches(): readonly StepBatch[] {
    return this.#batches;
  }

  add(batch: StepBatch): void {
    this.#batches.push(batch);
  }

  /** The first so many are on disk. */
  remove(count: number): StepBatch[] {
    this.underWay = Math.max(0, this.underWay - count);
    return this.#batches.splice(0, count);
  }

  blob(hash: Hash): Uint8Array | undefined {
    for (const { writes } of this.#batches) {
      for (const write of writes)
        if (write.kind === 'blob' && write.hash === hash) return write.bytes;
    }
    return undefined;
  }

  /** What of it a crash leaves on disk: steps whole and in order, for each is one batch. */
  surviving(keeps: CrashKeeps, random: Random): StepBatch[] {
    const { length } = this.#batches;
    const count = keeps === 'synced' ? 0 : keeps === 'all' ? length : random.int(0, length);
    return this.#batches.slice(0, count);
  }
}
