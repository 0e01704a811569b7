import { leftToPublisher, waitsUnopposedMs } from './commands.ts';
import { type Block, chooseBlock, scanFree } from './free-blocks.ts';
import type { Interval, IntervalSet } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import { leased } from './lease-book.ts';
import { type Ground, groundKey, sameGround } from './limits.ts';
import { runsInMesh } from './membership.ts';
import { avoided, leftToOthers } from './nearness.ts';
import type { Purpose } from './peer-state.ts';
import { allowance } from './rate.ts';
import { estimate, grainOf, powerBelow, reachOf, recoveredAtOnce } from './reach.ts';
import { chooseMissing, chooseSpecial } from './special-choice.ts';
import type { Turn } from './turn.ts';

/** An interval to claim, or nothing to claim now. */
export interface Choice {
  readonly lo: number;
  readonly hi: number;
  readonly purpose: Purpose;
  /** Expected duration in ms, for the job's share. */
  readonly expectedMs: number;
  /** Few blocks are left: nothing is claimed ahead. */
  readonly scarce: boolean;
  /** It has to stand for longer than it takes: one is claimed ahead for each slot. */
  readonly early: boolean;
}

/** Chooses the next needed interval of a job for this peer (design.md section 4), or null. */
export function chooseNeeded(turn: Turn, job: JobState): Choice | null {
  const { computation } = job;
  const most = allowance(turn, job);
  if (most === 0) return null;
  const slots = runsInMesh(turn, job);
  const expected = estimate(job);
  const lost = recoveredAtOnce(computation, expected, slots, turn.state.timing);
  const recovered = Math.min(lost, most);
  if (!job.active) {
    // Ended: nothing is needed but the values that were lost since.
    const end = job.ending?.end ?? 0;
    const gone = chooseMissing(turn, job, leased(turn, job.ground), end, recovered);
    return gone && { ...gone, expectedMs: expected.costMs, scarce: false, early: false };
  }
  const waitMs = waitsUnopposedMs(turn, computation);
  const { state, now } = turn;
  const whole = grainOf(job, expected, slots, now - job.heardAt, state.timing, waitMs);
  const grain = Math.min(whole, powerBelow(most));
  const reach = reachOf(job, expected, grain, slots);
  const special = chooseSpecial(turn, job, reach, recovered);
  if (special !== null) {
    return { ...special, expectedMs: expected.costMs, scarce: false, early: false };
  }
  const free = (taken: IntervalSet): Block | null =>
    chooseBlock(turn, scanFree(turn, job, taken, grain, reach));
  const held = leased(turn, job.ground);
  const own = besides(held, leftToPublisher(turn, job));
  // What is evaluated under other limits comes last: its outcomes may do for this job, too.
  const others = otherGrounds(turn, job).map((ground) => leased(turn, ground));
  const all = others.reduce((cover, each) => cover.union(each), own);
  const left = leftToOthers(turn, computation);
  const here = left === null ? own : own.union(left);
  const wide = left === null ? all : all.union(left);
  const block =
    nearBlock(turn, job, all, free) ?? (others.length > 0 ? free(wide) : null) ?? free(here);
  if (block === null) return null;
  const [lo, hi] = block.interval;
  return {
    lo,
    hi,
    purpose: 'block',
    expectedMs: (hi - lo) * expected.costMs,
    scarce: block.scarce,
    // Several short ones stand side by side, or the slots would be idle meanwhile.
    early: expected.costMs < waitMs,
  };
}

function besides(taken: IntervalSet, left: Interval | null): IntervalSet {
  if (left === null) return taken;
  const all = taken.clone();
  all.add(...left);
  return all;
}

/** A free block with its inputs here, or that nobody else has more of; where that is known. */
function nearBlock(
  turn: Turn,
  { computation }: JobState,
  taken: IntervalSet,
  free: (taken: IntervalSet) => Block | null,
): Block | null {
  for (const late of avoided(turn, computation)) {
    const near = free(taken.union(late));
    // What is scarce are the free blocks, near or not.
    if (near !== null) return { ...near, scarce: near.scarce && free(taken)?.scarce === true };
  }
  return null;
}

/** Grounds of other jobs over the same computation. */
function otherGrounds({ state }: Turn, job: JobState): Ground[] {
  const others = new Map<string, Ground>();
  for (const other of state.jobs.values()) {
    if (other.computation !== job.computation || !other.active) continue;
    if (!sameGround(other.ground, job.ground)) others.set(groundKey(other.ground), other.ground);
  }
  return [...others.values()];
}
