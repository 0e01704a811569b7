import type { Computation, LostInterval } from './computation.ts';
import { type Interval, IntervalSet } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import { leased } from './lease-book.ts';
import { eligible, liveContenders, rosterContenders, slotsInMesh } from './membership.ts';
import type { OwnLease, Purpose } from './peer-state.ts';
import { estimate, grainOf, reachOf } from './reach.ts';
import type { Contenders } from './rendezvous.ts';
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
    const lost = chooseMissing(turn, computation, leased(turn, computation), job.ending?.end ?? 0);
    return lost && { ...lost, expectedMs: expected.costMs, scarce: false };
  }
  const grain = grainOf(job, expected, slots, turn.now - job.heardAt, turn.state.timing);
  const reach = reachOf(job, expected, grain, slots);
  const special = chooseSpecial(turn, job, reach);
  if (special !== null) return { ...special, expectedMs: expected.costMs, scarce: false };
  const block = chooseBlock(turn, scanFree(turn, job, grain, reach));
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

/** What a look at the free blocks of a job found; it stands as long as its inputs are the same. */
export interface Scan {
  readonly inputs: readonly unknown[];
  /** What may be claimed, up to the blocks that are looked at. */
  readonly free: readonly Interval[];
  readonly grain: number;
  /** The lowest block that is this peer's. */
  readonly mine: Interval | null;
  /** Free blocks up to that one, it included; all that were looked at where there is none. */
  readonly passed: number;
  /** Fewer are free than the mesh has slots, four times over. */
  readonly scarce: boolean;
}

/** Looks at the free blocks of a job, unless nothing changed since the last look. */
function scanFree(turn: Turn, job: JobState, grain: number, reach: number): Scan {
  const { computation } = job;
  const { coverage, attempts, disputes, losses } = computation;
  const all = rosterContenders(turn, computation);
  const live = liveContenders(turn, computation);
  const taken = leased(turn, computation);
  const single = [attempts.size, disputes.size, losses.length, job.skips.size];
  const cutOff = 4 * turn.state.roster.silentSlots(turn.now) > all.slots;
  const inputs = [coverage.version, taken, all, live, grain, reach, cutOff, ...single];
  const known = turn.state.scans.get(job);
  if (known?.inputs.every((input, k) => input === inputs[k])) return known;
  const free = coverage.gapsBeside(untouchable(job, taken), 0, reach, MAX_SCAN);
  const enough = Math.min(4 * Math.max(live.slots, 1), MAX_SCAN);
  const self = turn.state.self.peer;
  // Where many fell silent at once, they go on with their blocks behind a partition.
  const own = cutOff ? scan(free, grain, enough, (block) => all.owner(block) === self) : null;
  const found = own?.mine != null ? own : scan(free, grain, enough, isOwn(turn, all, live));
  const fresh: Scan = { inputs, free, grain, ...found };
  turn.state.scans.set(job, fresh);
  return fresh;
}

/** What a lease or special treatment keeps from being claimed. */
function untouchable(job: JobState, taken: IntervalSet): IntervalSet {
  const { attempts, disputes, losses } = job.computation;
  if (attempts.size + disputes.size + losses.length + job.skips.size === 0) return taken;
  const kept = taken.clone();
  for (const index of attempts.keys()) kept.add(index, index + 1);
  for (const index of disputes.keys()) kept.add(index, index + 1);
  for (const index of job.skips) kept.add(index, index + 1);
  for (const { lo, hi } of losses) kept.add(lo, hi);
  return kept;
}

/**
 * Says which blocks are this peer's: its own by rendezvous, or a dead peer's that falls to it among
 * the living (the frontier waits for it).
 */
function isOwn(turn: Turn, all: Contenders, live: Contenders): (block: number) => boolean {
  const self = turn.state.self.peer;
  if (all === live) return (block) => all.owner(block) === self;
  return (block) => {
    const owner = all.owner(block);
    return (owner === undefined || live.has(owner) ? owner : live.owner(block)) === self;
  };
}

function scan(
  free: readonly Interval[],
  grain: number,
  enough: number,
  own: (block: number) => boolean,
): Pick<Scan, 'mine' | 'passed' | 'scarce'> {
  let mine: Interval | null = null;
  let passed = 0;
  let seen = 0;
  for (const [lo, hi] of free) {
    for (let at = lo; at < hi && seen < MAX_SCAN; ) {
      const block = Math.floor(at / grain);
      const end = Math.min(hi, (block + 1) * grain);
      seen++;
      if (mine === null) {
        passed++;
        if (own(block)) mine = [at, end];
      }
      if (mine !== null && seen >= enough) return { mine, passed, scarce: false };
      at = end;
    }
  }
  return { mine, passed, scarce: seen < enough };
}

interface Block {
  readonly interval: Interval;
  readonly scarce: boolean;
}

/** The lowest block that is this peer's, or else a random free one. */
function chooseBlock(turn: Turn, { mine, passed, free, grain, scarce }: Scan): Block | null {
  if (mine !== null) return { interval: mine, scarce };
  if (passed === 0) return null;
  const interval = blockAt(free, grain, 1 + Math.floor(turn.env.rng() * passed));
  return interval === null ? null : { interval, scarce };
}

/** The free block at a place, counted from 1. */
function blockAt(free: readonly Interval[], grain: number, place: number): Interval | null {
  let left = place;
  for (const [lo, hi] of free) {
    const first = Math.floor(lo / grain);
    const blocks = Math.ceil(hi / grain) - first;
    if (left <= blocks) {
      const block = first + left - 1;
      return [Math.max(lo, block * grain), Math.min(hi, (block + 1) * grain)];
    }
    left -= blocks;
  }
  return null;
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
    chooseMissing(turn, computation, taken, reach) ??
    chooseLost(turn, job, taken, reach)
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
    if (held || live.owner(index) !== self) continue;
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
  const live = liveContenders(turn, computation).list.map(({ peer }) => peer);
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

/** Values that no holder has any more; not those that this peer failed at. */
function chooseMissing(
  turn: Turn,
  computation: Computation,
  taken: IntervalSet,
  reach: number,
): Special | null {
  const { missing, attempts } = computation;
  const self = turn.state.self.peer;
  const failed = new Set<number>();
  for (const [index, all] of attempts) if (all.some(({ peer }) => peer === self)) failed.add(index);
  for (const [lo, hi] of missing.within(0, reach)) {
    for (const [from, to] of taken.gaps(lo, hi)) {
      for (let index = from; index < to; index++) {
        if (!failed.has(index)) return { lo: index, hi: index + 1, purpose: 'single' };
      }
    }
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
  { computation, skips }: JobState,
  taken: IntervalSet,
  reach: number,
): Special | null {
  const { losses, coverage } = computation;
  const busy = taken.clone();
  for (const index of skips) busy.add(index, index + 1);
  for (const index of computation.attempts.keys()) busy.add(index, index + 1);
  for (const index of computation.disputes.keys()) busy.add(index, index + 1);
  for (const { lo, hi } of losses) {
    for (const [a, b] of coverage.gaps(lo, Math.min(hi, reach))) {
      for (const [from, to] of busy.gaps(a, b)) {
        const end = partEnd(losses, from, to);
        if (!mayRetry(turn, computation, from, end)) continue;
        return { lo: from, hi: end, purpose: 'lost' };
      }
    }
  }
  return null;
}

/** Where the part ends that begins at `from`: of the narrowest loss there, before the next one. */
function partEnd(losses: readonly LostInterval[], from: number, to: number): number {
  let end = to;
  let narrowest = Number.POSITIVE_INFINITY;
  for (const { lo, hi } of losses) {
    if (lo > from) end = Math.min(end, lo);
    if (lo > from || hi <= from || hi - lo >= narrowest) continue;
    narrowest = hi - lo;
    const size = Math.max(1, Math.ceil(narrowest / LOST_PARTS));
    end = Math.min(end, lo + (Math.floor((from - lo) / size) + 1) * size);
  }
  return end;
}

function mayRetry(turn: Turn, computation: Computation, lo: number, hi: number): boolean {
  const over = computation.losses.filter((loss) => loss.lo < hi && loss.hi > lo);
  if (over.length < 2) return true;
  const last = Math.max(...over.map(({ at }) => at));
  const waitMs = turn.state.timing.lostMs * 2 ** Math.min(over.length - 2, 16);
  if (turn.now - last < waitMs) return false;
  const alone = turn.state.leases.every(({ lease }) => lease.segment !== undefined);
  const owner = liveContenders(turn, computation).owner(lo);
  return alone && owner === turn.state.self.peer;
}

/**
 * The parts of a held interval worth a second run: not what is skipped or failed alone, nor what a
 * machine may have died of, which is tried by one peer at a time.
 */
function copyable(job: JobState, lo: number, hi: number): Interval[] {
  const { coverage, attempts, losses } = job.computation;
  const open = new IntervalSet(coverage.gaps(lo, hi));
  for (const index of job.skips) open.remove(index, index + 1);
  for (const index of attempts.keys()) open.remove(index, index + 1);
  for (const loss of losses) open.remove(loss.lo, loss.hi);
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
  const { roster, leases } = turn.state;
  const aged = roster.agedLeases(computation.id, Math.max(1.5 * median, 100), turn.now);
  if (aged.length === 0) return null;
  const slots = Math.max(slotsInMesh(turn, computation), 1);
  const expected = estimate(job);
  const grain = grainOf(job, expected, slots, turn.now - job.heardAt, turn.state.timing);
  const reach = reachOf(job, expected, grain, slots);
  const copies = leases.map(({ lease }) => lease).filter(({ copy }) => copy);
  for (const [, view] of roster.all()) {
    copies.push(...view.register.leases.filter((lease) => lease.copy && isOpen(lease)));
  }
  const tooOld = Math.max(600_000, 1000 * median);
  for (const { lease, age } of aged.sort((a, b) => a.lease.lo - b.lease.lo)) {
    if (age > tooOld) continue;
    const { lo, hi } = lease;
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
