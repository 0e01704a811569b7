import type { Computation } from './computation.ts';
import type { PeerId } from './ids.ts';
import { type Interval, IntervalSet } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import { leased } from './lease-book.ts';
import { eligible, liveContenders, rosterContenders, slotsInMesh } from './membership.ts';
import type { OwnLease, Purpose } from './peer-state.ts';
import { estimate, grainOf, reachOf } from './reach.ts';
import { rendezvousOwner } from './rendezvous.ts';
import type { Turn } from './turn.ts';

/** Blocks looked at in one choice. */
const MAX_SCAN = 2048;

/** Parts that an interval is split into after it was under way when its peer ended. */
const LOST_PARTS = 16;

/** An interval to claim, or nothing to claim now. */
export interface Choice {
  readonly lo: number;
  readonly hi: number;
  readonly purpose: Purpose;
  /** Expected duration in ms, for the job's share. */
  readonly expectedMs: number;
  /** Few blocks are left: nothing is claimed ahead. */
  readonly scarce: boolean;
}

/** Chooses the next needed interval of a job for this peer (design.md section 4), or null. */
export function chooseNeeded(turn: Turn, job: JobState): Choice | null {
  const { computation } = job;
  const slots = Math.max(slotsInMesh(turn, computation), 1);
  const expected = estimate(job);
  if (!job.active) {
    // Ended: nothing is needed but the values that were lost since.
    const lost = chooseMissing(computation, leased(turn, computation), job.ending?.end ?? 0);
    return lost && { ...lost, expectedMs: expected.costMs, scarce: false };
  }
  const grain = grainOf(job, expected, slots, turn.now - job.heardAt, turn.state.timing);
  const reach = reachOf(job, expected, grain, slots);
  const special = chooseSpecial(turn, job, reach);
  if (special !== null) return { ...special, expectedMs: expected.costMs, scarce: false };
  const free = freeIntervals(turn, job, reach);
  const block = chooseBlock(turn, computation, free, grain, slots);
  if (block === null) return null;
  const [lo, hi] = block.interval;
  return {
    lo,
    hi,
    purpose: 'block',
    expectedMs: (hi - lo) * expected.costMs,
    scarce: block.scarce,
  };
}

/** What no outcome, no lease and no special treatment keeps from being claimed. */
function freeIntervals(turn: Turn, job: JobState, reach: number): IntervalSet {
  const { computation } = job;
  const taken = leased(turn, computation);
  for (const index of computation.attempts.keys()) taken.add(index, index + 1);
  for (const index of computation.disputes.keys()) taken.add(index, index + 1);
  for (const index of job.skips) taken.add(index, index + 1);
  for (const { lo, hi } of computation.losses) taken.add(lo, hi);
  const free = new IntervalSet();
  for (const [lo, hi] of computation.coverage.gaps(0, reach)) {
    for (const [a, b] of taken.gaps(lo, hi)) free.add(a, b);
  }
  return free;
}

interface Block {
  readonly interval: Interval;
  readonly scarce: boolean;
}

/**
 * The lowest block that is this peer's: its own by rendezvous, or a dead peer's that falls to it
 * among the living (the frontier waits for it); then a random free one.
 */
function chooseBlock(
  turn: Turn,
  computation: Computation,
  free: IntervalSet,
  grain: number,
  slots: number,
): Block | null {
  const self = turn.state.self.peer;
  const all = rosterContenders(turn, computation);
  const live = liveContenders(turn, computation);
  const alive = new Set<PeerId>(live.map(({ peer }) => peer));
  let mine: Interval | null = null;
  let stolen: Interval | null = null;
  let seen = 0;
  const enough = 4 * slots;
  for (const [lo, hi] of free.toArray()) {
    for (let at = lo; at < hi && seen < MAX_SCAN; ) {
      const block = Math.floor(at / grain);
      const piece: Interval = [at, Math.min(hi, (block + 1) * grain)];
      at = piece[1];
      seen++;
      if (mine === null) {
        const owner = all.length === 1 ? self : rendezvousOwner(computation.id, block, all);
        const heir =
          owner === undefined || alive.has(owner)
            ? owner
            : rendezvousOwner(computation.id, block, live);
        if (heir === self) mine = piece;
        // Reservoir sampling: each free block seen is stolen with the same chance.
        if (turn.env.rng() * seen < 1) stolen = piece;
      }
      if (mine !== null && seen >= enough) return { interval: mine, scarce: false };
    }
  }
  const interval = mine ?? stolen;
  return interval === null ? null : { interval, scarce: seen < enough };
}

type Special = Pick<Choice, 'lo' | 'hi' | 'purpose'>;

/** Single indices that need care: disputes, failures, lost values, intervals found at a start. */
function chooseSpecial(turn: Turn, job: JobState, reach: number): Special | null {
  const { computation } = job;
  if (
    computation.disputes.size + computation.attempts.size + computation.losses.length === 0 &&
    computation.missing.isEmpty()
  ) {
    return null;
  }
  const taken = leased(turn, computation);
  return (
    chooseDispute(turn, computation, reach) ??
    chooseAttempted(turn, job, taken, reach) ??
    chooseMissing(computation, taken, reach) ??
    chooseLost(turn, computation, taken, reach)
  );
}

function chooseDispute(turn: Turn, computation: Computation, reach: number): Special | null {
  if (computation.impureAt !== null) return null;
  const live = liveContenders(turn, computation);
  const self = turn.state.self.peer;
  for (const index of computation.openDisputes()) {
    if (index >= reach) break;
    const held = turn.state.leases.some(
      ({ lease, purpose }) =>
        purpose === 'dispute' && lease.segment === undefined && lease.lo === index,
    );
    if (held || rendezvousOwner(computation.id, index, live) !== self) continue;
    return { lo: index, hi: index + 1, purpose: 'dispute' };
  }
  return null;
}

/** An index that failed is tried by peers that have not tried it, where there are such. */
function chooseAttempted(
  turn: Turn,
  job: JobState,
  taken: IntervalSet,
  reach: number,
): Special | null {
  const { computation } = job;
  const live = liveContenders(turn, computation).map(({ peer }) => peer);
  for (const index of [...computation.attempts.keys()].sort((a, b) => a - b)) {
    if (index >= reach) break;
    if (computation.coverage.has(index) || computation.isStuck(index)) continue;
    if (job.skips.has(index) || taken.has(index)) continue;
    const tried = new Set(computation.attempts.get(index)?.map(({ peer }) => peer));
    const untried = live.filter((peer) => !tried.has(peer));
    if (untried.length > 0 && !untried.includes(turn.state.self.peer)) continue;
    return { lo: index, hi: index + 1, purpose: 'single' };
  }
  return null;
}

/** Values that no holder has any more. */
function chooseMissing(
  computation: Computation,
  taken: IntervalSet,
  reach: number,
): Special | null {
  for (const [lo, hi] of computation.missing.within(0, reach)) {
    const [gap] = taken.gaps(lo, hi);
    if (gap !== undefined) return { lo: gap[0], hi: gap[0] + 1, purpose: 'single' };
  }
  return null;
}

/**
 * An interval that was under way when its peer ended is split in 16. Lost once, it goes on at once,
 * for the machine may just have been switched off; lost twice or more, one peer alone tries a
 * part at a time after a minute, doubled each time.
 */
function chooseLost(
  turn: Turn,
  computation: Computation,
  taken: IntervalSet,
  reach: number,
): Special | null {
  const { losses, coverage } = computation;
  const busy = taken.clone();
  for (const index of computation.attempts.keys()) busy.add(index, index + 1);
  for (const index of computation.disputes.keys()) busy.add(index, index + 1);
  for (const { lo, hi } of losses) {
    const size = Math.max(1, Math.ceil((hi - lo) / LOST_PARTS));
    for (const [a, b] of coverage.gaps(lo, Math.min(hi, reach))) {
      for (const [from, to] of busy.gaps(a, b)) {
        const end = Math.min(to, lo + (Math.floor((from - lo) / size) + 1) * size);
        if (!mayRetry(turn, computation, from, end)) continue;
        return { lo: from, hi: end, purpose: 'lost' };
      }
    }
  }
  return null;
}

function mayRetry(turn: Turn, computation: Computation, lo: number, hi: number): boolean {
  const over = computation.losses.filter((loss) => loss.lo < hi && loss.hi > lo);
  if (over.length < 2) return true;
  const last = Math.max(...over.map(({ at }) => at));
  const waitMs = turn.state.timing.lostMs * 2 ** Math.min(over.length - 2, 16);
  if (turn.now - last < waitMs) return false;
  const alone = turn.state.leases.every(({ lease }) => lease.segment !== undefined);
  const owner = rendezvousOwner(computation.id, lo, liveContenders(turn, computation));
  return alone && owner === turn.state.self.peer;
}

/** The parts of a held interval worth a second run: not what is skipped or failed alone. */
function copyable(job: JobState, lo: number, hi: number): Interval[] {
  const { coverage, attempts } = job.computation;
  const open = new IntervalSet(coverage.gaps(lo, hi));
  for (const index of job.skips) open.remove(index, index + 1);
  for (const index of attempts.keys()) open.remove(index, index + 1);
  return open.toArray();
}

/**
 * When idle: a second run of the lowest interval that another peer holds for longer than 1.5 times
 * the median segment, at most two copies of each (design.md section 4).
 */
export function chooseCopy(turn: Turn, job: JobState): Choice | null {
  const { computation } = job;
  const median = computation.medianMs;
  if (median === null || !job.active || !eligible(turn, computation)) return null;
  const slots = Math.max(slotsInMesh(turn, computation), 1);
  const expected = estimate(job);
  const grain = grainOf(job, expected, slots, turn.now - job.heardAt, turn.state.timing);
  const reach = reachOf(job, expected, grain, slots);
  const { roster, leases } = turn.state;
  const copies = leases.map(({ lease }) => lease).filter(({ copy }) => copy);
  const held: { lo: number; hi: number; age: number }[] = [];
  for (const [, view] of roster.all()) {
    for (const lease of view.register.leases) {
      if (lease.computation !== computation.id || lease.segment !== undefined) continue;
      if (lease.copy) copies.push(lease);
      else if (roster.holds(view, lease, turn.now)) {
        const age = turn.now - (view.leaseSeen.get(lease.id) ?? turn.now);
        held.push({ lo: lease.lo, hi: lease.hi, age });
      }
    }
  }
  const tooOld = Math.max(600_000, 1000 * median);
  for (const { lo, hi, age } of held.sort((a, b) => a.lo - b.lo)) {
    if (age < Math.max(1.5 * median, 100) || age > tooOld) continue;
    const [gap] = copyable(job, lo, Math.min(hi, reach));
    if (gap === undefined) continue;
    const over = copies.filter((copy) => copy.lo < gap[1] && copy.hi > gap[0]);
    const own = leases.some(({ lease }) => lease.lo < gap[1] && lease.hi > gap[0] && isOpen(lease));
    if (over.length >= 2 || own) continue;
    const expectedMs = (gap[1] - gap[0]) * expected.costMs;
    return { lo: gap[0], hi: gap[1], purpose: 'copy', expectedMs, scarce: true };
  }
  return null;

  function isOpen(lease: OwnLease['lease']): boolean {
    return lease.computation === computation.id && lease.segment === undefined;
  }
}
