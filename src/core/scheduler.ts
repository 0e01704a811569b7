import { knownEnd } from './answer.ts';
import { type Choice, chooseNeeded } from './block-choice.ts';
import { firstCommands, firstToGiveBack, isForOthers, waitsUnopposedMs } from './commands.ts';
import { chooseCopy } from './copy-choice.ts';
import { serves } from './duty.ts';
import type { JobState } from './job-state.ts';
import {
  claim,
  leased,
  openLeases,
  release,
  slotsOf,
  start,
  stopLease,
  stopNeedless,
} from './lease-book.ts';
import { sameGround } from './limits.ts';
import { eligible } from './membership.ts';
import type { OwnLease, PeerState } from './peer-state.ts';
import { allowance, spend } from './rate.ts';
import { endUntrusted } from './requests.ts';
import { busySlots, openSlots } from './slots.ts';
import { hasSlotSoon } from './special-choice.ts';
import type { Turn } from './turn.ts';
import { startVerifications } from './verification.ts';

/** Ends what no job wants any more, starts what is on disk, claims what comes next. */
export function schedule(turn: Turn): void {
  reap(turn);
  endUntrusted(turn);
  if (!mayWork(turn)) return;
  startVerifications(turn);
  startClaimed(turn);
  claimNext(turn);
}

function mayWork(turn: Turn): boolean {
  const { booted, stopped, diskFull, openAt, self } = turn.state;
  if (!booted || stopped || diskFull || self.slots === 0) return false;
  return openAt !== null && turn.now >= openAt;
}

/** Says whether some job still wants an interval of its computation evaluated. */
function wanted(state: PeerState, own: OwnLease): boolean {
  for (const job of state.jobs.values()) {
    if (job.computation.id !== own.lease.computation || !serves(state, job)) continue;
    const { missing } = job.computation;
    if (job.lacksValues(state.self.peer) && missing.overlaps(own.lease.lo, own.lease.hi))
      return true;
    if (!job.active || job.paused) continue;
    if (!sameGround(own.lease, job.ground)) continue;
    const { target } = job.manifest;
    const full = target.kind === 'accept' && job.computation.answers.lines >= target.count;
    if (!full || own.lease.lo < (knownEnd(job) ?? Number.POSITIVE_INFINITY)) return true;
  }
  return false;
}

/**
 * Ends leases that nothing wants. A cancelled job's candidates get a grace, a paused job's end by
 * themselves; what an answer made needless ends at once, or with its batch in hand.
 */
function reap(turn: Turn): void {
  const { state, now } = turn;
  for (const own of openLeases(state)) {
    const job = state.jobs.get(own.lease.job);
    const isOnlyHere = own.purpose === 'single' || own.purpose === 'missing';
    // What holds up the slots may never end: another peer may come to it.
    if (isOnlyHere && own.startedAt === null && job !== undefined && !hasSlotSoon(turn, job)) {
      release(turn, own, null);
      continue;
    }
    if (own.stopping === null && !wanted(state, own)) {
      if (job !== undefined && mayFinish(job)) stopLease(turn, own, 'drain');
      else stopNeedless(turn, own);
    }
    if (own.stopping === 'drain' && job?.cancelled?.wait === false) {
      own.killAt ??= now + state.timing.graceMs;
    }
    if (own.killAt !== null && now >= own.killAt) stopLease(turn, own, 'kill');
  }
  for (const own of firstToGiveBack(turn, openLeases(state))) release(turn, own, null);
}

/** Says whether the candidate in hand of a job that wants no more may come to its end. */
function mayFinish(job: JobState): boolean {
  return job.cancelled === null ? job.paused && job.active : job.ending === null;
}

/** An interval starts after the batch that holds its lease is on disk. */
function startClaimed(turn: Turn): void {
  const { state } = turn;
  for (const own of openLeases(state)) {
    if (own.startedAt !== null || own.write > state.stored) continue;
    if (turn.now - own.claimedAt < standsMs(turn, own)) continue;
    // In the order of their claims: one that takes several slots is not to wait for ever.
    if (busySlots(state) + slotsOf(state, own.lease.job) > state.self.slots) return;
    start(turn, own);
  }
}

/** How long a claimed interval is to stand before it starts. */
function standsMs(turn: Turn, { lease, purpose }: OwnLease): number {
  const computation = turn.state.computations.get(lease.computation);
  if (computation === undefined || purpose === 'first') return 0;
  return waitsUnopposedMs(turn, computation);
}

/** Says whether all that an executor needs is here. */
function atHand(state: PeerState, job: JobState): boolean {
  const { spec, sources } = job.manifest;
  const { program, params, items } = spec;
  if (!state.blobs.has(program) || !state.blobs.has(params)) return false;
  if (sources !== null && !state.blobs.has(sources)) return false;
  if (items === null) return true;
  const chunks = state.chunks.get(items.root);
  return chunks?.every((chunk) => state.blobs.has(chunk)) ?? false;
}

/** Jobs whose candidates this peer may claim, the one with the least share so far first. */
function claimableJobs(turn: Turn): JobState[] {
  const { state } = turn;
  const jobs = [...state.jobs.values()].filter(
    (job) =>
      ((job.active && !job.paused) || job.lacksValues(state.self.peer)) &&
      serves(state, job) &&
      atHand(state, job) &&
      eligible(turn, job.computation),
  );
  const pass = (job: JobState): number => state.passes.get(job.id) ?? Number.POSITIVE_INFINITY;
  const least = Math.min(...jobs.map(pass));
  for (const job of jobs) {
    if (!state.passes.has(job.id)) state.passes.set(job.id, Number.isFinite(least) ? least : 0);
  }
  return jobs.sort((a, b) => pass(a) - pass(b) || (a.id < b.id ? -1 : 1));
}

/** Fills the free slots and claims one interval ahead for all of them together. */
function claimNext(turn: Turn): void {
  const { state } = turn;
  const { slots } = state.self;
  claimFirst(turn);
  for (let round = 0; round <= 2 * slots; round++) {
    const left = slots - openSlots(state);
    const picked = pickNeeded(turn, left);
    if (picked !== null) {
      take(turn, picked.job, picked.choice);
      continue;
    }
    if (left <= 0) return makeRoom(turn);
    const copied = pickCopy(turn, left);
    if (copied === null) return;
    take(turn, copied.job, copied.choice);
  }
}

/** Claims the first commands of lists that were published here a moment ago. */
function claimFirst(turn: Turn): void {
  for (const job of turn.state.jobs.values()) {
    const first = firstCommands(turn, job);
    if (first === null || !claimableJobs(turn).includes(job)) continue;
    const taken = leased(turn, job.ground);
    for (const [from, to] of job.computation.coverage.gapsBeside(taken, ...first, first[1])) {
      for (let lo = from; lo < to && allowance(turn, job) > 0; lo++) {
        const choice = { lo, hi: lo + 1, expectedMs: 0, scarce: false, early: true };
        take(turn, job, { ...choice, purpose: 'first' });
      }
    }
  }
}

interface Pick {
  readonly job: JobState;
  readonly choice: Choice;
}

/**
 * left: slots that no lease is for, below 0 where more is claimed; one interval is claimed beyond
 * them, and of those that stand before they start one for each slot.
 */
function pickNeeded(turn: Turn, left: number): Pick | null {
  const { slots } = turn.state.self;
  if (left <= -slots && left < 0) return null;
  for (const job of claimableJobs(turn)) {
    const waitsMs = waitsUnopposedMs(turn, job.computation);
    if (left < 0 && waitsMs === 0) return null;
    if (left <= 0 && waitsMs > 0 && isForOthers(turn, job)) continue;
    const choice = chooseNeeded(turn, job);
    if (choice === null) continue;
    if (choice.early) return { job, choice };
    const ahead = slotsOf(turn.state, job.id) > left;
    // Its turn comes when a slot is free: claimed ahead of it, the others' blocks would starve it.
    return left < 0 || (ahead && choice.scarce) ? null : { job, choice };
  }
  return null;
}

function pickCopy(turn: Turn, left: number): Pick | null {
  for (const job of claimableJobs(turn)) {
    if (slotsOf(turn.state, job.id) > left || allowance(turn, job) === 0) continue;
    const choice = chooseCopy(turn, job);
    if (choice !== null) return { job, choice };
  }
  return null;
}

function take(turn: Turn, job: JobState, choice: Choice): void {
  const { state } = turn;
  const { lo, hi, purpose } = choice;
  const own = claim(turn, { ...job.ground, job: job.id, lo, hi }, purpose);
  spend(turn, job, hi - lo);
  const share = Math.max(choice.expectedMs, 0.001) / 2 ** job.priority;
  state.passes.set(job.id, (state.passes.get(job.id) ?? 0) + share);
  // A slot that would wait for the disk, or soon will, makes the batch urgent.
  const soon = choice.expectedMs < state.timing.blockMs;
  if (soon || busySlots(state) < state.self.slots) turn.hurry();
  turn.log('debug', 'lease.queued', { id: own.lease.id });
}

/** Copies give way when a needed block waits and no slot is free: they may never end. */
function makeRoom(turn: Turn): void {
  const open = openLeases(turn.state);
  const [copy] = open.filter(({ purpose }) => purpose === 'copy');
  if (copy === undefined || copy.stopping !== null) return;
  const waits = open.some(({ purpose, startedAt }) => purpose !== 'copy' && startedAt === null);
  if (waits || pickNeeded(turn, Number.POSITIVE_INFINITY) !== null) stopLease(turn, copy, 'kill');
}
