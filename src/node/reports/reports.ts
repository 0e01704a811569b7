import { finalLines } from '../../core/answer.ts';
import { HOPELESS_ERRORS, type JobState } from '../../core/job-state.ts';
import { runningLeases } from '../../core/lease-book.ts';
import type { PeerState } from '../../core/peer-state.ts';
import type { Register } from '../../core/register.ts';
import type { JobReport, JobRow, Summary } from '../mesh.ts';
import { groupAttempts } from './attempt-groups.ts';
import { failureText } from './failure-text.ts';
import { failedEnd, figuresEnd } from './figures-end.ts';
import { whyNotHere } from './not-here.ts';
import { type ReportedErrors, thrownErrors } from './reported-errors.ts';

/** Rows of long lists that a report shows. */
const MAX_ROWS = 100;

/** Accepted per evaluated; of a map, items without an error per item done. */
function rateOf(job: JobState, failedCommands: number): number {
  const evaluated = evaluatedOf(job);
  const isMap = job.manifest.target.kind === 'map';
  const thrown = job.computation.answers.errorsBelow(figuresEnd(job));
  const failed = isMap ? thrown + failedCommands : 0;
  return evaluated === 0 ? 0 : (acceptedOf(job) - failed) / evaluated;
}

/** Since the owner published it, until this peer learned of its end. */
function secondsOf(state: PeerState, job: JobState, now: number): number {
  const ms = job.loaded
    ? (job.endedAt ?? state.wallMs) - job.manifest.publishedAt
    : (job.endHeardAt ?? now) - job.heardAt;
  return Math.max(0, ms / 1000);
}

/** Where a partial answer ends: the first index without an outcome, within the job's bound. */
function frontierOf(job: JobState): number {
  if (job.ending !== null) return job.ending.end;
  const frontier = job.computation.coverage.firstGap(0);
  return Math.min(frontier, job.bound ?? frontier);
}

/** Accepted candidates known, at most as many as asked for; of a map, items done. */
export function acceptedOf(job: JobState): number {
  const { target } = job.manifest;
  const end = failedEnd(job) ?? job.bound;
  if (target.kind === 'map') return job.computation.coverage.count(0, end ?? target.count);
  const { answers } = job.computation;
  const known = end === null ? answers.lines : answers.positionOf(end);
  return job.ending?.lines ?? Math.min(known, target.count);
}

/** Candidates with an outcome, within the answer once it is known. */
export function evaluatedOf(job: JobState): number {
  return job.ending?.end ?? job.computation.coverage.count(0, figuresEnd(job));
}

/**
 * The `--summary` of a job as it stands (design.md section 6). now: the peer's clock.
 * failedCommands: see FailedCommands.
 */
export function summaryOf(
  state: PeerState,
  job: JobState,
  now: number,
  failedCommands: number,
): Summary {
  const { computation, ending } = job;
  const { answers } = computation;
  const atFailure = failedEnd(job);
  const end = ending?.end ?? atFailure ?? frontierOf(job);
  const lines = atFailure === null ? finalLines(job) : acceptedOf(job);
  const failed = answers.errorsBelow(end) + failedCommands;
  const accepted = job.manifest.target.kind === 'map' ? lines - failed : lines;
  const evaluated = atFailure === null ? end : evaluatedOf(job);
  return {
    job: job.endedBy === 'successor' ? (job.successor?.id ?? job.id) : job.id,
    computation: computation.id,
    seed: job.manifest.spec.seed,
    status: job.phase,
    accepted,
    evaluated,
    acceptanceRate: evaluated === 0 ? 0 : accepted / evaluated,
    frontier: frontierOf(job),
    certificate: ending?.certificate ?? null,
    skipped: [...job.skipped],
    errors: failed,
    ran: computation.ranFor(job.id),
    copies: state.copies.get(job.id) ?? 0,
    peers: computation.peersFor(job.id),
    seconds: secondsOf(state, job, now),
  };
}

/** All registers that hold a lease of a job now, this peer's included. */
function leaseHolders(
  state: PeerState,
  job: JobState,
  now: number,
): [string, Register['leases']][] {
  const holders: [string, Register['leases']][] = [];
  const mine = runningLeases(state).map(({ lease }) => lease);
  const ofJob = (leases: Register['leases']): Register['leases'] =>
    leases.filter((lease) => lease.job === job.id && lease.segment === undefined);
  if (ofJob(mine).length > 0) holders.push([state.self.peer, ofJob(mine)]);
  for (const [peer, view] of state.roster.all()) {
    if (state.roster.state(view, now) === 'dead') continue;
    const leases = ofJob(view.register.leases);
    if (leases.length > 0) holders.push([peer, leases]);
  }
  return holders;
}

/** One row of `jobs`. */
export function jobRow(
  state: PeerState,
  job: JobState,
  now: number,
  failedCommands: number,
): JobRow {
  const end = figuresEnd(job);
  const accepted = acceptedOf(job);
  const evaluated = evaluatedOf(job);
  return {
    job: job.id,
    name: job.manifest.name,
    owner: job.manifest.owner,
    status: job.phase,
    target: job.manifest.target.count,
    accepted,
    evaluated,
    failed: job.computation.answers.errorsBelow(end) + failedCommands,
    rate: rateOf(job, failedCommands),
    priority: job.priority,
    publishedAt: job.manifest.publishedAt,
    peers: leaseHolders(state, job, now).length,
    notHere: whyNotHere(state, job),
  };
}

function whyFailed(job: JobState): string | null {
  if (job.phase !== 'failed') return null;
  const { maxErrors } = job.manifest;
  if (maxErrors === null && job.hasTooManyErrors) {
    return `each of the first ${HOPELESS_ERRORS} candidates ended in an error`;
  }
  if (maxErrors === null || !job.hasTooManyErrors) {
    return `index after index failed on every try, and none ever had an outcome${firstTry(job)}`;
  }
  // How many more are known differs from run to run, and from peer to peer.
  const at = job.computation.answers.errorAt(maxErrors);
  return `it allows ${maxErrors} errors, and number ${maxErrors + 1} is at index ${at}`;
}

/** How the first index failed on its first try, so that a person knows where to look. */
function firstTry({ computation: { attempts } }: JobState): string {
  const first = attempts.get(Math.min(...attempts.keys()))?.[0];
  if (first === undefined) return '';
  return `; the first: index ${first.index}, ${failureText(first.failure, first.detail)}`;
}

/** Attempts of what is left out or stuck come first, then the others by index. */
function attemptRows(job: JobState, end: number): JobReport['attempts'] {
  const first = new Set([...job.skipped, ...job.stuckBelow(end)]);
  const indices = [...job.computation.attempts.keys()].sort((a, b) => {
    return Number(first.has(b)) - Number(first.has(a)) || a - b;
  });
  return indices
    .flatMap((index) => job.computation.attempts.get(index) ?? [])
    .slice(0, MAX_ROWS)
    .map(({ index, peer, failure, detail, limits }) => {
      return { index, peer, kind: failure, detail, limits };
    });
}

/** What a report takes from the disk. */
export interface ReadForReport {
  readonly params: unknown;
  readonly failedCommands: number;
  /** Commands whose results are not on this disk. @default 0 */
  readonly unread?: number;
  /** Of commands; a function's are in its job's state. */
  readonly errors?: ReportedErrors;
}

/** Everything known of a job. */
export function jobReport(
  state: PeerState,
  job: JobState,
  now: number,
  { params, failedCommands, unread = 0, errors }: ReadForReport,
): JobReport {
  const { computation, manifest } = job;
  const end = figuresEnd(job);
  return {
    ...jobRow(state, job, now, failedCommands),
    computation: computation.id,
    program: manifest.spec.program,
    seed: manifest.spec.seed,
    params,
    kind: manifest.target.kind,
    maxEvals: manifest.target.kind === 'accept' ? manifest.target.maxEvals : null,
    limits: job.limits,
    needs: manifest.needs,
    perHour: manifest.perHour,
    logIf: manifest.logIf,
    commands: manifest.spec.commandsOf !== null,
    maxErrors: manifest.maxErrors,
    fresh: manifest.fresh,
    whyFailed: whyFailed(job),
    frontier: frontierOf(job),
    ran: computation.ranFor(job.id),
    certificate: job.ending?.certificate ?? null,
    successor: job.successor?.id ?? null,
    predecessor: null,
    stuck: job.active ? job.stuckBelow(end).slice(0, MAX_ROWS) : [],
    skipped: job.skipped.slice(0, MAX_ROWS),
    attempts: attemptRows(job, end),
    ...(errors ?? thrownErrors(job)),
    unread,
    attemptGroups: groupAttempts(job),
    disputed: computation.openDisputes().slice(0, MAX_ROWS),
    alarms: [...job.alarms],
    leases: leaseHolders(state, job, now)
      .flatMap(([peer, leases]) => leases.map(({ lo, hi, running }) => ({ peer, lo, hi, running })))
      .slice(0, MAX_ROWS),
  };
}
