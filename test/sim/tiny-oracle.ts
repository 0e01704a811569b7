import { createHash } from 'node:crypto';
import { encode } from 'cborg';

/**
 * What a candidate comes to: a number or a text is accepted, null is rejected, `dies` ends its
 * executor. The text 'dies' is therefore no value.
 */
export type TinyOutcome = number | string | null | { readonly error: string } | 'dies';

/** A function of the index; `peer` is there for functions that are not pure. */
export interface Program {
  readonly name: string;
  outcome(index: number, peer: string): TinyOutcome;
  costMs(index: number): number;
}

/** Accepts one of `every` candidates, scattered but the same ones each time. */
export function scattered(every: number, costMs = 5, name = `one of ${every}`): Program {
  return {
    name,
    outcome: (index) => (chosen(index, every) ? index / 7 : null),
    costMs: () => costMs,
  };
}

/** Says whether an index is one of the scattered ones. */
export function chosen(index: number, every: number): boolean {
  return (Math.imul(index + 1, 0x9e3779b1) >>> 8) % every === 0;
}

/** What is asked of a program. */
export interface Question {
  readonly program: Program;
  readonly computation: string;
  readonly target:
    | { readonly kind: 'accept'; readonly count: number; readonly maxEvals: number | null }
    | { readonly kind: 'map'; readonly count: number };
  readonly skip?: readonly number[];
}

export interface TinyAnswer {
  readonly lines: readonly (readonly [index: number, value: unknown])[];
  /** Index of the last line + 1, or the bound. */
  readonly end: number;
  readonly certificate: string;
}

/** The sequential run: one loop over the indices, no mesh. */
export function tinyOracle({ program, computation, target, skip = [] }: Question): TinyAnswer {
  const bound = target.kind === 'map' ? target.count : (target.maxEvals ?? Infinity);
  const lines: [number, unknown][] = [];
  const hashes: [number, Uint8Array][] = [];
  let end = 0;
  for (; end < bound && (target.kind === 'map' || lines.length < target.count); end++) {
    if (skip.includes(end)) continue;
    const outcome = program.outcome(end, 'oracle');
    if (outcome === 'dies') throw new Error(`index ${end} has no outcome`);
    if (outcome === null) continue;
    const failed = typeof outcome === 'object';
    if (failed && target.kind === 'accept') continue;
    lines.push([end, outcome]);
    hashes.push([end, sha(failed ? `error ${outcome.error}` : JSON.stringify(outcome))]);
  }
  const asked =
    target.kind === 'map' ? ['map', target.count] : ['accept', target.count, target.maxEvals];
  const whole = [Buffer.from(computation, 'hex'), asked, [...skip], hashes];
  return { lines, end, certificate: sha(encode(whole)).toString('hex') };
}

function sha(bytes: Uint8Array | string): Buffer {
  return createHash('sha256').update(bytes).digest();
}
