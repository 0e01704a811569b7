import type { ErrorOutcome } from '../../core/column.ts';
import type { WorkFailure } from '../workforce.ts';
import { createAcceptedColumn, type ValueColumn } from './accepted-column.ts';
import type { CandidateInput, LoadedProgram } from './load-program.ts';
import type { Streams } from './rng.ts';
import { describeThrown, failureOf } from './thrown.ts';

/** A batch ends early after this time, … */
const LIMIT_MS = 100;
/** … and with this much to tell. */
const LIMIT_BYTES = 1_048_576;
/** The clock is read this often in a batch, and at least once in so many candidates. */
const LOOKS = 16;
const LOOK_CANDIDATES = 16_384;
/** Errors of a batch that keep their whole detail; the others keep its first line. */
const FULL_DETAILS = 4;

/** Outcomes of [lo, hi); indices in neither list were rejected. */
export interface Batch {
  readonly lo: number;
  readonly hi: number;
  readonly column: ValueColumn | null;
  readonly errors: readonly ErrorOutcome[];
  /** Set when candidate `hi` came to no outcome. */
  readonly failure?: WorkFailure;
  readonly ms: number;
}

/** What an evaluator needs beside the program. */
export interface EvaluatorOptions {
  readonly program: LoadedProgram;
  readonly streams: Streams;
  readonly log: CandidateInput['log'];
  /** Tells which candidate is evaluated, before each. */
  readonly at: { index: number };
  /** A clock in ms. */
  readonly now: () => number;
}

/**
 * Evaluates candidates of one program, one after another.
 * items: JSON texts of the items lo … hi − 1. The batch may end early, but never before lo + 1.
 */
export type Evaluator = (
  lo: number,
  hi: number,
  items?: readonly string[],
) => Batch | Promise<Batch>;

/** Makes the evaluator of a loaded program. One call at a time. */
export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const { program, streams, log, at, now } = options;
  const { evaluate, accept, params, state } = program;
  const { rng, open } = streams;
  const column = createAcceptedColumn();
  let errors: ErrorOutcome[] = [];
  let errorBytes = 0;
  let failure: WorkFailure | undefined;
  let pending: PromiseLike<unknown> | undefined;

  /** True when the error is an outcome; false sets `failure`. */
  function thrownAt(index: number, thrown: unknown): boolean {
    failure = failureOf(thrown);
    if (failure !== undefined) return false;
    const { name, detail } = describeThrown(thrown);
    const kept = errors.length < FULL_DETAILS ? detail : (detail.split('\n', 1)[0] ?? '');
    errors.push({ index, name, detail: kept });
    errorBytes += 24 + name.length + kept.length;
    return true;
  }

  /** Evaluates [from, to) up to the first that is pending or failed; the hot loop. */
  function advance(from: number, to: number, base: number, items?: readonly string[]): number {
    for (let index = from; index < to; index += 1) {
      at.index = index;
      open(index);
      try {
        const item = items === undefined ? undefined : JSON.parse(items[index - base] ?? 'null');
        const value = evaluate({ rng, index, item, params, state, log });
        if (value === undefined) continue;
        if (isThenable(value)) {
          pending = accept === undefined ? value : value.then(judged);
          return index;
        }
        if (accept !== undefined) {
          const word = accept(value, { params });
          if (isThenable(word)) {
            pending = word.then((late) => (late ? value : undefined));
            return index;
          }
          if (!word) continue;
        }
        column.push(index, value);
      } catch (thrown) {
        if (!thrownAt(index, thrown)) return index;
      }
    }
    return to;
  }

  async function judged(value: unknown): Promise<unknown> {
    if (value === undefined) return undefined;
    return (await accept?.(value, { params })) ? value : undefined;
  }

  /** Awaits the candidate at `index`. */
  async function settle(index: number): Promise<void> {
    try {
      const promise = pending;
      pending = undefined;
      const value = await promise;
      if (value !== undefined) column.push(index, value);
    } catch (thrown) {
      thrownAt(index, thrown);
    }
  }

  return function evaluateBatch(lo, hi, items) {
    const start = now();
    const look = Math.max(1, Math.min(LOOK_CANDIDATES, Math.floor((hi - lo) / LOOKS)));
    const full = () =>
      now() - start > LIMIT_MS || column.bytes + errorBytes > LIMIT_BYTES || failure !== undefined;

    function told(end: number): Batch {
      const batch = { lo, hi: end, column: column.take(), errors, ms: now() - start };
      const failed = failure;
      errors = [];
      errorBytes = 0;
      failure = undefined;
      return failed === undefined ? batch : { ...batch, failure: failed };
    }

    async function goOnAfter(first: number): Promise<Batch> {
      let index = first;
      for (;;) {
        if (pending !== undefined) {
          await settle(index);
          if (failure === undefined) index += 1;
        }
        if (index >= hi || full()) return told(index);
        index = advance(index, Math.min(hi, index + look), lo, items);
      }
    }

    let index = lo;
    while (index < hi) {
      index = advance(index, Math.min(hi, index + look), lo, items);
      if (pending !== undefined) return goOnAfter(index);
      if (full()) break;
    }
    return told(index);
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
