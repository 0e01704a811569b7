import { isLong, outcomeKey, segmentOutcomes } from './answer-map.ts';
import { type Column, columnText, type ErrorOutcome } from './column.ts';
import type { Part } from './event.ts';
import type { ComputationId, Hash, JobId } from './ids.ts';
import { openLeases, preempt, release } from './lease-book.ts';
import type { OwnLease, Verification } from './peer-state.ts';
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
function byHash(turn: Turn, column: Column): Column[] {
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
    { ...segment, hi: cut, ms, ...filter(segment, below) },
    { ...segment, lo: cut, ms: segment.ms - ms, ...filter(segment, (index) => !below(index)) },
  ];
  return halves.flatMap(split);
}

function filter(
  segment: Segment,
  keep: (index: number) => boolean,
): { accepted: Column[]; errors: ErrorOutcome[] } {
  const accepted = segment.accepted
    .map((column) => slots(column, (k) => keep(column.indices[k] ?? 0)))
    .filter(({ indices }) => indices.length > 0);
  return { accepted, errors: segment.errors.filter(({ index }) => keep(index)) };
}

function ownLease(turn: Turn, execution: number): OwnLease | undefined {
  return openLeases(turn.state).find(({ lease }) => lease.id === execution);
}

function verificationOf(turn: Turn, execution: number): Verification | undefined {
  for (const verification of turn.state.verifications.values()) {
    if (verification.running.has(execution)) return verification;
  }
  return undefined;
}

/** Takes outcomes of an execution in. */
export function takePart(turn: Turn, execution: number, part: Part): void {
  const own = ownLease(turn, execution);
  if (own !== undefined) {
    const { computation, job } = own.lease;
    const fresh = own.purpose === 'dispute';
    const last = writePart(turn, computation, job, part, fresh);
    own.lastSegment = last;
    // Another job over the same computation may have claimed it under other limits.
    preempt(turn, computation, part, own);
    return;
  }
  const verification = verificationOf(turn, execution);
  if (verification !== undefined) compare(turn, verification, part);
}

/** Compares a second evaluation with what is known; a difference becomes a dispute. */
function compare(turn: Turn, verification: Verification, part: Part): void {
  const job = turn.state.jobs.get(verification.job);
  if (job === undefined) return;
  const now = segmentOutcomes(
    part.accepted.flatMap((column) => byHash(turn, column)),
    part.errors,
  );
  for (let index = part.lo; index < part.hi; index++) {
    if (!job.computation.coverage.has(index)) continue;
    verification.checked++;
    const before = outcomeKey(job.computation.answers.get(index));
    const after = outcomeKey(now.get(index));
    if (before === after) continue;
    if (verification.different.length < 1000) {
      verification.different.push({ index, known: before, now: after });
    }
    const keep = (at: number): boolean => at === index;
    const whole: Segment = { kind: 'segment', job: job.id, ...part, fresh: true };
    const one = { ...part, lo: index, hi: index + 1, ...filter(whole, keep) };
    writePart(turn, job.computation.id, job.id, one, true);
  }
}

/** Records that a candidate failed alone. */
export function takeFailure(
  turn: Turn,
  execution: number,
  index: number,
  failure: { readonly kind: string; readonly detail: string },
): void {
  const own = ownLease(turn, execution);
  if (own === undefined) return;
  const { computation, job, limits } = own.lease;
  if (failure.kind === 'setup') {
    turn.state.refuses.add(computation);
    turn.log('error', 'program.failed', { computation, detail: failure.detail });
    turn.beat = true;
    return;
  }
  append(turn, computation, {
    kind: 'attempt',
    job,
    lo: index,
    hi: index + 1,
    limits,
    failure: failure.kind.slice(0, 32),
    detail: failure.detail.slice(0, 2048),
  });
  turn.log('warn', 'candidate.failed', { computation, index, ...failure });
}

/** Frees the slot of an execution that is over. */
export function takeEnd(turn: Turn, execution: number): void {
  const own = ownLease(turn, execution);
  if (own !== undefined) {
    release(turn, own, own.lastSegment);
    return;
  }
  const verification = verificationOf(turn, execution);
  if (verification === undefined) return;
  verification.running.delete(execution);
  if (verification.running.size > 0 || verification.waiting.length > 0) return;
  turn.state.verifications.delete(verification.request);
  const { request, checked, different } = verification;
  turn.emit({ kind: 'answer', request, result: { kind: 'verified', checked, different } });
}
