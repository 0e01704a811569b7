import { answerCertificate, type CompleteAnswer, completeAnswer, holdsAnswer } from './answer.ts';
import { namedBlobs } from './blobs.ts';
import { encode } from './codec.ts';
import type { Hash, JobId } from './ids.ts';
import type { JobState } from './job-state.ts';
import { successorId } from './manifest.ts';
import { certificatePayload } from './record-codec.ts';
import { append } from './records.ts';
import type { Turn } from './turn.ts';

/** Prefix of the local entries that say when a job ended, on this machine's wall clock. */
export const ENDED_ENTRY = 'ended/';

/** Prefix of the local entries of jobs whose records are dropped. */
export const TOMBSTONE_ENTRY = 'tombstone/';

/** Certifies the touched jobs whose answer is whole, and notes which have ended. */
export function settleEnds(turn: Turn): void {
  for (const id of turn.touched) {
    const job = turn.state.jobs.get(id);
    if (job === undefined || !turn.state.booted) continue;
    if (job.ending === null && job.cancelled === null) certify(turn, job);
    if (job.ending !== null) checkEnding(turn, job);
    if (!job.active && job.endedAt === null) noteEnd(turn, job);
  }
}

function certify(turn: Turn, job: JobState): void {
  const answer = completeAnswer(job);
  if (answer === null) return;
  if (answer.skipped.length === 0) {
    append(turn, 'control', certificateRecord(turn, job.id, job, answer));
    return;
  }
  const byHand = answer.skipped.every((index) => job.skips.has(index));
  if (job.manifest.owner !== turn.state.self.peer && !byHand) return;
  const stuck = answer.skipped;
  const id = successorId(job.id, stuck, turn.env.hash);
  append(turn, 'control', { kind: 'successor', predecessor: job.id, stuck });
  append(turn, 'control', certificateRecord(turn, id, job, answer));
  turn.log('warn', 'job.succeeded', { job: job.id, successor: id, skipped: stuck.length });
}

function certificateRecord(
  turn: Turn,
  id: JobId,
  job: JobState,
  answer: CompleteAnswer,
): Parameters<typeof append>[2] {
  const certificate = answerCertificate(job, answer, turn.env.hash);
  job.checked = true;
  return {
    kind: 'certificate',
    job: id,
    certificate,
    end: answer.end,
    lines: answer.lines,
    signature: turn.env.sign(certificatePayload(id, certificate)),
  };
}

/** Holds another peer's certificate against the own outcomes, once they are all here. */
function checkEnding(turn: Turn, job: JobState): void {
  const ending = job.ending;
  if (job.checked || ending === null || !holdsAnswer(job)) return;
  job.checked = true;
  if (job.endedAt !== null) keepEnd(turn, job, job.endedAt);
  const { skipped } = job;
  // With stuck indices that a machine mastered later, the lines here are not the successor's.
  if (skipped.some((index) => job.computation.coverage.has(index))) return;
  const { end, lines } = ending;
  const known = job.computation.answers.positionOf(end);
  const own = known < lines ? null : answerCertificate(job, { end, lines, skipped }, turn.env.hash);
  if (own === ending.certificate) return;
  job.alarms.push(`the certificate ${ending.certificate.slice(0, 16)} is not what is known here`);
  turn.log('error', 'certificate.conflict', { job: job.id, certificate: ending.certificate });
}

function noteEnd(turn: Turn, job: JobState): void {
  job.endedAt = turn.state.wallMs;
  job.endHeardAt = turn.now;
  keepEnd(turn, job, job.endedAt);
  turn.change(job.id);
  turn.log('info', 'job.ended', { job: job.id, phase: job.phase });
}

function keepEnd(turn: Turn, job: JobState, endedAt: number): void {
  const bytes = encode([Math.round(endedAt), job.checked]);
  turn.keep({ kind: 'local', key: `${ENDED_ENTRY}${job.id}`, bytes });
}

/** Drops what ended longer ago than it is kept for; a job's id and last state stay for ever. */
export function collect(turn: Turn): void {
  const { state } = turn;
  for (const job of [...state.jobs.values()]) {
    if (job.endedAt === null || state.wallMs - job.endedAt < state.timing.keepMs) continue;
    const phase = job.phase;
    state.jobs.delete(job.id);
    state.tombstones.set(job.id, phase);
    const tombstone = new TextEncoder().encode(phase);
    turn.keep({ kind: 'local', key: `${TOMBSTONE_ENTRY}${job.id}`, bytes: tombstone });
    turn.keep({ kind: 'local', key: `${ENDED_ENTRY}${job.id}`, bytes: null });
    for (const key of job.records) turn.keep({ kind: 'drop-record', ...key });
    if (job.successor !== null) {
      state.successors.delete(job.successor.id);
      state.tombstones.set(job.successor.id, phase);
      const mark = `${TOMBSTONE_ENTRY}${job.successor.id}`;
      turn.keep({ kind: 'local', key: mark, bytes: tombstone });
    }
    dropUnused(turn, job);
    turn.log('info', 'job.collected', { job: job.id, phase });
  }
}

/** Drops the scope and the blobs of a collected job that no other job names. */
function dropUnused(turn: Turn, job: JobState): void {
  const { state } = turn;
  const others = [...state.jobs.values()];
  if (others.some((other) => other.computation === job.computation)) return;
  const scope = job.computation.id;
  state.computations.delete(scope);
  state.logs.drop(scope);
  state.passes.delete(job.id);
  turn.keep({ kind: 'drop-scope', scope });
  turn.emit({ kind: 'forget.computation', computation: scope });
  const inUse = new Set<Hash>(others.flatMap((other) => namedBlobs(turn, other)));
  for (const hash of [...namedBlobs(turn, job), ...job.computation.long.keys()]) {
    if (inUse.has(hash) || !state.blobs.has(hash)) continue;
    state.blobs.delete(hash);
    turn.keep({ kind: 'drop-blob', hash });
  }
}
