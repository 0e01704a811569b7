import type { ErrorOutcome } from '../../core/column.ts';
import type { Scratch } from '../sandbox/scratch.ts';
import type { WorkFailure } from '../workforce.ts';
import { type AcceptedColumn, createAcceptedColumn, type ValueColumn } from './accepted-column.ts';
import { type CandidateInputs, candidateInputs } from './candidate-inputs.ts';
import type { CandidateInput, LoadedProgram } from './load-program.ts';
import type { LogJudge } from './log-judge.ts';
import type { Streams } from './rng.ts';
import { describeThrown, failureOf } from './thrown.ts';

/** A batch ends early after this time, … */
const LIMIT_MS = 100;
/** … and with this much to tell. */
const LIMIT_BYTES = 1_048_576;
/** The clock is read this often in a batch, and at least once in so many candidates. */
const LOOKS = 16;
const LOOK_CANDIDATES = 16_384;
/** Errors of a batch that keep their stack; the others keep their message. */
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
  readonly scratch: Scratch;
  /** Decides what of the log is kept; null: all of it. It may change between two batches. */
  readonly judging: { readonly judge: LogJudge | null };
  /** Tells what was thrown. @default describeThrown */
  readonly describe?: typeof describeThrown;
  /** at[0] tells which candidate is evaluated, before each; −1: none. */
  readonly at: Float64Array;
  /** Writes down what `at` tells. */
  readonly note: () => void;
  /** Makes the runner's own surroundings what they were: called after each batch. */
  readonly restore: () => void;
  /** Says that the batch is to end, whatever the time. */
  readonly isFull: () => boolean;
  /** A clock in ms. */
  readonly now: () => number;
}

/**
 * Evaluates candidates of one program, one after another.
 * items: JSON texts of the items lo … hi − 1. The batch may end early; before lo + 1
 * only with a failure. noted: each candidate is written down before it is evaluated.
 */
export type Evaluator = (
  lo: number,
  hi: number,
  items?: readonly string[],
  noted?: boolean,
) => Batch | Promise<Batch>;

/** Makes the evaluator of a loaded program. One call at a time. */
export function createEvaluator(options: EvaluatorOptions): Evaluator {
  const evaluation = new Evaluation(options);
  return (lo, hi, items, noted = false) => evaluation.batch(lo, hi, noted, items);
}

class Evaluation {
  #options: EvaluatorOptions;
  #inputs: CandidateInputs;
  #column: AcceptedColumn = createAcceptedColumn();
  #errors: ErrorOutcome[] = [];
  #errorBytes = 0;
  #failure: WorkFailure | undefined;
  #pending: PromiseLike<unknown> | undefined;
  #items: readonly string[] | undefined;
  #noted = false;
  #lo = 0;
  #start = 0;

  constructor(options: EvaluatorOptions) {
    this.#options = options;
    this.#inputs = candidateInputs(options.scratch);
  }

  batch(lo: number, hi: number, noted: boolean, items?: readonly string[]): Batch | Promise<Batch> {
    this.#start = this.#options.now();
    this.#noted = noted;
    this.#lo = lo;
    this.#items = items;
    const look = Math.max(1, Math.min(LOOK_CANDIDATES, Math.floor((hi - lo) / LOOKS)));
    let index = lo;
    while (index < hi) {
      this.#lookAhead(index, hi);
      index = this.#advance(index, Math.min(hi, index + look));
      if (this.#pending !== undefined) return this.#awaiting(index, hi, look);
      if (this.#isFull()) break;
    }
    return this.#told(index);
  }

  /** Tells a program that wants to know what comes next. */
  #lookAhead(lo: number, hi: number): void {
    const { program, streams, scratch } = this.#options;
    const { ahead, params, state } = program;
    if (ahead === undefined) return;
    // Before somebody begins with the next ones.
    if (scratch.asked) scratch.clear();
    const inputAt = (index: number): { seed32: number; item: unknown } => {
      streams.open(index);
      const text = this.#items?.[index - this.#lo];
      return {
        seed32: streams.rng.seed32,
        item: text === undefined ? undefined : JSON.parse(text),
      };
    };
    ahead({ lo, hi, params, state, inputAt });
  }

  /** Evaluates [from, to) up to the first that is pending or failed; the hot loop. */
  #advance(from: number, to: number): number {
    const { at, note, log, program, streams, scratch } = this.#options;
    const { evaluate, accept, params, state } = program;
    const { rng, open } = streams;
    const Input = this.#inputs;
    const items = this.#items;
    const noted = this.#noted;
    const base = this.#lo;
    const column = this.#column;
    const { judge } = this.#options.judging;
    for (let index = from; index < to; index += 1) {
      at[0] = index;
      if (noted) note();
      if (scratch.asked) scratch.clear();
      open(index);
      if (judge !== null) judge.begin();
      try {
        const item = items === undefined ? undefined : JSON.parse(items[index - base] ?? 'null');
        const value = evaluate(new Input(rng, index, item, params, state, log));
        if (value === undefined) {
          if (judge !== null) judge.end(index, 'rejected');
          continue;
        }
        if (isThenable(value)) {
          this.#pending = accept === undefined ? value : this.#judged(value);
          return index;
        }
        if (accept !== undefined) {
          const word = accept(value, { params });
          if (isThenable(word)) {
            this.#pending = word.then((late) => (late ? value : undefined));
            return index;
          }
          if (!word) {
            if (judge !== null) judge.end(index, 'rejected');
            continue;
          }
        }
        column.push(index, value);
        if (judge !== null) judge.end(index, 'accepted', column);
      } catch (thrown) {
        if (!this.#isOutcome(index, thrown)) return index;
      }
    }
    return to;
  }

  /** Goes on where the candidate at `first` is pending. */
  async #awaiting(first: number, hi: number, look: number): Promise<Batch> {
    let index = first;
    for (;;) {
      if (this.#pending !== undefined) {
        await this.#settle(index);
        if (this.#failure === undefined) index += 1;
      }
      if (index >= hi || this.#isFull()) return this.#told(index);
      this.#lookAhead(index, hi);
      index = this.#advance(index, Math.min(hi, index + look));
    }
  }

  async #settle(index: number): Promise<void> {
    try {
      const promise = this.#pending;
      this.#pending = undefined;
      const value = await promise;
      if (value !== undefined) this.#column.push(index, value);
      const { judge } = this.#options.judging;
      if (value === undefined) judge?.end(index, 'rejected');
      else judge?.end(index, 'accepted', this.#column);
    } catch (thrown) {
      this.#isOutcome(index, thrown);
    }
  }

  async #judged(promise: PromiseLike<unknown>): Promise<unknown> {
    const { accept, params } = this.#options.program;
    const value = await promise;
    if (value === undefined) return undefined;
    return (await accept?.(value, { params })) ? value : undefined;
  }

  /** Keeps an error; false when it is no outcome: the batch then ends with a failure. */
  #isOutcome(index: number, thrown: unknown): boolean {
    this.#failure = failureOf(thrown);
    const { judge } = this.#options.judging;
    judge?.end(index, this.#failure === undefined ? 'error' : 'failed');
    if (this.#failure !== undefined) return false;
    const { describe = describeThrown } = this.#options;
    const { name, detail } = describe(thrown, this.#errors.length >= FULL_DETAILS);
    // Not push: user code may have changed what arrays can do.
    this.#errors[this.#errors.length] = { index, name, detail };
    this.#errorBytes += 24 + name.length + detail.length;
    return true;
  }

  #isFull(): boolean {
    return (
      this.#failure !== undefined ||
      this.#options.now() - this.#start > LIMIT_MS ||
      this.#column.bytes + this.#errorBytes > LIMIT_BYTES ||
      this.#options.isFull()
    );
  }

  #told(hi: number): Batch {
    const batch = {
      lo: this.#lo,
      hi,
      column: this.#column.take(),
      errors: this.#errors,
      ms: this.#options.now() - this.#start,
    };
    const { at, note, restore, scratch } = this.#options;
    if (scratch.asked) scratch.clear();
    restore();
    at[0] = -1;
    if (this.#noted) note();
    const failure = this.#failure;
    this.#errors = [];
    this.#errorBytes = 0;
    this.#failure = undefined;
    return failure === undefined ? batch : { ...batch, failure };
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  );
}
