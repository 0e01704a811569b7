import type { Column, ErrorOutcome } from '../core/column.ts';
import type { ValueColumn } from './candidate/accepted-column.ts';
import type { WorkOrder, WorkPart } from './workforce.ts';

/** A part is told when so much has gathered, so that one segment can hold it. */
export const PART_BYTES = 49_152;

/** Bounds of what one accepted value or error takes beside its own bytes. */
const SLOT_BYTES = 12;
/** Longer texts travel by hash: this is what is left of them. */
const TEXT_BYTES = 256;

interface Batch {
  readonly lo: number;
  readonly hi: number;
  readonly column: ValueColumn | null;
  readonly errors: readonly ErrorOutcome[];
  readonly ms: number;
}

/** Merges the batches of one order into parts of at most about PART_BYTES. */
export class PartGatherer {
  #id: number;
  #tellMs: number;
  #tell: (part: WorkPart) => void;
  #lo: number;
  #hi: number;
  #accepted: ValueColumn[] = [];
  #errors: ErrorOutcome[] = [];
  #bytes = 0;
  #ms = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    { id, lo, tellMs }: Pick<WorkOrder, 'id' | 'lo' | 'tellMs'>,
    tell: (part: WorkPart) => void,
  ) {
    this.#id = id;
    this.#tellMs = tellMs;
    this.#tell = tell;
    this.#lo = lo;
    this.#hi = lo;
  }

  /** Adds the next batch. Batches come in rising order. */
  add(batch: Batch): void {
    const { column, errors } = batch;
    const count = column?.indices.length ?? 0;
    let slot = 0;
    let error = 0;
    let from = 0;
    let lo = batch.lo;
    const msEach = batch.ms / Math.max(1, batch.hi - batch.lo);
    while (slot < count || error < errors.length) {
      const slotIndex = slot < count ? (column?.indices[slot] as number) : Number.POSITIVE_INFINITY;
      const errorIndex = errors[error]?.index ?? Number.POSITIVE_INFINITY;
      const index = Math.min(slotIndex, errorIndex);
      const bytes =
        slotIndex < errorIndex ? slotBytes(column as ValueColumn, slot) : errorBytes(errors[error]);
      if (this.#bytes > 0 && this.#bytes + bytes > PART_BYTES) {
        this.#take(column, from, slot);
        from = slot;
        this.#hi = index;
        this.#ms += msEach * (index - lo);
        lo = index;
        this.flush();
      }
      if (slotIndex < errorIndex) slot += 1;
      else this.#errors.push(errors[error++] as ErrorOutcome);
      this.#bytes += bytes;
    }
    this.#take(column, from, count);
    this.#hi = batch.hi;
    this.#ms += msEach * (batch.hi - lo);
    this.#timer ??= setTimeout(() => this.flush(), this.#tellMs);
  }

  /** Goes on behind an index that has no outcome. */
  skip(index: number): void {
    this.flush();
    this.#lo = index + 1;
    this.#hi = index + 1;
  }

  /** Forgets what has gathered. */
  discard(): void {
    clearTimeout(this.#timer);
    this.#lo = this.#hi;
  }

  /** Tells what has gathered, if anything. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#hi === this.#lo) return;
    const part: WorkPart = {
      id: this.#id,
      lo: this.#lo,
      hi: this.#hi,
      accepted: joined(this.#accepted),
      errors: this.#errors,
      ms: this.#ms,
    };
    this.#lo = this.#hi;
    this.#accepted = [];
    this.#errors = [];
    this.#bytes = 0;
    this.#ms = 0;
    this.#tell(part);
  }

  #take(column: ValueColumn | null, from: number, to: number): void {
    if (column !== null && to > from) this.#accepted.push(sliced(column, from, to));
  }
}

function slotBytes(column: ValueColumn, slot: number): number {
  if (column.kind === 'number') return 16;
  if (column.kind === 'record') return 8 * (1 + column.columns.length);
  return SLOT_BYTES + Math.min(TEXT_BYTES, (column.texts[slot] ?? '').length * 3);
}

function errorBytes(error: ErrorOutcome | undefined): number {
  return SLOT_BYTES + Buffer.byteLength(`${error?.name}${error?.detail}`);
}

/** The slots [from, to) of a column, in the same memory. */
export function sliced(column: ValueColumn, from: number, to: number): ValueColumn {
  const indices = column.indices.subarray(from, to);
  switch (column.kind) {
    case 'number':
      return { kind: 'number', indices, values: column.values.subarray(from, to) };
    case 'record': {
      const columns = column.columns.map((values) => values.subarray(from, to));
      return { kind: 'record', keys: column.keys, indices, columns };
    }
    case 'text':
      return { kind: 'text', indices, texts: column.texts.slice(from, to) };
  }
}

/** Neighbours of equal shape become one column; all arrays are copies of their own. */
function joined(columns: readonly ValueColumn[]): Column[] {
  const result: Column[] = [];
  let at = 0;
  while (at < columns.length) {
    const first = columns[at] as ValueColumn;
    let end = at + 1;
    while (end < columns.length && sameShape(first, columns[end] as ValueColumn)) end += 1;
    result.push(concatenated(first, columns.slice(at, end)));
    at = end;
  }
  return result;
}

function sameShape(a: ValueColumn, b: ValueColumn): boolean {
  if (a.kind !== 'record' || b.kind !== 'record') return a.kind === b.kind;
  return a.keys.length === b.keys.length && a.keys.every((key, j) => key === b.keys[j]);
}

function concatenated(first: ValueColumn, columns: readonly ValueColumn[]): Column {
  const indices = doubles(columns.map((column) => column.indices));
  switch (first.kind) {
    case 'number':
      return {
        kind: 'number',
        indices,
        values: doubles(columns.map((c) => (c.kind === 'number' ? c.values : []))),
      };
    case 'record': {
      const joinedColumns = first.keys.map((_, j) =>
        doubles(columns.map((c) => (c.kind === 'record' ? (c.columns[j] ?? []) : []))),
      );
      return { kind: 'record', keys: first.keys, indices, columns: joinedColumns };
    }
    case 'text':
      return {
        kind: 'text',
        indices,
        texts: columns.flatMap((c) => (c.kind === 'text' ? c.texts : [])),
      };
  }
}

function doubles(arrays: readonly ArrayLike<number>[]): Float64Array {
  const whole = new Float64Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}
