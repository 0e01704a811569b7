import type { ErrorOutcome } from '../core/column.ts';
import type { ValueColumn } from './candidate/accepted-column.ts';
import type { Batch } from './candidate/evaluate.ts';
import { sliced } from './part-gatherer.ts';

/** A batch goes to the peer in pieces of so many bytes, or of one outcome that is longer. */
const PIECE_BYTES = 1_048_576;

/** Outcomes that one message tells. */
export type BatchPiece = Pick<Batch, 'lo' | 'hi' | 'column' | 'errors' | 'ms'>;

/** A batch in pieces, nearly always one: a message to the peer has a longest length. */
export function piecesOf(batch: BatchPiece): BatchPiece[] {
  const { column, errors, hi } = batch;
  if (bytesOf(column, errors) <= PIECE_BYTES) return [batch];
  const count = column?.indices.length ?? 0;
  const msEach = batch.ms / Math.max(1, hi - batch.lo);
  const pieces: BatchPiece[] = [];
  let { lo } = batch;
  let from = { slot: 0, error: 0 };
  let bytes = 0;
  const cut = (end: number, slot: number, error: number): void => {
    pieces.push({
      ...{ lo, hi: end, ms: msEach * (end - lo), errors: errors.slice(from.error, error) },
      column: column === null || slot === from.slot ? null : sliced(column, from.slot, slot),
    });
    lo = end;
    from = { slot, error };
    bytes = 0;
  };
  for (let slot = 0, error = 0; slot < count || error < errors.length; ) {
    const accepted = column?.indices[slot] ?? Number.POSITIVE_INFINITY;
    const failed = errors[error]?.index ?? Number.POSITIVE_INFINITY;
    const own = accepted < failed ? slotBytes(column, slot) : errorBytes(errors[error]);
    if (bytes > 0 && bytes + own > PIECE_BYTES) cut(Math.min(accepted, failed), slot, error);
    bytes += own;
    if (accepted < failed) slot += 1;
    else error += 1;
  }
  cut(hi, count, errors.length);
  return pieces;
}

function bytesOf(column: ValueColumn | null, errors: readonly ErrorOutcome[]): number {
  const count = column?.indices.length ?? 0;
  let bytes = column?.kind === 'text' ? 0 : count * slotBytes(column, 0);
  if (column?.kind === 'text') for (let k = 0; k < count; k += 1) bytes += slotBytes(column, k);
  for (const error of errors) bytes += errorBytes(error);
  return bytes;
}

/** A character takes two bytes where one of its text is not Latin. */
function slotBytes(column: ValueColumn | null, slot: number): number {
  if (column === null || column.kind === 'number') return 16;
  if (column.kind === 'record') return 8 * (1 + column.columns.length);
  return 16 + 2 * (column.texts[slot]?.length ?? 0);
}

function errorBytes(error: ErrorOutcome | undefined): number {
  return 64 + 2 * ((error?.name.length ?? 0) + (error?.detail.length ?? 0));
}
