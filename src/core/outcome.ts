import { type Column, columnText, type ErrorOutcome, INLINE_VALUE_BYTES } from './column.ts';
import type { Hash } from './ids.ts';

/** A known outcome of a candidate that is not rejected. */
export type Outcome =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'long'; readonly hash: Hash; readonly bytes: number }
  | { readonly kind: 'error'; readonly name: string; readonly detail: string };

/** The outcome in a slot of a column. */
export function columnOutcome(column: Column, slot: number): Outcome {
  if (column.kind !== 'hash') return { kind: 'value', text: columnText(column, slot) };
  return { kind: 'long', hash: column.hashes[slot] ?? '', bytes: column.sizes[slot] ?? 0 };
}

/** The outcomes of one segment by index, in rising order of each column. */
export function segmentOutcomes(
  accepted: readonly Column[],
  errors: readonly ErrorOutcome[],
): Map<number, Outcome> {
  const outcomes = new Map<number, Outcome>();
  for (const column of accepted) {
    for (const [k, index] of column.indices.entries()) {
      outcomes.set(index, columnOutcome(column, k));
    }
  }
  for (const { index, name, detail } of errors)
    outcomes.set(index, { kind: 'error', name, detail });
  return outcomes;
}

const encoder = new TextEncoder();

/** The hash of a line: of the value's JSON text, or of the error's name. */
export function outcomeHash(outcome: Outcome, hash: (text: string) => Hash): Hash {
  if (outcome.kind === 'long') return outcome.hash;
  if (outcome.kind === 'value') return hash(outcome.text);
  return hash(`error ${outcome.name}`);
}

/** A text that tells two outcomes apart; undefined stands for rejected. */
export function outcomeKey(outcome: Outcome | undefined): string {
  if (outcome === undefined) return 'rejected';
  if (outcome.kind === 'value') return `value ${outcome.text}`;
  if (outcome.kind === 'long') return `long ${outcome.hash}`;
  return `error ${outcome.name}`;
}

/** Says whether a value's text is too long to travel inside a segment. */
export function isLong(text: string): boolean {
  if (text.length > INLINE_VALUE_BYTES) return true;
  return text.length * 3 > INLINE_VALUE_BYTES && encoder.encode(text).length > INLINE_VALUE_BYTES;
}
