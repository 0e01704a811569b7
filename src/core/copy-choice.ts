import type { Choice } from './block-choice.ts';
import { IntervalSet } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import { MOST_COPIES, openLeases, overlap, type Span } from './lease-book.ts';
import { sameGround } from './limits.ts';
import { eligible, runsInMesh } from './membership.ts';
import { estimate, grainOf, reachOf } from './reach.ts';
import type { Turn } from './turn.ts';

/** Runs at a time where a machine may have died of a candidate; the second comes so much later. */
const MOST_RUNS_AFTER_LOSS = 2;
const LATER_AFTER_LOSS = 10;

/** Times of a death after which who holds such an interval would be known to have died of it. */
const SURELY_ALIVE = 2;

/**
 * When idle: a second run of the lowest interval that another peer holds for longer than 1.5 times
 * the median segment, at most two copies of each (design.md section 4).
 */
export function chooseCopy(turn: Turn, job: JobState): Choice | null {
  const { computation } = job;
  const median = computation.medianMs;
  // A command is not to run twice.
  if (median === null || !computation.isPure || !job.active || !eligible(turn, computation))
    return null;
  const { roster, timing } = turn.state;
  const leastMs = Math.max(1.5 * median, 100);
  const aliveMs = SURELY_ALIVE * timing.deadMs * roster.spacing;
  const lateMs = Math.max(LATER_AFTER_LOSS * leastMs, aliveMs);
  const aged = roster.agedLeases(job.ground, leastMs, turn.now);
  if (aged.length === 0) return null;
  const slots = runsInMesh(turn, job);
  const expected = estimate(job);
  const grain = grainOf(job, expected, slots, turn.now - job.heardAt, turn.state.timing);
  const reach = reachOf(job, expected, grain, slots);
  const theirs = roster.openLeases(job.ground, turn.now).map(({ lease }) => lease);
  const own = openLeases(turn.state).map(({ lease }) => lease);
  const tooOld = Math.max(600_000, 1000 * median);
  for (const { lease, age } of aged.sort((a, b) => a.lease.lo - b.lease.lo)) {
    if (age > tooOld) continue;
    const wasLost = computation.losses.some((loss) => overlap(lease, loss));
    if (wasLost && age < lateMs) continue;
    const gap = copyable(job, lease.lo, Math.min(lease.hi, reach));
    if (gap === null) continue;
    const runs = theirs.filter((other) => overlap(other, gap));
    if (runs.filter(({ copy }) => copy).length >= MOST_COPIES) continue;
    if (wasLost && runs.length >= MOST_RUNS_AFTER_LOSS) continue;
    if (own.some((other) => sameGround(other, job.ground) && overlap(other, gap))) continue;
    const expectedMs = (gap.hi - gap.lo) * expected.costMs;
    return { ...gap, purpose: 'copy', expectedMs, scarce: true, early: false };
  }
  return null;
}

/**
 * The first part of a held interval worth a second run: not what is skipped, failed alone or
 * disputed, nor what two machines may have died of, which is tried by one peer at a time.
 */
function copyable(job: JobState, from: number, to: number): Span | null {
  const { coverage, losses } = job.computation;
  const open = new IntervalSet(coverage.gaps(from, to));
  for (const index of job.singlesWithin(from, to)) open.remove(index, index + 1);
  const lost = new IntervalSet();
  for (const loss of losses) {
    for (const [a, b] of lost.within(loss.lo, loss.hi)) open.remove(a, b);
    lost.add(loss.lo, loss.hi);
  }
  const [first] = open.toArray();
  return first === undefined ? null : { lo: first[0], hi: first[1] };
}
