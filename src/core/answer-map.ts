import type { Column, ErrorOutcome } from './column.ts';
import { columnText, INLINE_VALUE_BYTES } from './column.ts';
import type { Hash } from './ids.ts';
import { firstFrom } from './sorted.ts';

/** A known outcome of a candidate that is not rejected. */
export type Outcome =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'long'; readonly hash: Hash; readonly bytes: number }
  | { readonly kind: 'error'; readonly name: string; readonly detail: string };

/** The outcomes of one segment by index, in rising order of each column. */
export function segmentOutcomes(
  accepted: readonly Column[],
  errors: readonly ErrorOutcome[],
): Map<number, Outcome> {
  const outcomes = new Map<number, Outcome>();
  for (const column of accepted) {
    for (const [k, index] of column.indices.entries()) {
      if (column.kind === 'hash') {
        const hash = column.hashes[k] ?? '';
        outcomes.set(index, { kind: 'long', hash, bytes: column.sizes[k] ?? 0 });
      } else {
        outcomes.set(index, { kind: 'value', text: columnText(column, k) });
      }
    }
  }
  for (const { index, name, detail } of errors)
    outcomes.set(index, { kind: 'error', name, detail });
  return outcomes;
}

const encoder = new TextEncoder();

/** The hash of a line: of the value's JSON text, or of the error's name. */
export function outcomeHash(outcome: Outcome, hash: (bytes: Uint8Array) => Hash): Hash {
  if (outcome.kind === 'long') return outcome.hash;
  if (outcome.kind === 'value') return hash(encoder.encode(outcome.text));
  return hash(encoder.encode(`error ${outcome.name}`));
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

/**
 * The candidates of a computation that are not rejected: their outcomes by index, and the indices
 * of those that make a line (accepted ones; in a map job the errors too) in rising order.
 */
export class AnswerMap {
  readonly #outcomes = new Map<number, Outcome>();
  readonly #lines: number[] = [];
  readonly #errorsAreLines: boolean;
  #errors = 0;

  constructor(errorsAreLines: boolean) {
    this.#errorsAreLines = errorsAreLines;
  }

  get(index: number): Outcome | undefined {
    return this.#outcomes.get(index);
  }

  /** How many lines are known. */
  get lines(): number {
    return this.#lines.length;
  }

  /** Index of the line at this position, undefined past the last. */
  lineAt(position: number): number | undefined {
    return this.#lines[position];
  }

  get errors(): number {
    return this.#errors;
  }

  /** How many errors stand below an index. */
  errorsBelow(end: number): number {
    let count = 0;
    for (const [index, outcome] of this.#outcomes) {
      if (outcome.kind === 'error' && index < end) count++;
    }
    return count;
  }

  /** Errors in rising index order, at most `limit`. */
  firstErrors(limit: number): (readonly [number, Extract<Outcome, { kind: 'error' }>])[] {
    const found: (readonly [number, Extract<Outcome, { kind: 'error' }>])[] = [];
    for (const [index, outcome] of this.#outcomes) {
      if (outcome.kind === 'error') found.push([index, outcome]);
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, limit);
  }

  /** Position of the first line whose index is not below this one. */
  positionOf(index: number): number {
    return firstFrom(this.#lines, index);
  }

  /** Indices in [lo, hi) with an outcome other than rejected. */
  *indicesWithin(lo: number, hi: number): Iterable<number> {
    for (let k = this.positionOf(lo); k < this.#lines.length; k++) {
      const index = this.#lines[k] ?? hi;
      if (index >= hi) break;
      yield index;
    }
    if (this.#errorsAreLines || this.#errors === 0) return;
    for (const [index, outcome] of this.#outcomes) {
      if (outcome.kind === 'error' && index >= lo && index < hi) yield index;
    }
  }

  /** Sets an outcome; undefined (rejected) removes what was there. */
  set(index: number, outcome: Outcome | undefined): void {
    const before = this.#outcomes.get(index);
    if (before !== undefined) this.#remove(index, before);
    if (outcome === undefined) return;
    this.#outcomes.set(index, outcome);
    if (outcome.kind === 'error') this.#errors++;
    if (outcome.kind !== 'error' || this.#errorsAreLines) {
      const last = this.#lines.at(-1);
      if (last === undefined || last < index) this.#lines.push(index);
      else this.#lines.splice(this.positionOf(index), 0, index);
    }
  }

  #remove(index: number, outcome: Outcome): void {
    this.#outcomes.delete(index);
    if (outcome.kind === 'error') this.#errors--;
    const position = this.positionOf(index);
    if (this.#lines[position] === index) this.#lines.splice(position, 1);
  }
}
