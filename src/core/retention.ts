import { namedBlobs } from './blobs.ts';
import { noteJobs } from './duty.ts';
import { ENDED_ENTRY } from './end-entry.ts';
import type { Hash, JobId, PeerId } from './ids.ts';
import type { JobState } from './job-state.ts';
import { groundKey } from './limits.ts';
import type { Message } from './message.ts';
import type { Turn } from './turn.ts';
import { refuseVerifications } from './verification.ts';

/** Prefix of the local entries of jobs whose records are dropped. */
export const TOMBSTONE_ENTRY = 'tombstone/';

/** Drops what ended longer ago than it is kept for; a job's id and last state stay for ever. */
export function collect(turn: Turn): void {
  const { state } = turn;
  for (const job of [...state.jobs.values()]) {
    if (job.endedAt === null || state.wallMs - job.endedAt < state.timing.keepMs) continue;
    bury(turn, job, job.phase);
  }
}

/** Job ids whose records were dropped, to be known before records are loaded. */
export function readTombstones(turn: Turn, locals: ReadonlyMap<string, Uint8Array>): void {
  for (const [key, bytes] of locals) {
    if (!key.startsWith(TOMBSTONE_ENTRY)) continue;
    const phase = new TextDecoder().decode(bytes);
    turn.state.tombstones.set(key.slice(TOMBSTONE_ENTRY.length), phase);
  }
}

/** A peer from before knows a job that is collected here: it is told how that ended. */
export function tellCollected(turn: Turn, to: PeerId, job: JobId): void {
  const phase = turn.state.tombstones.get(job);
  if (phase !== undefined) turn.send(to, { kind: 'collected', jobs: [[job, phase]] });
}

/** Other peers collected these jobs: those that run on here, for want of news, end now. */
export function takeCollected(turn: Turn, message: Extract<Message, { kind: 'collected' }>): void {
  for (const [id, phase] of message.jobs) {
    const job = turn.state.jobs.get(id);
    // What ended here as well is kept as long as this peer keeps it.
    if (job?.active === true) bury(turn, job, phase);
  }
}

/** Drops a job's records for good. */
function bury(turn: Turn, job: JobState, phase: string): void {
  const { state } = turn;
  state.jobs.delete(job.id);
  state.passes.delete(job.id);
  state.buckets.delete(job.id);
  state.choosy.delete(job.id);
  state.copies.delete(job.id);
  leaveTombstone(turn, job.id, phase);
  turn.keep({ kind: 'local', key: `${ENDED_ENTRY}${job.id}`, bytes: null });
  for (const { hash, ...key } of job.records) {
    state.kept.delete(hash);
    state.logs.remove(key);
    turn.keep({ kind: 'drop-record', ...key });
  }
  for (const [id, { predecessor }] of state.successors) {
    if (predecessor !== job.id) continue;
    state.successors.delete(id);
    leaveTombstone(turn, id, phase);
  }
  turn.state.covers.delete(groundKey(job.ground));
  refuseClients(turn, job.id, phase);
  dropUnused(turn, job);
  noteJobs(turn);
  turn.change(job.id);
  turn.log('info', 'job.collected', { job: job.id, phase });
}

function leaveTombstone(turn: Turn, id: JobId, phase: string): void {
  turn.state.tombstones.set(id, phase);
  const bytes = new TextEncoder().encode(phase);
  turn.keep({ kind: 'local', key: `${TOMBSTONE_ENTRY}${id}`, bytes });
}

function refuseClients(turn: Turn, job: JobId, phase: string): void {
  const { pending } = turn.state;
  const reason = `the job ended (${phase}), and what it found is no longer kept`;
  const result = { kind: 'refused', code: 'MESH_UNKNOWN_JOB', reason } as const;
  for (const wait of [...pending.values()]) {
    if (wait.job !== job) continue;
    pending.delete(wait.request);
    turn.emit({ kind: 'answer', request: wait.request, result });
  }
  refuseVerifications(turn, job, result);
}

/** Drops the scope and the blobs of a collected job that no other job names. */
function dropUnused(turn: Turn, job: JobState): void {
  const { state } = turn;
  const others = [...state.jobs.values()];
  if (others.some((other) => other.computation === job.computation)) return;
  const scope = job.computation.id;
  state.computations.delete(scope);
  state.nearness.delete(scope);
  state.logs.drop(scope, state.self.peer, state.start);
  turn.keep({ kind: 'drop-scope', scope });
  turn.emit({ kind: 'forget.computation', computation: scope });
  const inUse = new Set<Hash>(others.flatMap((other) => namedBlobs(turn, other)));
  for (const hash of [...namedBlobs(turn, job), ...job.computation.long.keys()]) {
    // Equal values of two computations are one blob.
    if (inUse.has(hash) || others.some(({ computation }) => computation.long.has(hash))) continue;
    state.wants.delete(hash);
    if (!state.blobs.delete(hash)) continue;
    turn.keep({ kind: 'drop-blob', hash });
  }
}
