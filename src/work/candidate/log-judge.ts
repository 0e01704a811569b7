import { type Facts, logCondition } from './log-condition.ts';
import type { CandidateLog } from './log-lines.ts';

/** Decides after each candidate whether what it logged is kept. */
export interface LogJudge {
  /** A candidate begins. */
  begin(): void;
  /** A candidate has ended; nothing of this is part of its outcome. */
  end(index: number, outcome: Facts['outcome'], value: unknown): void;
}

/** What a judge needs. */
export interface LogJudgeOptions {
  readonly log: CandidateLog;
  /** Says once that the condition threw. */
  readonly notice: (text: string) => void;
  /** at[0]: the candidate in hand, which a limit of time is for. */
  readonly at: Float64Array;
  /** A clock in ms. */
  readonly now: () => number;
}

/** Makes the judge of one expression. What is logged where it throws is kept. */
export function createLogJudge(expression: string, options: LogJudgeOptions): LogJudge {
  const { log, notice, at, now } = options;
  const condition = logCondition(expression);
  let startMs = 0;
  return {
    begin() {
      startMs = now();
    },
    end(index, outcome, value) {
      if (!log.holds()) return;
      const ms = now() - startMs;
      at[0] = -1;
      try {
        // A copy: what the expression does to it is nothing to the program.
        const copy = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
        log.settle(Boolean(condition({ value: copy, ms, index, outcome })));
      } catch (thrown) {
        log.settle(true);
        notice(`--log-if threw ${textOf(thrown)}: the log is kept`);
      }
    },
  };
}

function textOf(thrown: unknown): string {
  try {
    return String(thrown).slice(0, 500);
  } catch {
    return 'what has no text';
  }
}
