import type { Column } from './column.ts';
import { columnOutcome, type Outcome } from './outcome.ts';

/** Outcomes of any kind, in rising index order. */
interface OutcomeList {
  readonly kind: 'list';
  readonly indices: Float64Array;
  readonly outcomes: readonly Outcome[];
}

/**
 * Neighbouring lines of an answer, at least one: a column as its segment brought it, whose outcomes
 * are made when they are asked for (a number takes 16 bytes so), or a list of them.
 */
export type Stretch = Column | OutcomeList;

/** A stretch of outcomes by index. */
export function listOf(entries: readonly (readonly [index: number, outcome: Outcome])[]): Stretch {
  const rising = [...entries].sort(([a], [b]) => a - b);
  const indices = Float64Array.from(rising, ([index]) => index);
  return { kind: 'list', indices, outcomes: rising.map(([, outcome]) => outcome) };
}

/** Index of the first line. */
export function firstOf({ indices }: Stretch): number {
  return indices[0] ?? 0;
}

/** Index of the last line. */
export function lastOf({ indices }: Stretch): number {
  return indices[indices.length - 1] ?? 0;
}

/** The outcome in a slot. */
export function outcomeIn(stretch: Stretch, slot: number): Outcome {
  if (stretch.kind !== 'list') return columnOutcome(stretch, slot);
  const outcome = stretch.outcomes[slot];
  if (outcome === undefined) throw new RangeError(`no slot ${slot} in a stretch`);
  return outcome;
}

/** The slots [from, to) of a stretch, which go on sharing its memory. */
export function sliced(stretch: Stretch, from: number, to: number): Stretch {
  if (from === 0 && to === stretch.indices.length) return stretch;
  const indices = stretch.indices.subarray(from, to);
  switch (stretch.kind) {
    case 'number':
      return { ...stretch, indices, values: stretch.values.subarray(from, to) };
    case 'record': {
      const columns = stretch.columns.map((values) => values.subarray(from, to));
      return { ...stretch, indices, columns };
    }
    case 'text':
      return { ...stretch, indices, texts: stretch.texts.slice(from, to) };
    case 'hash': {
      const hashes = stretch.hashes.slice(from, to);
      return { ...stretch, indices, hashes, sizes: stretch.sizes.slice(from, to) };
    }
    case 'list':
      return { ...stretch, indices, outcomes: stretch.outcomes.slice(from, to) };
  }
}

/** One stretch of several, at least one, that follow one another. */
export function joined(stretches: readonly Stretch[]): Stretch {
  const [first] = stretches;
  if (first !== undefined && stretches.length === 1) return first;
  const indices = concatenated(stretches.map((each) => each.indices));
  const numbers = stretches.filter((each) => each.kind === 'number');
  if (numbers.length === stretches.length) {
    return { kind: 'number', indices, values: concatenated(numbers.map(({ values }) => values)) };
  }
  const texts = stretches.filter((each) => each.kind === 'text');
  if (texts.length === stretches.length) {
    return { kind: 'text', indices, texts: texts.flatMap((each) => each.texts) };
  }
  return {
    kind: 'list',
    indices,
    outcomes: ([] as Outcome[]).concat(...stretches.map(outcomesOf)),
  };
}

function outcomesOf(stretch: Stretch): readonly Outcome[] {
  if (stretch.kind === 'list') return stretch.outcomes;
  return Array.from(stretch.indices, (_, slot) => columnOutcome(stretch, slot));
}

function concatenated(arrays: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}
