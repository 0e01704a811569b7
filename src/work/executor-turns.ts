import { MOST_DRAWS } from './candidate/trace.ts';
import type { FromExecutor, Span } from './executor-message.ts';

/** What a trace tells of what candidates took, at most so often. */
const MOST_USAGES = 1000;

/** Characters that are told of an error outside a trace: what a record of it holds. */
const MOST_TOLD = 2048;

/** What an executor was started for. */
export interface TurnsOptions {
  /** It tells what its candidates draw and take. */
  readonly isTrace: boolean;
  /** It runs commands, whose output it tells. */
  readonly isCommands: boolean;
}

/** What an executor may say, from what it was told: an order of its own is user code's. */
export class Turns {
  readonly #options: TurnsOptions;
  #state: 'loading' | 'ready' | 'refused' = 'loading';
  /** The rest of the span in hand. */
  #span: { at: number; readonly hi: number } | null = null;
  /** Only the failure of its next candidate can follow in the span. */
  #isEnding = false;
  /** The last drain that was asked for, the last one since the span began, and the last answer. */
  #asked = 0;
  #drain: number | null = null;
  #answered = 0;
  #leave: 'unasked' | 'asked' | 'begun' = 'unasked';
  #draws = 0;
  #usages = 0;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** A span goes out. */
  begin({ lo, hi }: Pick<Span, 'lo' | 'hi'>): void {
    this.#span = { at: lo, hi };
    this.#isEnding = false;
    this.#drain = null;
  }

  /** It is asked to drain. Tokens rise. */
  drain(token: number): void {
    this.#asked = token;
    this.#drain = token;
  }

  /** It is asked to end. */
  leave(): void {
    this.#leave = 'asked';
  }

  /** Whether a candidate is in hand. */
  holds(index: number): boolean {
    return this.#span !== null && index >= this.#span.at && index < this.#span.hi;
  }

  /** What is wrong with a message of good form, in words; null: nothing, and it has been taken. */
  faultOf(message: FromExecutor): string | null {
    switch (message.kind) {
      case 'loaded':
      case 'refused':
        if (this.#state !== 'loading') return 'it was loaded before';
        this.#state = message.kind === 'loaded' ? 'ready' : 'refused';
        return null;
      case 'batch':
        return this.#faultOfBatch(message);
      case 'failure': {
        const isNext = this.#span?.at === message.index && message.index < this.#span.hi;
        this.#span = null;
        return isNext ? null : `a failure of candidate ${message.index}, which was not next`;
      }
      case 'drained':
        return this.#faultOfDrained(message.token);
      case 'leaving':
        if (this.#leave !== 'asked') return 'it leaves unasked';
        this.#leave = 'begun';
        return null;
      case 'output':
        return this.#options.isCommands ? null : 'output, where no commands run';
      case 'draw':
        this.#draws += 1;
        return this.#options.isTrace && this.#draws <= MOST_DRAWS ? null : 'draws beyond a trace';
      case 'usage':
        this.#usages += 1;
        return this.#options.isTrace && this.#usages <= MOST_USAGES ? null : 'usage beyond a trace';
      default:
        return null;
    }
  }

  #faultOfBatch(batch: Extract<FromExecutor, { kind: 'batch' }>): string | null {
    const { lo, hi, worn, errors } = batch;
    const span = this.#span;
    if (span === null || this.#isEnding) return 'outcomes that nobody asked for';
    if (lo !== span.at || hi > span.hi) {
      return `outcomes of [${lo}, ${hi}), where [${span.at}, ${span.hi}) is in hand`;
    }
    // Other peers would refuse the record that it becomes.
    const isLong = !this.#options.isTrace && errors.some(({ detail }) => detail.length > MOST_TOLD);
    if (isLong) return 'an error of which more is told than is kept';
    span.at = hi;
    this.#isEnding = worn || hi === lo || hi === span.hi;
    return null;
  }

  #faultOfDrained(token: number): string | null {
    if (token < 0) return this.#leave === 'begun' ? null : 'it leaves unasked';
    if (token <= this.#answered || token > this.#asked) return 'an answer that nobody asked for';
    this.#answered = token;
    if (token === this.#drain) this.#span = null;
    return null;
  }
}
