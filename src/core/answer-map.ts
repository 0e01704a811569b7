import type { Column, ErrorOutcome } from './column.ts';
import { type Outcome, segmentOutcomes } from './outcome.ts';
import { type Line, OutcomeList } from './outcome-list.ts';
import { listOf } from './stretch.ts';

/**
 * The candidates of a computation that are not rejected: those that make a line (accepted ones; in
 * a map job the errors too), and the errors.
 */
export class AnswerMap {
  readonly #lines = new OutcomeList();
  readonly #errors = new OutcomeList();
  readonly #errorsAreLines: boolean;
  #revision = 0;

  constructor(errorsAreLines: boolean) {
    this.#errorsAreLines = errorsAreLines;
  }

  /** Changes with every outcome that may replace another one. */
  get revision(): number {
    return this.#revision;
  }

  get(index: number): Outcome | undefined {
    return this.#lines.get(index) ?? this.#errors.get(index);
  }

  /** How many lines are known. */
  get lines(): number {
    return this.#lines.length;
  }

  /** Index of the line at this position, undefined past the last. */
  lineAt(position: number): number | undefined {
    return this.#lines.indexAt(position);
  }

  /** The lines from one position up to another; nothing may be set meanwhile. */
  linesBetween(from: number, to: number): Generator<Line, undefined> {
    return this.#lines.between(from, to);
  }

  get errors(): number {
    return this.#errors.length;
  }

  /** How many errors stand below an index. */
  errorsBelow(end: number): number {
    return this.#errors.positionOf(end);
  }

  /** Index of the error that has so many before it, undefined past the last. */
  errorAt(position: number): number | undefined {
    return this.#errors.indexAt(position);
  }

  /** Errors in rising index order, at most `limit`. */
  firstErrors(limit: number): (readonly [number, Extract<Outcome, { kind: 'error' }>])[] {
    return [...this.#errors.between(0, limit)].flatMap(({ index, outcome }) => {
      return outcome.kind === 'error' ? [[index, outcome] as const] : [];
    });
  }

  /** Position of the first line whose index is not below this one. */
  positionOf(index: number): number {
    return this.#lines.positionOf(index);
  }

  /** Indices in [lo, hi) with an outcome other than rejected: of lines, then of other errors. */
  *indicesWithin(lo: number, hi: number): Iterable<number> {
    yield* this.#lines.indicesWithin(lo, hi);
    if (!this.#errorsAreLines) yield* this.#errors.indicesWithin(lo, hi);
  }

  /** Sets an outcome; undefined (rejected) removes what was there. */
  set(index: number, outcome: Outcome | undefined): void {
    this.#revision++;
    this.#lines.remove(index);
    this.#errors.remove(index);
    if (outcome !== undefined) this.addAll([[index, outcome]]);
  }

  /** Sets outcomes of indices that have none yet. */
  addAll(entries: readonly (readonly [index: number, outcome: Outcome])[]): void {
    const errors = entries.filter(([, { kind }]) => kind === 'error');
    const isMixed = errors.length > 0 && !this.#errorsAreLines;
    const lines = isMixed ? entries.filter(([, { kind }]) => kind !== 'error') : entries;
    this.#lines.insert(listOf(lines));
    this.#errors.insert(listOf(errors));
  }

  /** Sets the outcomes of a segment of which no index has one yet. */
  addSegment(accepted: readonly Column[], errors: readonly ErrorOutcome[]): void {
    const [column] = accepted;
    const isPlain = accepted.length === 1 && errors.length === 0;
    if (column !== undefined && isPlain) this.#lines.insert(column);
    else this.addAll([...segmentOutcomes(accepted, errors)]);
  }
}
