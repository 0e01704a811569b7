import type { AcceptedColumn } from './accepted-column.ts';
import { ConditionFault } from './condition.ts';
import type { CandidateLog } from './log-lines.ts';

/** What a condition of a job's logs is asked about. */
export interface Facts {
  /** A copy of what an accepted candidate came to, as JSON holds it; of any other undefined. */
  readonly value: () => unknown;
  /** The candidate's time. */
  readonly ms: number;
  readonly index: number;
  /** failed: it came to no outcome. */
  readonly outcome: 'accepted' | 'rejected' | 'error' | 'failed';
}

/** Says whether what a candidate logged is kept; it may throw. */
export type Condition = (facts: Facts) => boolean;

/** Decides after each candidate whether what it logged is kept. */
export interface LogJudge {
  /** A candidate begins. */
  begin(): void;
  /**
   * A candidate has ended; nothing of this is part of its outcome. accepted: has the value, as it
   * was encoded, last in it.
   */
  end(index: number, outcome: Facts['outcome'], accepted?: Pick<AcceptedColumn, 'last'>): void;
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

/** Makes the judge of one condition. What is logged where it throws is kept. */
export function createLogJudge(condition: Condition, options: LogJudgeOptions): LogJudge {
  const { log, notice, at, now } = options;
  let startMs = 0;
  return {
    begin() {
      startMs = now();
    },
    end(index, outcome, accepted) {
      if (!log.holds()) return;
      const ms = now() - startMs;
      at[0] = -1;
      try {
        log.settle(condition({ value: () => accepted?.last(), ms, index, outcome }));
      } catch (thrown) {
        log.settle(true);
        notice(`--log-if threw ${textOf(thrown)}: the log is kept`);
      }
    },
  };
}

function textOf(thrown: unknown): string {
  try {
    return thrown instanceof ConditionFault ? thrown.message : String(thrown).slice(0, 500);
  } catch {
    return 'what has no text';
  }
}
