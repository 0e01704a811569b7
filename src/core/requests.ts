import { keepBlob } from './blobs.ts';
import { nextOp } from './control.ts';
import { trusts } from './duty.ts';
import type { Answer, PeerEvent } from './event.ts';
import type { Hash, PeerId } from './ids.ts';
import type { JobState } from './job-state.ts';
import { computationId, encodeManifest } from './manifest.ts';
import type { Pending } from './peer-state.ts';
import type { OpChange } from './record.ts';
import { skipPayload } from './record-codec.ts';
import { append } from './records.ts';
import { writePart } from './segment-writer.ts';
import type { Turn } from './turn.ts';
import { beginVerification, refuseVerifications } from './verification.ts';

type Of<K extends PeerEvent['kind']> = Extract<PeerEvent, { kind: K }>;

const REFUSALS = {
  MESH_UNKNOWN_JOB: 'no such job',
  MESH_JOB_ENDED: 'the job has ended',
  MESH_UNTRUSTED: 'its publisher is not trusted on this machine: `meshd trust add` changes that',
  MESH_DISK_FULL: 'this disk is full: free some space, then ask again',
} as const;

function refusal(code: keyof typeof REFUSALS): Extract<Answer, { kind: 'refused' }> {
  return { kind: 'refused', code, reason: REFUSALS[code] };
}

function refuse(turn: Turn, request: number, code: keyof typeof REFUSALS): void {
  turn.emit({ kind: 'answer', request, result: refusal(code) });
}

/** The disk is full: who waits for a receipt is told; who waits for a job's end waits on. */
export function refuseWaiting(turn: Turn): void {
  for (const { request, ofEnd } of [...turn.state.pending.values()]) {
    if (ofEnd) continue;
    turn.state.pending.delete(request);
    refuse(turn, request, 'MESH_DISK_FULL');
  }
}

function awaitReceipts(
  turn: Turn,
  wait: Pick<Pending, 'request' | 'job' | 'record' | 'change' | 'ofEnd'>,
): void {
  const fresh = { reissues: 0, supersededBy: null, receipts: new Set<PeerId>(), askAt: 0 };
  turn.state.pending.set(wait.request, { ...wait, ...fresh });
}

/** Publishes a job: its blobs, its signed manifest and the probe's outcomes in one write batch. */
export function publish(turn: Turn, event: Of<'publish'>): void {
  if (turn.state.diskFull) return refuse(turn, event.request, 'MESH_DISK_FULL');
  const { env } = turn;
  const { manifest, request } = event;
  const bytes = encodeManifest(manifest);
  const id = env.hash(bytes);
  if (turn.state.tombstones.has(id)) return refuse(turn, event.request, 'MESH_JOB_ENDED');
  const signature = env.sign(bytes);
  turn.state.wanted?.add(id);
  const isNew = !turn.state.jobs.has(id);
  const record = append(turn, 'control', { kind: 'manifest', manifest, signature });
  const job = turn.state.jobs.get(id);
  if (job !== undefined && isNew) job.isPublishedHere = true;
  for (const { hash, bytes: content } of event.blobs) keepBlob(turn, hash, content);
  const { probe } = event;
  const computation = computationId(manifest.spec, env.hash);
  if (probe !== null && probe.hi > probe.lo) writePart(turn, computation, id, probe, false);
  awaitReceipts(turn, { request, job: id, record, change: null, ofEnd: false });
}

/** Cancels, pauses, resumes a job or changes its priority. */
export function operate(turn: Turn, event: Of<'operate'>): void {
  if (turn.state.diskFull) return refuse(turn, event.request, 'MESH_DISK_FULL');
  const job = turn.state.jobs.get(event.job);
  if (job === undefined) return refuse(turn, event.request, 'MESH_UNKNOWN_JOB');
  if (!job.active) {
    if (event.change.kind === 'cancel' && job.cancelled !== null) {
      const record = job.ops.get('cancel')?.hash ?? null;
      const { request, change } = event;
      return awaitReceipts(turn, { request, job: job.id, record, change, ofEnd: false });
    }
    return refuse(turn, event.request, 'MESH_JOB_ENDED');
  }
  const { request, change } = event;
  // A later word of the same peer stands above its earlier ones: these are not issued again, and
  // kept once it is.
  for (const earlier of turn.state.pending.values()) {
    if (earlier.job !== job.id || earlier.change?.kind !== change.kind) continue;
    earlier.supersededBy ??= request;
  }
  const record = issue(turn, job, change);
  awaitReceipts(turn, { request, job: job.id, record, change, ofEnd: false });
}

function issue(turn: Turn, job: JobState, change: OpChange): Hash {
  return append(turn, 'control', nextOp(turn, job, change));
}

/** Cancels the own jobs whose deadline has passed on this machine's wall clock. */
export function enforceDeadlines(turn: Turn): void {
  const { state } = turn;
  for (const job of state.jobs.values()) {
    const { owner, deadlineAt } = job.manifest;
    if (owner !== state.self.peer || deadlineAt === null || !job.active) continue;
    if (state.wallMs < deadlineAt) continue;
    issue(turn, job, { kind: 'cancel', reason: 'deadline', wait: false });
  }
}

/** Records that an index of a job is to be skipped. */
export function skip(turn: Turn, event: Of<'skip'>): void {
  if (turn.state.diskFull) return refuse(turn, event.request, 'MESH_DISK_FULL');
  const job = turn.state.jobs.get(event.job);
  if (job === undefined) return refuse(turn, event.request, 'MESH_UNKNOWN_JOB');
  if (!job.active) return refuse(turn, event.request, 'MESH_JOB_ENDED');
  const signature = turn.env.sign(skipPayload(job.id, event.index));
  const body = { kind: 'skip', job: job.id, index: event.index, signature } as const;
  const record = append(turn, job.computation.id, body);
  const { request } = event;
  awaitReceipts(turn, { request, job: job.id, record, change: null, ofEnd: false });
}

/** Waits until the job ended and its answer is kept. */
export function confirm(turn: Turn, event: Of<'confirm'>): void {
  if (!turn.state.jobs.has(event.job)) return refuse(turn, event.request, 'MESH_UNKNOWN_JOB');
  const { request, job } = event;
  awaitReceipts(turn, { request, job, record: null, change: null, ofEnd: true });
}

/** Evaluates ranges of a job again, each in a fresh executor. */
export function verify(turn: Turn, event: Of<'verify'>): void {
  const job = turn.state.jobs.get(event.job);
  if (job === undefined) return refuse(turn, event.request, 'MESH_UNKNOWN_JOB');
  if (!trusts(turn.state, job.manifest.owner)) {
    return refuse(turn, event.request, 'MESH_UNTRUSTED');
  }
  beginVerification(turn, event);
}

/** Ends the verifications of jobs whose publisher this machine trusts no more. */
export function endUntrusted(turn: Turn): void {
  const { trusted, verifications, jobs } = turn.state;
  if (trusted === null) return;
  for (const { job: id } of [...verifications.values()]) {
    const job = jobs.get(id);
    if (job === undefined || trusts(turn.state, job.manifest.owner)) continue;
    refuseVerifications(turn, id, refusal('MESH_UNTRUSTED'));
  }
}
