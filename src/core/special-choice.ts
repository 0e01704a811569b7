import type { Computation, LostInterval } from './computation.ts';
import type { IntervalSet } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import { leased, openLeases, slotsOf } from './lease-book.ts';
import { sameGround } from './limits.ts';
import { liveContenders } from './membership.ts';
import type { OwnLease } from './peer-state.ts';
import type { Lease } from './register.ts';
import { rendezvousOwner } from './rendezvous.ts';
import { slotsFor } from './slots.ts';
import type { Turn } from './turn.ts';

/** Parts that an interval is split into after it was under way when its peer ended. */
const LOST_PARTS = 16;

/** What so many processes ended with may be what ends them. */
const SUSPECT = 3;

/** So many long runs are waited for before a peer tries again what it failed at. */
const LONG_RUNS = 4;

/** An interval that is not a block by the grid. */
export type Special = Pick<OwnLease['lease'], 'lo' | 'hi'> & Pick<OwnLease, 'purpose'>;

/**
 * What needs care: disputes, failures, lost values, intervals found at a start. recovered: lost
 * values evaluated again in one run at most.
 */
export function chooseSpecial(
  turn: Turn,
  job: JobState,
  reach: number,
  recovered: number,
): Special | null {
  const { computation } = job;
  const { disputes, attempts, losses, coverage, missing } = computation;
  const open = losses.filter(({ lo, hi }) => !coverage.covers(lo, Math.min(hi, reach)));
  if (disputes.size + attempts.size + open.length === 0 && missing.isEmpty()) return null;
  const taken = leased(turn, job.ground);
  return (
    chooseDispute(turn, computation, reach) ??
    chooseAttempted(turn, job, reach) ??
    chooseMissing(turn, job, taken, reach, recovered) ??
    chooseLost(turn, job, open, taken, reach)
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

/**
 * An index that failed is tried by peers that have not tried it, where there are such: by one at a
 * time, for it may take down what it runs on, and only by one with a slot for it. If that one does
 * not come to it another one does after a while, and in the end also one that has tried it.
 */
function chooseAttempted(turn: Turn, job: JobState, reach: number): Special | null {
  const { computation, limits } = job;
  const { state, now } = turn;
  if (!hasSlotSoon(turn, job)) return null;
  const live = liveContenders(turn, computation).list;
  const waitMs = state.timing.deadMs + patienceMs(turn, job);
  for (const index of [...computation.attempts.keys()].sort((a, b) => a - b)) {
    if (index >= reach) break;
    if (computation.coverage.has(index) || computation.isStuck(index, limits)) continue;
    if (job.skips.has(index) || isHeld(turn, job, index)) continue;
    const attempts = computation.attemptsAt(index, limits);
    const silentMs = now - Math.max(...attempts.map(({ at }) => at));
    const untried = live.filter(({ peer }) => !attempts.some((each) => each.peer === peer));
    const able = untried.length > 0 && silentMs < waitMs ? untried : live;
    if (!able.some(({ peer }) => peer === state.self.peer)) continue;
    const isOwn = rendezvousOwner(computation.id, index, able) === state.self.peer;
    if (!isOwn && silentMs < state.timing.deadMs) continue;
    return { lo: index, hi: index + 1, purpose: 'single' };
  }
  return null;
}

/** For how long a slot may be busy with what it runs, in ms, before that may never end. */
function patienceMs({ state }: Turn, { computation, limits }: JobState): number {
  const longRunMs = Math.max(computation.medianMs ?? 0, limits.timeoutMs ?? 0);
  return state.timing.deadMs + LONG_RUNS * longRunMs;
}

/** Says whether this peer has a slot for something of a job, now or when a run ends. */
export function hasSlotSoon(turn: Turn, job: JobState): boolean {
  const { state, now } = turn;
  const running = openLeases(state).filter(({ purpose, startedAt }) => {
    return startedAt !== null && purpose !== 'copy';
  });
  const free = state.self.slots - slotsFor(state, running);
  if (free >= slotsOf(state, job.id)) return true;
  const youngest = Math.max(...running.map(({ startedAt }) => startedAt ?? 0));
  return now - youngest < patienceMs(turn, job);
}

/** Says whether an open lease has an index. A finished one came to the attempts known of it. */
function isHeld({ state, now }: Turn, { ground }: JobState, index: number): boolean {
  const holds = ({ lo, hi }: Lease): boolean => lo <= index && index < hi;
  const own = openLeases(state).some(({ lease }) => sameGround(lease, ground) && holds(lease));
  return own || state.roster.openLeases(ground, now, holds).length > 0;
}

/**
 * A run of values that no holder has any more, of `most` at most; not those that this peer failed
 * at, or came to something else at.
 */
export function chooseMissing(
  turn: Turn,
  { computation, limits }: Pick<JobState, 'computation' | 'limits'>,
  taken: IntervalSet,
  reach: number,
  most: number,
): Special | null {
  const { missing } = computation;
  // A second run of a command would come to something else.
  if (!computation.isPure) return null;
  const self = turn.state.self.peer;
  const failed = (index: number): boolean =>
    computation.isDeniedBy(self, index) ||
    computation.attemptsAt(index, limits).some(({ peer }) => peer === self);
  for (const [lo, hi] of missing.within(0, reach)) {
    for (const [from, to] of taken.gaps(lo, hi)) {
      let first = from;
      while (first < to && failed(first)) first++;
      if (first === to) continue;
      let end = first + 1;
      // What failed elsewhere runs alone.
      const alone = (index: number): boolean => computation.attempts.has(index);
      const joins = (index: number): boolean => !alone(index) && !failed(index);
      while (end < Math.min(to, first + most) && !alone(first) && joins(end)) end++;
      return { lo: first, hi: end, purpose: 'missing' };
    }
  }
  return null;
}

/**
 * An interval that was under way when its peer ended is split in 16. Lost once, it goes on at once,
 * for the machine may just have been switched off: each part with the peer that it falls to, after
 * a while with any. Lost again, one peer alone tries a part at a time: at once where it was
 * twice, which in a mesh where machines come and go is mostly chance; else after a minute, doubled
 * each time. open: the losses with something that is not known yet.
 */
function chooseLost(
  turn: Turn,
  job: JobState,
  open: readonly LostInterval[],
  taken: IntervalSet,
  reach: number,
): Special | null {
  const { computation } = job;
  const { losses, coverage } = computation;
  if (open.length === 0) return null;
  const busy = taken.clone();
  const [from, to] = hullOf(open);
  for (const index of job.singlesWithin(from, to)) busy.add(index, index + 1);
  for (const { lo, hi } of open) {
    for (const [a, b] of coverage.gaps(lo, Math.min(hi, reach))) {
      for (const [from, to] of busy.gaps(a, b)) {
        for (let at = from; at < to; ) {
          const end = partEnd(losses, at, to);
          if (mayRetry(turn, computation, at, end)) return { lo: at, hi: end, purpose: 'lost' };
          at = end;
        }
      }
    }
  }
  return null;
}

/** The least interval with all of them in it. */
function hullOf(losses: readonly LostInterval[]): [lo: number, hi: number] {
  const lo = losses.reduce((least, loss) => Math.min(least, loss.lo), Number.POSITIVE_INFINITY);
  return [lo, losses.reduce((most, loss) => Math.max(most, loss.hi), 0)];
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
  const { state, now } = turn;
  const { lostMs, deadMs } = state.timing;
  const over = computation.losses.filter((loss) => loss.lo < hi && loss.hi > lo);
  const silentMs = now - Math.max(...over.map(({ at }) => at));
  const isOwn = liveContenders(turn, computation).owner(lo) === state.self.peer;
  if (over.length < 2) return isOwn || silentMs >= deadMs;
  // All peers at once would fall together if a candidate takes machines down.
  if (!isOwn) return false;
  if (over.length >= SUSPECT && silentMs < lostMs * 2 ** Math.min(rounds(over, lostMs) - 1, 16))
    return false;
  return state.leases.every(({ lease }) => lease.segment !== undefined);
}

/** How often an interval was lost, where losses in quick succession are one: all fell together. */
function rounds(losses: readonly LostInterval[], apartMs: number): number {
  const times = losses.map(({ at }) => at).sort((a, b) => a - b);
  return times.filter((at, k) => at - (times[k - 1] ?? Number.NEGATIVE_INFINITY) >= apartMs).length;
}
