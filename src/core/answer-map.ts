import type { Column, ErrorOutcome } from './column.ts';
import { columnText, INLINE_VALUE_BYTES } from './column.ts';
import type { Hash } from './ids.ts';
import { firstFrom } from './sorted.ts';

/** Numbers that are inserted by one call: more arguments would not fit on the stack. */
const AT_ONCE = 8192;

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

/**
 * The candidates of a computation that are not rejected: their outcomes by index, and the indices
 * of those that make a line (accepted ones; in a map job the errors too) in rising order.
 */
export class AnswerMap {
  readonly #outcomes = new Map<number, Outcome>();
  readonly #lines: number[] = [];
  readonly #errorsAreLines: boolean;
  /** Indices of errors, rising. */
  readonly #errors: number[] = [];

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
    return this.#errors.length;
  }

  /** How many errors stand below an index. */
  errorsBelow(end: number): number {
    return firstFrom(this.#errors, end);
  }

  /** Index of the error that has so many before it, undefined past the last. */
  errorAt(position: number): number | undefined {
    return this.#errors[position];
  }

  /** Errors in rising index order, at most `limit`. */
  firstErrors(limit: number): (readonly [number, Extract<Outcome, { kind: 'error' }>])[] {
    return this.#errors.slice(0, limit).flatMap((index) => {
      const outcome = this.#outcomes.get(index);
      return outcome?.kind === 'error' ? [[index, outcome] as const] : [];
    });
  }

  /** Position of the first line whose index is not below this one. */
  positionOf(index: number): number {
    return firstFrom(this.#lines, index);
  }

  /** Indices in [lo, hi) with an outcome other than rejected: of lines, then of other errors. */
  *indicesWithin(lo: number, hi: number): Iterable<number> {
    yield* within(this.#lines, lo, hi);
    if (!this.#errorsAreLines) yield* within(this.#errors, lo, hi);
  }

  /** Sets an outcome; undefined (rejected) removes what was there. */
  set(index: number, outcome: Outcome | undefined): void {
    const before = this.#outcomes.get(index);
    for (const list of this.#listsOf(before)) drop(list, index);
    if (outcome === undefined) this.#outcomes.delete(index);
    else this.#outcomes.set(index, outcome);
    for (const list of this.#listsOf(outcome)) insert(list, index);
  }

  /**
   * Sets outcomes of indices that have none yet. Those of one segment lie side by side: they cost
   * one move of what is behind them, and not one each.
   */
  addAll(entries: readonly (readonly [index: number, outcome: Outcome])[]): void {
    const lines: number[] = [];
    const errors: number[] = [];
    for (const [index, outcome] of entries) {
      this.#outcomes.set(index, outcome);
      if (outcome.kind === 'error') errors.push(index);
      if (outcome.kind !== 'error' || this.#errorsAreLines) lines.push(index);
    }
    insertAll(this.#lines, lines);
    insertAll(this.#errors, errors);
  }

  /** The lists that an index with this outcome stands in. */
  #listsOf(outcome: Outcome | undefined): number[][] {
    if (outcome === undefined) return [];
    if (outcome.kind !== 'error') return [this.#lines];
    return this.#errorsAreLines ? [this.#lines, this.#errors] : [this.#errors];
  }
}

function insert(rising: number[], index: number): void {
  const last = rising.at(-1);
  if (last === undefined || last < index) rising.push(index);
  else rising.splice(firstFrom(rising, index), 0, index);
}

/** Inserts numbers that are not in the list. */
function insertAll(rising: number[], more: number[]): void {
  more.sort((a, b) => a - b);
  const place = firstFrom(rising, more[0] ?? 0);
  const isGap = (rising[place] ?? Number.POSITIVE_INFINITY) > (more.at(-1) ?? 0);
  if (place === rising.length) for (const index of more) rising.push(index);
  else if (!isGap) for (const index of more) insert(rising, index);
  else {
    for (let k = 0; k < more.length; k += AT_ONCE) {
      rising.splice(place + k, 0, ...more.slice(k, k + AT_ONCE));
    }
  }
}

function drop(rising: number[], index: number): void {
  const place = firstFrom(rising, index);
  if (rising[place] === index) rising.splice(place, 1);
}

function* within(rising: readonly number[], lo: number, hi: number): Iterable<number> {
  for (let k = firstFrom(rising, lo); k < rising.length; k++) {
    const index = rising[k] ?? hi;
    if (index >= hi) return;
    yield index;
  }
}
