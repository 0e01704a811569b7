/** What a condition of a job's logs is asked about. */
export interface Facts {
  /** What an accepted candidate came to; of any other undefined. */
  readonly value: unknown;
  /** The candidate's time. */
  readonly ms: number;
  readonly index: number;
  /** failed: it came to no outcome. */
  readonly outcome: 'accepted' | 'rejected' | 'error' | 'failed';
}

/** Says whether what a candidate logged is kept; it may throw. */
type Condition = (facts: Facts) => unknown;

/** @throws SyntaxError */
function compiled(expression: string): Condition {
  const body = `'use strict'; return (${expression}\n);`;
  // The expression is of the job's publisher, as its program is, and runs where that runs.
  const call = new Function('value', 'ms', 'index', 'outcome', body);
  return ({ value, ms, index, outcome }) => call(value, ms, index, outcome);
}

/** What is wrong with an expression, in words; null: nothing, as far as one call can tell. */
export function faultOf(expression: string): string | null {
  try {
    const facts = { value: undefined, ms: 0, index: 0, outcome: 'rejected' } as const;
    compiled(expression)(facts);
    return null;
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (thrown instanceof SyntaxError) return `it is no expression (${message})`;
    if (!(thrown instanceof ReferenceError)) return null;
    return `${message}; it may use value, ms, index and outcome`;
  }
}

/** Compiles an expression; one that cannot be read throws at each call. */
export function logCondition(expression: string): Condition {
  try {
    return compiled(expression);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
