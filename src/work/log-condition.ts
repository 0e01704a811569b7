import { type Context, createContext, Script } from 'node:vm';
import type { Condition } from './candidate/log-judge.ts';

/** Longest time that an expression may take, in ms: of a busy machine's clock, so it is ample. */
const LIMIT_MS = 1000;

/** So often an expression may take longer; then it is not evaluated here any more. */
const MOST_TIMEOUTS = 3;

/** What Node says of a script that is over its limit. */
const TIMED_OUT = 'ERR_SCRIPT_EXECUTION_TIMEOUT';

/** What an expression might go on with after it is over. */
const LATER = /\b(?:async|await|import|Promise|yield)\b/;

/**
 * An expression is evaluated in a realm of its own, and nothing but texts and truth values goes in
 * and out: what it does to `Math` or an array there is nothing to the candidates.
 * @throws SyntaxError
 */
function compiled(expression: string, limitMs: number): Condition {
  const [later] = LATER.exec(expression) ?? [];
  if (later !== undefined) throw new SyntaxError(`${later} has no place in it`);
  // By itself first: a comment or a bracket is not to reach beyond it.
  new Script(`'use strict'; (${expression}\n);`);
  const script = new Script(
    `'use strict'; (() => { try {
      const { value, ms, index, outcome } = JSON.parse(facts);
      return Boolean((${expression}\n));
    } catch (thrown) { return String(thrown); } })()`,
  );
  const codeGeneration = { strings: false, wasm: false };
  let timeouts = 0;
  return (facts) => {
    if (timeouts >= MOST_TIMEOUTS) throw new Thrown(`it timed out ${MOST_TIMEOUTS} times`);
    const context: Context = createContext(Object.create(null), { codeGeneration });
    context['facts'] = JSON.stringify(facts);
    let result: unknown;
    try {
      result = script.runInContext(context, { timeout: limitMs });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === TIMED_OUT) timeouts += 1;
      throw error;
    }
    if (typeof result !== 'boolean') throw new Thrown(String(result));
    return result;
  };
}

/** What an expression threw, as a text. */
class Thrown extends Error {
  override toString(): string {
    return this.message;
  }
}

/** What is wrong with an expression, in words; null: nothing, as far as one call can tell. */
export function faultOf(expression: string): string | null {
  try {
    compiled(expression, LIMIT_MS)({ value: undefined, ms: 0, index: 0, outcome: 'rejected' });
    return null;
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    if (thrown instanceof SyntaxError) return `it is no expression (${message})`;
    if (!(thrown instanceof Thrown)) return `it takes longer than ${LIMIT_MS / 1000} s`;
    if (!message.startsWith('ReferenceError: ')) return null;
    return `${message.slice(16)}; it may use value, ms, index and outcome`;
  }
}

/**
 * Compiles an expression; one that cannot be read throws at each call. limitMs: longest time of a
 * call.
 */
export function logCondition(expression: string, limitMs: number = LIMIT_MS): Condition {
  try {
    return compiled(expression, limitMs);
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
