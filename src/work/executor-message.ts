import type { ErrorOutcome } from '../core/column.ts';
import type { Limits } from '../core/limits.ts';
import type { ValueColumn } from './candidate/accepted-column.ts';
import type { SentLine } from './candidate/log-lines.ts';
import type { Draw } from './candidate/trace.ts';
import type { LivePiece } from './command/live-output.ts';
import type { FolderLimit, Tier } from './sandbox/sandbox.ts';
import type { Usage, WorkFailure } from './workforce.ts';

/** The longest text of a failure, a refusal or a notice, in bytes. */
export const MOST_DETAIL = 16_384;

/** Candidates to evaluate in order. An executor has one span at a time. */
export interface Span {
  readonly lo: number;
  readonly hi: number;
  /** Below `until`, no batch is larger than `step`: an executor died in one of them. What is in
   * hand is then written down before each candidate, if a batch is not too large for that. */
  readonly careful: { readonly until: number; readonly step: number } | null;
  /** JSON texts of the items lo … hi − 1, in a map job. */
  readonly items?: readonly string[];
  /** Of commands: the number of this machine's slot that runs it, from 1. */
  readonly slot?: number;
  /** What a candidate logs is kept where this is true: JSON text of a Term. @default always */
  readonly logIf?: string;
}

/** What a peer tells an executor. */
export type ToExecutor =
  /** First, once. */
  | {
      readonly kind: 'prepare';
      /** Where long outputs of commands go; null: the program is a function. */
      readonly outputs: string | null;
      readonly limits: Limits;
      readonly tier: Tier;
      /** Numbers of what it has open by accident, and closes. */
      readonly inherited: readonly number[];
      /** The candidates' scratch folder, and what may be in it at most. */
      readonly scratch: FolderLimit;
      /** The folder of all commands of a computation in a sandbox; null: there is none. */
      readonly common: FolderLimit | null;
    }
  /** Then, once. file: URL of the program, which may name a source map. params: JSON text. */
  | {
      readonly kind: 'load';
      readonly file: string;
      readonly params: string;
      readonly seed: number;
      /** It tells what its candidates draw, and the whole of what they throw. */
      readonly trace: boolean;
    }
  /** Of a seedless program without a span: what comes is of another computation. */
  | { readonly kind: 'reseed'; readonly seed: number }
  | { readonly kind: 'span'; readonly span: Span }
  /** The batch in hand ends, the span with it. Answered by `drained` with the same token. */
  | { readonly kind: 'drain'; readonly token: number }
  /** It ends by itself after the batch in hand and the program's teardown. */
  | { readonly kind: 'leave' };

/** What an executor tells its peer. */
export type FromExecutor =
  /** seedless: import and setup drew nothing, so the program is the same for every seed. */
  | { readonly kind: 'loaded'; readonly teardown: boolean; readonly seedless: boolean }
  | { readonly kind: 'refused'; readonly detail: string }
  | {
      readonly kind: 'batch';
      readonly lo: number;
      readonly hi: number;
      readonly column: ValueColumn | null;
      readonly errors: readonly ErrorOutcome[];
      readonly ms: number;
      /** It takes no further batch: what leaks in user code is to end with it. */
      readonly worn: boolean;
      /** The size of the next batch, at most: if the executor dies, it died there. */
      readonly next: number;
    }
  /** This candidate came to no outcome; the executor waits for another span. */
  | { readonly kind: 'failure'; readonly index: number; readonly failure: WorkFailure }
  | { readonly kind: 'drained'; readonly token: number }
  /** What a command wrote that still runs. */
  | { readonly kind: 'output'; readonly index: number; readonly piece: LivePiece }
  /** The program's teardown begins; then the process ends. */
  | { readonly kind: 'leaving' }
  | { readonly kind: 'log'; readonly lines: readonly SentLine[] }
  /** In a trace: what was drawn, and after a batch what it took. */
  | { readonly kind: 'draw'; readonly draw: Draw }
  | { readonly kind: 'usage'; readonly usage: Usage }
  /** Whether the lines that were held so far are kept. */
  | { readonly kind: 'log.settled'; readonly isKept: boolean }
  /** What is to be said once of the computation. */
  | { readonly kind: 'log.notice'; readonly text: string }
  /** Lines of this candidate, or of it and later ones, that are beyond what may be logged. */
  | { readonly kind: 'log.dropped'; readonly index: number; readonly lines: number };
