import { type Column, columnText, type ErrorOutcome } from './column.ts';
import type { Part } from './event.ts';
import type { ComputationId, Hash, JobId } from './ids.ts';
import { isLong } from './outcome.ts';
import type { Segment } from './record.ts';
import { encodeBody, SEGMENT_BYTES } from './record-codec.ts';
import { append } from './records.ts';
import type { Turn } from './turn.ts';

/** Errors told in one segment at most. */
const MAX_ERRORS = 4096;

const encoder = new TextEncoder();

/** Writes evaluated candidates as segments of at most 64 KiB; returns the last one's number. */
export function writePart(
  turn: Turn,
  computation: ComputationId,
  job: JobId,
  part: Part,
  fresh: boolean,
): number {
  const accepted = part.accepted.flatMap((column) => byHash(turn, column));
  const segment: Segment = { kind: 'segment', job, ...part, accepted, fresh };
  for (const piece of split(segment)) append(turn, computation, piece);
  const { logs, self, start } = turn.state;
  return logs.next(computation, self.peer, start) - 1;
}

/** Puts long values into blobs and names them by hash. */
export function byHash(turn: Turn, column: Column): Column[] {
  if (column.kind !== 'text' && column.kind !== 'record') return [column];
  const long: number[] = [];
  for (let k = 0; k < column.indices.length; k++) if (isLong(columnText(column, k))) long.push(k);
  if (long.length === 0) return [column];
  const hashes: Hash[] = [];
  const sizes: number[] = [];
  for (const k of long) {
    const bytes = encoder.encode(columnText(column, k));
    const hash = turn.env.hash(bytes);
    if (!turn.state.blobs.has(hash)) {
      turn.state.blobs.set(hash, turn.keep({ kind: 'blob', hash, bytes }));
      turn.state.wants.delete(hash);
    }
    hashes.push(hash);
    sizes.push(bytes.length);
  }
  const isLongSlot = new Set(long);
  const indices = Float64Array.from(long, (k) => column.indices[k] ?? 0);
  const short = slots(column, (k) => !isLongSlot.has(k));
  const named: Column = { kind: 'hash', indices, hashes, sizes };
  return short.indices.length === 0 ? [named] : [short, named];
}

/** The slots of a column that a condition keeps. */
function slots(column: Column, keep: (slot: number) => boolean): Column {
  const kept: number[] = [];
  for (let k = 0; k < column.indices.length; k++) if (keep(k)) kept.push(k);
  const pick = (from: Float64Array): Float64Array => Float64Array.from(kept, (k) => from[k] ?? 0);
  const indices = pick(column.indices);
  switch (column.kind) {
    case 'number':
      return { kind: 'number', indices, values: pick(column.values) };
    case 'record':
      return { kind: 'record', keys: column.keys, indices, columns: column.columns.map(pick) };
    case 'text':
      return { kind: 'text', indices, texts: kept.map((k) => column.texts[k] ?? 'null') };
    case 'hash': {
      const hashes = kept.map((k) => column.hashes[k] ?? '');
      return { kind: 'hash', indices, hashes, sizes: kept.map((k) => column.sizes[k] ?? 1) };
    }
  }
}

/** Cuts a segment in two until each piece fits; the cut lies between its lines. */
function split(segment: Segment): Segment[] {
  const lines = [
    ...segment.accepted.flatMap((column) => [...column.indices]),
    ...segment.errors.map(({ index }) => index),
  ];
  const tooMany = lines.length > MAX_ERRORS * 4 || segment.errors.length > MAX_ERRORS;
  if (lines.length < 2) return [segment];
  if (!tooMany && encodeBody(segment).length <= SEGMENT_BYTES) return [segment];
  lines.sort((a, b) => a - b);
  const cut = lines[lines.length >>> 1] ?? segment.hi;
  const below = (index: number): boolean => index < cut;
  const ms = (segment.ms * (cut - segment.lo)) / (segment.hi - segment.lo);
  const halves: Segment[] = [
    { ...segment, hi: cut, ms, ...outcomesOf(segment, below) },
    { ...segment, lo: cut, ms: segment.ms - ms, ...outcomesOf(segment, (index) => !below(index)) },
  ];
  return halves.flatMap(split);
}

/** The outcomes of a segment whose indices a condition keeps. */
export function outcomesOf(
  segment: Segment,
  keep: (index: number) => boolean,
): { accepted: Column[]; errors: ErrorOutcome[] } {
  const accepted = segment.accepted
    .map((column) => slots(column, (k) => keep(column.indices[k] ?? 0)))
    .filter(({ indices }) => indices.length > 0);
  return { accepted, errors: segment.errors.filter(({ index }) => keep(index)) };
}
