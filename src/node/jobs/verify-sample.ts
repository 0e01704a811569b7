import { type Interval, IntervalSet } from '../../core/interval-set.ts';
import type { JobState } from '../../core/job-state.ts';

/** Indices evaluated in one go by verify, in one fresh executor. */
const VERIFY_RUN = 64;

/** Runs that verify makes at least: one that begins where the first one did shows no leak. */
const VERIFY_PARTS = 16;

/**
 * Random runs of candidates whose outcomes are known, with other boundaries than the first
 * evaluation had; none of what the answer leaves out, which may never end. share: 0 … 1, or more.
 */
export function verifySample(job: JobState, share: number): Interval[] {
  const { coverage } = job.computation;
  const end = job.ending?.end ?? coverage.firstGap(0);
  const known = new IntervalSet(coverage.within(0, end));
  for (const index of job.skipped) known.remove(index, index + 1);
  const wanted = Math.max(1, Math.round(known.count() * share));
  if (known.isEmpty()) return [];
  const part = Math.ceil(wanted / VERIFY_PARTS);
  if (share >= 1) return cut(known, Math.min(VERIFY_RUN * 16, part));
  const length = Math.min(VERIFY_RUN, part);
  const cells = cut(known, length);
  const ranges: Interval[] = [];
  for (let left = Math.ceil(wanted / length); left > 0 && cells.length > 0; left--) {
    const [cell] = cells.splice(Math.floor(Math.random() * cells.length), 1);
    if (cell !== undefined) ranges.push(cell);
  }
  return ranges;
}

function cut(set: IntervalSet, size: number): Interval[] {
  const ranges: Interval[] = [];
  for (const [lo, hi] of set.toArray()) {
    for (let at = lo; at < hi; at += size) ranges.push([at, Math.min(hi, at + size)]);
  }
  return ranges;
}
