import type { Column, ErrorOutcome } from '../../../src/core/column.ts';
import type { Limits } from '../../../src/core/limits.ts';
import { drawAt } from './random.ts';

/** What a candidate that takes long costs, in ms. */
const LONG_MS = 300;

/** A simulated function: outcome and cost follow from the index. */
export interface Program {
  readonly name: string;
  readonly seed: number;
  /** One in so many candidates is accepted. */
  readonly every: number;
  /** Typical cost of a candidate in ms; heavy: with a tail of up to a hundred times that. */
  readonly costMs: number;
  readonly heavy: boolean;
  /** Cost of an accepted candidate against that of a rejected one. */
  readonly acceptedCost: number;
  readonly values: 'number' | 'text' | 'long';
  /** One in so many candidates throws; 0: none. */
  readonly errorsEvery: number;
  /** Indices that end their executor wherever they run. */
  readonly deadly: readonly number[];
  /** Indices that take the whole machine down. */
  readonly poison: readonly number[];
  /** Indices that take long: over a job's time limit on machines that are slower than others. */
  readonly limit: readonly number[];
  /** What those cost, in ms. @default 300 */
  readonly longMs?: number;
}

/** A program that is not data alone: what is written out of a candidate is not drawn. */
export interface WrittenProgram extends Program {
  readonly written: (index: number) => Written | undefined;
}

/** What a candidate comes to and costs, as far as it is written out. */
export interface Written {
  readonly outcome?: SimOutcome;
  readonly costMs?: number;
  readonly failure?: Failure;
}

/** How a candidate fails: it ends its executor, is over the limit, or takes the machine down. */
export type Failure = 'died' | 'timeout' | 'machine';

/** What a candidate comes to: a number or a text is accepted, null is rejected. */
export type SimOutcome = number | string | null | { readonly error: string };

/** Accepts one of `every` candidates, scattered but the same ones each time; none of them fails. */
export function scattered(every: number, costMs = 5, name = `one of ${every}`): Program {
  return {
    ...{ name, seed: 1, every, costMs, heavy: false, acceptedCost: 1, values: 'number' },
    ...{ errorsEvery: 0, deadly: [], poison: [], limit: [] },
  };
}

function writtenOf(program: Program | WrittenProgram, index: number): Written | undefined {
  return 'written' in program ? program.written(index) : undefined;
}

/** The pure outcome of a candidate. */
export function outcomeOf(program: Program, index: number): SimOutcome {
  const outcome = writtenOf(program, index)?.outcome;
  if (outcome !== undefined) return outcome;
  const { seed, every, errorsEvery, values } = program;
  if (errorsEvery > 0 && drawAt(seed, index, 2) * errorsEvery < 1) return { error: 'RangeError' };
  if (drawAt(seed, index, 0) * every >= 1) return null;
  if (values === 'number') return index / 7;
  const text = `candidate ${index}`;
  return values === 'text' ? text : text.padEnd(300, ' and more');
}

/** What a candidate costs on a machine of speed one, in ms. */
export function costOf(program: Program, index: number): number {
  const written = writtenOf(program, index)?.costMs;
  if (written !== undefined) return written;
  const { seed, costMs, heavy, acceptedCost, every, longMs = LONG_MS } = program;
  if (program.limit.includes(index)) return longMs;
  const tail = heavy ? Math.min(0.5 / (1 - drawAt(seed, index, 1)), 100) : 1;
  const accepted = drawAt(seed, index, 0) * every < 1;
  return costMs * tail * (accepted ? acceptedCost : 1);
}

/** What a candidate costs on average, over the first thousand. */
export function meanCost(program: Program): number {
  let sum = 0;
  for (let index = 0; index < 1000; index++) {
    if (outcomeOf(program, index) !== undefined) sum += costOf(program, index);
  }
  return sum / 1000;
}

/** A time limit above the cost of all candidates, a heavy tail aside: of that some are over it. */
export function timeoutFor({ costMs, acceptedCost, heavy }: Program): number {
  return Math.max(400, 2 * costMs * Math.max(1, acceptedCost) * (heavy ? 3 : 1));
}

/** How an index fails on a machine of this slowness at these limits, if it does. */
export function failureOf(
  program: Program,
  index: number,
  slowness: number,
  { timeoutMs }: Limits,
): Failure | null {
  const written = writtenOf(program, index)?.failure;
  if (written !== undefined) return written;
  if (program.poison.includes(index)) return 'machine';
  if (program.deadly.includes(index)) return 'died';
  const isOver = timeoutMs !== null && costOf(program, index) * slowness > timeoutMs;
  return isOver ? 'timeout' : null;
}

/** What an executor tells of [lo, hi). lie: what a dishonest machine makes of an outcome. */
export function columnsOf(
  program: Program,
  lo: number,
  hi: number,
  lie: (index: number, outcome: SimOutcome) => SimOutcome,
): { accepted: Column[]; errors: ErrorOutcome[] } {
  const numbers: [number, number][] = [];
  const texts: [number, string][] = [];
  const errors: ErrorOutcome[] = [];
  for (let index = lo; index < hi; index++) {
    const outcome = lie(index, outcomeOf(program, index));
    if (typeof outcome === 'number') numbers.push([index, outcome]);
    else if (typeof outcome === 'string') texts.push([index, JSON.stringify(outcome)]);
    else if (outcome !== null) errors.push({ index, name: outcome.error, detail: 'thrown' });
  }
  const accepted: Column[] = [];
  if (numbers.length > 0) {
    const values = Float64Array.from(numbers, ([, value]) => value);
    accepted.push({ kind: 'number', indices: Float64Array.from(numbers, ([i]) => i), values });
  }
  if (texts.length > 0) {
    const all = texts.map(([, text]) => text);
    accepted.push({ kind: 'text', indices: Float64Array.from(texts, ([i]) => i), texts: all });
  }
  return { accepted, errors };
}
