import { knownEnd } from './answer.ts';
import type { Computation } from './computation.ts';
import { MAX_INDEX } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import type { Timing } from './timing.ts';

/** Segments after which the acceptance rate is trusted for looking ahead. */
const TRUSTED_SEGMENTS = 10;

/** Accepted candidates from which a rate is more than a guess. */
const TRUSTED_ACCEPTED = 4;

/** Accepted candidates that one block is to hold at most. */
const BLOCK_VALUES = 16_384;

/** Least duration of a block for each slot of the mesh, in ms: every peer hears of every block. */
const LEAST_MS_A_SLOT = 2.5;

/** Duration that is assumed of a candidate which did not end in the probe, in ms. */
const UNKNOWN_COST_MS = 2000;

/** What is expected of a job. */
export interface Estimate {
  /** Accepted per candidate; with none accepted, one in all that were tried. */
  readonly rate: number;
  /** Candidates still to evaluate. */
  readonly remaining: number;
  /** Candidates in all. */
  readonly total: number;
  /** Time of one candidate in ms. */
  readonly costMs: number;
}

/** The largest power of two that is not above a number, at least 1. */
export function powerBelow(value: number): number {
  if (!(value >= 2)) return 1;
  if (value >= 2 ** 50) return 2 ** 50;
  let power = 2;
  while (power * 2 <= value) power *= 2;
  return power;
}

/** Estimates a job from all segments known, or from its probe before the first. */
export function estimate(job: JobState): Estimate {
  const { computation, manifest } = job;
  const { probe, target } = manifest;
  const tried = computation.coverage.count();
  const rate =
    tried > 0
      ? Math.max(computation.answers.lines, 1) / tried
      : Math.max(probe.accepted, 1) / Math.max(probe.candidates, 1);
  let costMs = UNKNOWN_COST_MS;
  if (computation.candidates > 0) costMs = computation.milliseconds / computation.candidates;
  else if (probe.candidates > 0) costMs = probe.ms / probe.candidates;
  costMs = Math.max(costMs, 1e-6);
  if (target.kind === 'map') {
    return { rate, remaining: Math.max(target.count - tried, 1), total: target.count, costMs };
  }
  const missing = Math.max(target.count - computation.answers.lines, 1);
  const bound = job.bound ?? MAX_INDEX;
  const within = Math.max(bound - computation.coverage.count(0, bound), 1);
  const remaining = Math.min(missing / rate, within);
  return { rate, remaining, total: Math.min(target.count / rate, bound), costMs };
}

/**
 * Candidates that may be open below a claimed index: r/p + 2·√r/p (design.md section 4: a fixed
 * window starves machines), 4 blocks a slot before ten segments are in.
 */
function openCap(job: JobState, expected: Estimate, grain: number, slots: number): number {
  const { computation, manifest } = job;
  const missing = Math.max(manifest.target.count - computation.answers.lines, 0);
  const cap = (missing + 2 * Math.sqrt(missing)) / expected.rate;
  const guess = 4 * slots * grain;
  if (computation.segments >= TRUSTED_SEGMENTS) return cap;
  return computation.answers.lines >= TRUSTED_ACCEPTED ? Math.min(cap, guess) : guess;
}

/**
 * Candidates of one block: a power of two that aims at a duration, which grows from short blocks
 * (early results, early estimates) to a second and then a thousandth of the elapsed time.
 * slots: of the whole mesh. elapsedMs: since this peer knows the job. waitMs: how long a claimed
 * block stands before it starts, so that the one before it is to last as long.
 */
export function grainOf(
  job: JobState,
  expected: Estimate,
  slots: number,
  elapsedMs: number,
  timing: Timing,
  waitMs = 0,
): number {
  const leastMs = Math.max(timing.leastBlockMs, slots * LEAST_MS_A_SLOT);
  const ramp = Math.min(timing.blockMs, elapsedMs / 4);
  const aimMs = Math.max(leastMs, ramp, elapsedMs / 1000, slots * 5, waitMs);
  const waited = Math.min(waitMs / expected.costMs, expected.remaining / slots);
  const least = Math.max(leastMs / expected.costMs, waited);
  const share = Math.min(expected.total / (20 * slots), expected.remaining / (2 * slots));
  const missing = Math.max(job.manifest.target.count - job.computation.answers.lines, 1);
  const useful = (missing + 2 * Math.sqrt(missing)) / expected.rate;
  const grain = Math.min(aimMs / expected.costMs, Math.max(least, share), useful);
  return powerBelow(Math.min(grain, BLOCK_VALUES / expected.rate));
}

/**
 * Lost values to evaluate again in one run: a power of two that aims at a block's duration and
 * leaves each slot of the mesh two runs.
 */
export function recoveredAtOnce(
  { missing }: Computation,
  { costMs }: Estimate,
  slots: number,
  { blockMs }: Timing,
): number {
  if (missing.isEmpty()) return 1;
  return powerBelow(Math.min(blockMs / costMs, missing.count() / (2 * slots)));
}

/** The index below which candidates may be claimed now. */
export function reachOf(job: JobState, expected: Estimate, grain: number, slots: number): number {
  const { computation, manifest } = job;
  const bound = job.bound ?? MAX_INDEX;
  if (manifest.target.kind === 'map') return bound;
  if (computation.answers.lines >= manifest.target.count) return knownEnd(job) ?? bound;
  // What failed or is skipped may stay open for ever: it must not use the cap up.
  const left = computation.attempts.size + job.skips.size;
  const open = Math.max(Math.ceil(openCap(job, expected, grain, slots)), 1);
  return Math.min(computation.coverage.endOfOpen(open + left), bound, MAX_INDEX);
}
