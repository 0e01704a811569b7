import fc from 'fast-check';
import type { Column, ErrorOutcome } from '../../../src/core/column.ts';
import type { ComputationId, JobId } from '../../../src/core/ids.ts';
import { NO_LIMITS } from '../../../src/core/limits.ts';
import { type Attempt, LOST, type RecordKey, type Segment } from '../../../src/core/record.ts';
import { sha256 } from '../../sim/world/machine.ts';

/** Indices that these records speak of are below it. */
export const BOUND = 20;

/** A record of a computation that is not signed. */
export type Work = Segment | Attempt;

/** A record with its place. */
export type Placed<Body = Work> = readonly [key: RecordKey, body: Body];

/**
 * An outcome in short: a number is a value, a text that begins with E the name of an error, any
 * other text stands for a long value, null is rejected.
 */
export type Brief = number | string | null;

/** What a pure function comes to. */
export function pure(index: number): Brief {
  const kinds: readonly Brief[] = [index / 2, null, null, 'E', `long ${index}`];
  return kinds[(index * 7) % 5] ?? null;
}

/** A segment of these outcomes from `lo` on, in one column of each kind that is needed. */
export function segmentOf(
  job: JobId,
  lo: number,
  outcomes: readonly Brief[],
  fresh: boolean,
): Segment {
  const numbers: [number, number][] = [];
  const long: [number, string][] = [];
  const errors: ErrorOutcome[] = [];
  for (const [k, outcome] of outcomes.entries()) {
    if (typeof outcome === 'number') numbers.push([lo + k, outcome]);
    else if (outcome?.startsWith('E')) errors.push({ index: lo + k, name: outcome, detail: 'at' });
    else if (outcome !== null) long.push([lo + k, sha256(outcome)]);
  }
  const indicesOf = (all: readonly (readonly [number, unknown])[]): Float64Array =>
    Float64Array.from(all, ([index]) => index);
  const accepted: Column[] = [];
  if (numbers.length > 0) {
    const values = Float64Array.from(numbers, ([, value]) => value);
    accepted.push({ kind: 'number', indices: indicesOf(numbers), values });
  }
  if (long.length > 0) {
    const [hashes, sizes] = [long.map(([, hash]) => hash), long.map(() => 300)];
    accepted.push({ kind: 'hash', indices: indicesOf(long), hashes, sizes });
  }
  const hi = lo + outcomes.length;
  return { kind: 'segment', job, lo, hi, ms: 1, fresh, accepted, errors };
}

const interval = fc
  .tuple(fc.nat(BOUND - 1), fc.integer({ min: 1, max: 6 }))
  .map(([lo, size]) => [lo, Math.min(BOUND, lo + size)] as const);

/** Segments of a pure function, however its intervals are cut and repeated. */
export function agreeing(jobs: readonly JobId[]): fc.Arbitrary<Segment> {
  return fc
    .tuple(interval, fc.boolean(), fc.constantFrom(...jobs))
    .map(([[lo, hi], fresh, job]) => {
      const outcomes = Array.from({ length: hi - lo }, (_, k) => pure(lo + k));
      return segmentOf(job, lo, outcomes, fresh);
    });
}

const deviation = fc.record({
  at: fc.nat(5),
  outcome: fc.constantFrom<Brief>(666, 777, null, 'E', 'Ex', 'long lie'),
});

/** Segments that mostly agree, and now and then do not. */
export function disagreeing(jobs: readonly JobId[]): fc.Arbitrary<Segment> {
  return fc
    .tuple(interval, fc.boolean(), fc.constantFrom(...jobs), fc.option(deviation))
    .map(([[lo, hi], fresh, job, wrong]) => {
      const outcomes = Array.from({ length: hi - lo }, (_, k) => pure(lo + k));
      if (wrong !== null) outcomes[wrong.at % outcomes.length] = wrong.outcome;
      return segmentOf(job, lo, outcomes, fresh);
    });
}

/** Attempts on a few indices, so that some become stuck, and lost intervals. */
export const attempt: fc.Arbitrary<Attempt> = fc
  .tuple(fc.nat(3), fc.constantFrom('died', 'memory', LOST), fc.constantFrom('a1', 'b2'))
  .map(([at, failure, job]): Attempt => {
    const lo = at * 5;
    return {
      kind: 'attempt',
      job: job.repeat(32),
      lo,
      hi: failure === LOST ? lo + 3 : lo + 1,
      limits: NO_LIMITS,
      failure,
      detail: '',
    };
  });

/** Puts bodies into the logs of three peers, one of which was started twice. */
export function placed<Body>(scope: ComputationId, bodies: readonly Body[]): Placed<Body>[] {
  const starts = [
    ['anna', 1],
    ['bert', 4],
    ['anna', 2],
    ['carl', 1],
  ] as const;
  return bodies.map((body, k) => {
    const [origin, incarnation] = starts[k % starts.length] ?? ['anna', 1];
    const start = { incarnation, nonce: '5a'.repeat(8) };
    return [{ scope, origin, start, n: Math.floor(k / starts.length) }, body];
  });
}
