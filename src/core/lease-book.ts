import { encode, hexToBytes } from './codec.ts';
import { COMMAND_TELL_MS } from './commands.ts';
import type { Computation } from './computation.ts';
import type { ComputationId, JobId, PeerId } from './ids.ts';
import type { IntervalSet } from './interval-set.ts';
import { type Ground, groundKey, type Limits, sameGround } from './limits.ts';
import { memoryShare } from './needs.ts';
import type { OwnLease, PeerState, Purpose } from './peer-state.ts';
import type { Lease } from './register.ts';
import type { Turn } from './turn.ts';

/** Heartbeats for which a finished lease stays in the register. */
export const FINISHED_BEATS = 3;

/** Copies of an interval at a time. */
export const MOST_COPIES = 2;

/** An interval by name, as leases have it. */
export type Span = Pick<Lease, 'lo' | 'hi'>;

/** Key of the local entry that holds the running leases, for the next start to find. */
export const LEASES_ENTRY = 'leases';

/** Leases that are claimed or running, not finished. */
export function openLeases(state: PeerState): OwnLease[] {
  return state.leases.filter((own) => own.lease.segment === undefined);
}

/** Leases with an executor at work. */
export function runningLeases(state: PeerState): OwnLease[] {
  return openLeases(state).filter((own) => own.startedAt !== null);
}

/** Claims an interval; it starts once the lease is on disk. */
export function claim(
  turn: Turn,
  work: Pick<Lease, 'computation' | 'job' | 'lo' | 'hi' | 'limits'>,
  purpose: Purpose,
): OwnLease {
  const { state } = turn;
  const lease: Lease = {
    id: state.nextLease++,
    computation: work.computation,
    job: work.job,
    lo: work.lo,
    hi: work.hi,
    limits: work.limits,
    copy: purpose === 'copy' || purpose === 'dispute',
    running: false,
  };
  const own: OwnLease = {
    lease,
    purpose,
    write: state.write + 1,
    claimedAt: turn.now,
    startedAt: null,
    stopping: null,
    killAt: null,
    needless: false,
    lastSegment: null,
    beats: 0,
  };
  state.leases.push(own);
  keepLeases(turn);
  const { computation, job, lo, hi } = work;
  turn.log('debug', 'lease.claimed', { computation, job, lo, hi, purpose });
  return own;
}

/** Starts the executor of a claimed lease. */
export function start(turn: Turn, own: OwnLease): void {
  own.startedAt = turn.now;
  own.lease = { ...own.lease, running: true };
  turn.beat = true;
  const { id, computation, lo, hi } = own.lease;
  const limits = limitsHere(turn.state, own.lease);
  // What failed elsewhere is to have an executor that nothing ran in before.
  const failed = turn.state.computations.get(computation)?.attempts.has(lo) === true;
  const fresh = own.purpose === 'dispute' || failed;
  const each = turn.state.jobs.get(own.lease.job)?.manifest.fresh === true;
  const isPure = turn.state.computations.get(computation)?.isPure !== false;
  turn.execute({ id, computation, lo, hi, limits, fresh, each }, isPure ? null : COMMAND_TELL_MS);
}

/** Slots that a candidate of a job takes; of a job that is not known any more 1. */
export function slotsOf(state: PeerState, job: JobId): number {
  return state.jobs.get(job)?.manifest.needs.cpus ?? 1;
}

/** What a leased candidate may take here. */
export function limitsHere(state: PeerState, { job, limits }: Lease): Limits {
  return limitsOn(state, limits, slotsOf(state, job));
}

/** What a candidate may take here: less memory than its job allows where the machine has less. */
export function limitsOn({ offer, self }: PeerState, limits: Limits, cpus: number): Limits {
  const most = memoryShare(offer, self.slots, cpus);
  if (most === null) return limits;
  return { ...limits, memoryBytes: Math.min(most, limits.memoryBytes ?? most) };
}

/** Ends a lease: with its last segment's number it stays visible for a while, else it goes. */
export function release(turn: Turn, own: OwnLease, segment: number | null): void {
  const { state } = turn;
  if (segment === null) state.leases = state.leases.filter((other) => other !== own);
  else own.lease = { ...own.lease, running: false, segment };
  keepLeases(turn);
}

/** Tells a running lease to end; one that only waits is dropped at once. */
export function stopLease(turn: Turn, own: OwnLease, mode: 'drain' | 'kill'): void {
  if (own.startedAt === null) return release(turn, own, null);
  if (own.stopping === mode || own.stopping === 'kill') return;
  own.stopping = mode;
  turn.emit({ kind: 'stop', execution: own.lease.id, mode });
}

/**
 * Ends a lease whose outcomes nobody needs. Of short candidates without effects the batch in hand
 * comes to its end, within `yieldGraceMs`: its executor is kept, and starting one takes as long.
 */
export function stopNeedless(turn: Turn, own: OwnLease): void {
  const { computations, timing } = turn.state;
  const of = computations.get(own.lease.computation);
  const isShort = of?.isPure === true && of.milliseconds <= timing.yieldGraceMs * of.candidates;
  own.needless = true;
  const killAt = turn.now + timing.yieldGraceMs;
  if (isShort) own.killAt = Math.min(killAt, own.killAt ?? killAt);
  stopLease(turn, own, isShort ? 'drain' : 'kill');
}

/** Gives back what is claimed and not begun: lower blocks have just become free. */
export function dropUnstarted(turn: Turn): void {
  for (const own of openLeases(turn.state)) if (own.startedAt === null) release(turn, own, null);
}

/** Writes the open leases for the next start; the register tells them to the others. */
function keepLeases(turn: Turn): void {
  const tuples = openLeases(turn.state).map(({ lease: { computation, job, lo, hi } }) => [
    hexToBytes(computation),
    hexToBytes(job),
    lo,
    hi,
  ]);
  turn.keep({ kind: 'local', key: LEASES_ENTRY, bytes: encode(tuples) });
  turn.beat = true;
}

/**
 * An arriving segment ends what it covers, unless that is a second run on purpose. by: the own
 * lease that it comes of, which ends by itself.
 */
export function preempt(
  turn: Turn,
  computation: ComputationId,
  { lo, hi }: Span,
  by?: OwnLease,
): void {
  const known = turn.state.computations.get(computation);
  for (const own of openLeases(turn.state)) {
    const { lease } = own;
    if (lease.computation !== computation || own.purpose === 'dispute' || own === by) continue;
    if (lease.hi <= lo || lease.lo >= hi) continue;
    if (known?.coverage.covers(lease.lo, lease.hi) !== true) continue;
    if (!known.missing.overlaps(lease.lo, lease.hi)) stopNeedless(turn, own);
  }
}

/** A skipped index may be one that never ends: the run that is about to meet it ends now. */
export function stopSkipped(turn: Turn, computation: Computation, index: number): void {
  if (computation.coverage.has(index)) return;
  for (const own of openLeases(turn.state)) {
    const { lease } = own;
    if (lease.computation !== computation.id || lease.lo > index || lease.hi <= index) continue;
    stopLease(turn, own, 'kill');
  }
}

/** What decides between two overlapping leases: the lower hash holds. */
function rank(turn: Turn, lease: Lease, peer: PeerId): string {
  const seed = `${lease.computation} ${lease.lo} ${peer}`;
  return turn.env.hash(new TextEncoder().encode(seed));
}

/** Says whether two intervals have an index in common. */
export function overlap(a: Span, b: Span): boolean {
  return a.lo < b.hi && a.hi > b.lo;
}

/**
 * Gives way where another peer's lease overlaps and ranks lower. A running lease yields only while
 * it is younger than half a second. Its executor is kept where the batch in hand soon ends; not
 * that of a command, which would run twice. Copies conflict with copies alone, when there are too
 * many.
 */
export function yieldConflicts(turn: Turn, peer: PeerId, theirs: readonly Lease[]): void {
  const { state } = turn;
  if (theirs.some(({ copy, segment }) => copy && segment === undefined)) yieldCopies(turn);
  for (const other of theirs) {
    if (other.copy || other.segment !== undefined) continue;
    for (const own of openLeases(state)) {
      const { lease } = own;
      if (lease.copy || !sameGround(lease, other)) continue;
      if (!overlap(lease, other)) continue;
      if (!isYoung(turn, own)) continue;
      if (rank(turn, lease, state.self.peer) < rank(turn, other, peer)) continue;
      turn.log('debug', 'lease.lost', { lo: lease.lo, hi: lease.hi, holder: peer });
      const isPure = state.computations.get(lease.computation)?.isPure !== false;
      if (isPure) own.killAt ??= turn.now + state.timing.yieldGraceMs;
      stopLease(turn, own, isPure ? 'drain' : 'kill');
    }
  }
}

function isYoung({ state, now }: Turn, { startedAt }: OwnLease): boolean {
  return startedAt === null || now - startedAt < state.timing.yieldMs;
}

/** Of more copies than there may be, begun before their peers heard of one another, some end. */
function yieldCopies(turn: Turn): void {
  const { roster, self } = turn.state;
  for (const own of openLeases(turn.state)) {
    const { lease } = own;
    if (own.purpose !== 'copy' || !isYoung(turn, own)) continue;
    const first = roster
      .openLeases(lease, turn.now, (other) => other.copy && overlap(lease, other))
      .filter((other) => rank(turn, other.lease, other.peer) < rank(turn, lease, self.peer));
    if (first.length >= MOST_COPIES) stopLease(turn, own, 'kill');
  }
}

/** What the leases of one ground cover, as long as none of them changes. */
export interface LeaseCover {
  /** What it was worked out from. */
  readonly theirs: IntervalSet;
  readonly version: number;
  readonly own: readonly OwnLease[];
  readonly owned: number;
  readonly cover: IntervalSet;
}

/**
 * Intervals that a lease on a ground holds now, of this peer and of all that count; to be read
 * only, and the same object as long as nothing changed.
 */
export function leased(turn: Turn, ground: Ground): IntervalSet {
  const { roster, leases: own, covers } = turn.state;
  const theirs = roster.leases(ground, turn.now);
  const lingering = roster.lingering(ground, turn.now);
  const { version } = theirs;
  const key = groundKey(ground);
  const known = covers.get(key);
  const same = known?.theirs === theirs && known.version === version;
  // An own lease comes at the end of the list, or goes with the list; its interval never changes.
  if (same && known.own === own && known.owned === own.length && lingering.length === 0) {
    return known.cover;
  }
  const cover = theirs.clone();
  for (const lease of [...own.map((each) => each.lease), ...lingering]) {
    if (sameGround(lease, ground)) cover.add(lease.lo, lease.hi);
  }
  if (lingering.length > 0) covers.delete(key);
  else covers.set(key, { theirs, version, own, owned: own.length, cover });
  return cover;
}
