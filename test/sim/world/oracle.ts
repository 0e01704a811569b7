import { hash } from 'node:crypto';
import { encode } from 'cborg';
import { outcomeOf, type Program } from './program.ts';

/** What is asked of a program. */
export interface Question {
  readonly program: Program;
  readonly computation: string;
  readonly target:
    | { readonly kind: 'accept'; readonly count: number; readonly maxEvals: number | null }
    | { readonly kind: 'map'; readonly count: number };
}

/** One line of an answer: the value's JSON text, or `error` and the error's name. */
export type OracleLine = readonly [index: number, text: string];

/** The answer of the sequential run. */
export interface OracleAnswer {
  readonly lines: readonly OracleLine[];
  /** Index of the last line + 1, or the bound. */
  readonly end: number;
  readonly certificate: string;
}

/** The sequential run: one loop over the indices, no mesh. */
export function askOracle(question: Question, skip: readonly number[] = []): OracleAnswer {
  const { program, computation, target } = question;
  const bound = target.kind === 'map' ? target.count : (target.maxEvals ?? Infinity);
  const left = new Set(skip);
  const lines: OracleLine[] = [];
  let end = 0;
  for (; end < bound && (target.kind === 'map' || lines.length < target.count); end++) {
    if (left.has(end)) continue;
    const outcome = outcomeOf(program, end);
    if (outcome === null) continue;
    const failed = typeof outcome === 'object';
    if (failed && target.kind === 'accept') continue;
    lines.push([end, failed ? `error ${outcome.error}` : JSON.stringify(outcome)]);
  }
  const asked =
    target.kind === 'map' ? ['map', target.count] : ['accept', target.count, target.maxEvals];
  const hashes = lines.map(([index, text]) => [index, hash('sha256', text, 'buffer')]);
  const whole = encode([Buffer.from(computation, 'hex'), asked, [...skip], hashes]);
  return { lines, end, certificate: hash('sha256', whole) };
}
