import { openItems } from './blobs.ts';
import { Computation } from './computation.ts';
import { noteJobs } from './duty.ts';
import { keepEnd } from './end-entry.ts';
import { assertNever, type JobId } from './ids.ts';
import { JobState, type PlacedOp, type SuccessorState } from './job-state.ts';
import { stopSkipped } from './lease-book.ts';
import { computationId, encodeManifest, successorId } from './manifest.ts';
import { isModest } from './needs.ts';
import type { Orphan } from './peer-state.ts';
import type { CertificateRecord, ControlOp, ManifestRecord, RecordBody } from './record.ts';
import { opPayload } from './record-codec.ts';
import { applyRemoval } from './removal.ts';
import type { Turn } from './turn.ts';

/** Most control records kept for jobs that are not known yet. */
const MAX_ORPHANS = 4096;

/** Certificates against the known one that are kept of a job, and the words of them. */
const MAX_ALARMS = 16;

/** Applies a control record, or a skip; one whose job is unknown waits for it. */
export function applyControl(turn: Turn, placed: Orphan): void {
  const { state } = turn;
  const { body, key } = placed;
  switch (body.kind) {
    case 'manifest':
      return addJob(turn, body, placed);
    case 'successor': {
      const job = state.jobs.get(body.predecessor);
      if (job === undefined) return wait(turn, body.predecessor, placed);
      const id = successorId(body.predecessor, body.stuck, turn.env.hash);
      state.successors.set(id, body);
      job.records.push({ ...key, hash: placed.hash });
      return adopt(turn, id);
    }
    case 'op': {
      const job = state.jobs.get(body.job);
      if (job === undefined) return wait(turn, body.job, placed);
      job.records.push({ ...key, hash: placed.hash });
      return applyOp(turn, job, { op: body, hash: placed.hash, author: key.origin });
    }
    case 'certificate':
      return applyCertificate(turn, body, placed);
    case 'skip': {
      const job = state.jobs.get(body.job);
      if (job === undefined) return wait(turn, body.job, placed);
      job.records.push({ ...key, hash: placed.hash });
      job.skips.add(body.index);
      stopSkipped(turn, job.computation, body.index);
      turn.touched.add(job.id);
      turn.change(job.id);
      return;
    }
    case 'removal':
      return applyRemoval(turn, body, key.origin);
    case 'segment':
    case 'attempt':
    case 'choice':
      return;
    default:
      return assertNever(body);
  }
}

function wait(turn: Turn, job: JobId, placed: Orphan): void {
  const { orphans, tombstones } = turn.state;
  if (tombstones.has(job)) return;
  let count = 0;
  for (const list of orphans.values()) count += list.length;
  if (count >= MAX_ORPHANS) return;
  const list = orphans.get(job) ?? [];
  list.push(placed);
  orphans.set(job, list);
}

/** Applies what waited for this job or successor. */
function adopt(turn: Turn, id: JobId): void {
  const waiting = turn.state.orphans.get(id) ?? [];
  turn.state.orphans.delete(id);
  for (const placed of waiting) applyControl(turn, placed);
}

function addJob(turn: Turn, record: ManifestRecord, placed: Orphan): void {
  const { state, env } = turn;
  const { manifest } = record;
  const id = env.hash(encodeManifest(manifest));
  if (state.tombstones.has(id)) return;
  const known = state.jobs.get(id);
  if (known !== undefined) {
    // Published again after its publisher's restart: dropped together one day.
    known.records.push({ ...placed.key, hash: placed.hash });
    return;
  }
  const name = computationId(manifest.spec, env.hash);
  const computation = state.computations.get(name) ?? new Computation(name, manifest.spec);
  state.computations.set(name, computation);
  if (state.dormant.delete(name)) turn.emit({ kind: 'load.scope', scope: name });
  const job = new JobState(id, manifest, computation, placed.hash, turn.now);
  job.records.push({ ...placed.key, hash: placed.hash });
  job.loaded = !state.booted;
  state.jobs.set(id, job);
  const isModestJob = isModest(manifest.needs) && manifest.limits.memoryBytes === null;
  if (!isModestJob) state.choosy.add(id);
  noteJobs(turn);
  turn.log(state.booted ? 'info' : 'debug', 'job.known', {
    job: id,
    name: manifest.name,
    owner: manifest.owner,
  });
  // A manifest that was lost comes back to blobs that stayed.
  if (state.booted) openItems(turn, job);
  adopt(turn, id);
  turn.touched.add(id);
  turn.change(id);
}

/** Higher numbers win, ties by hash. */
function beats(a: PlacedOp, b: PlacedOp): boolean {
  return a.op.number !== b.op.number ? a.op.number > b.op.number : a.hash > b.hash;
}

function applyOp(turn: Turn, job: JobState, placed: PlacedOp): void {
  const { kind } = placed.op.change;
  const known = job.ops.get(kind);
  const isBeaten = known !== undefined && !beats(placed, known);
  const loser = isBeaten ? placed : known;
  if (loser !== undefined && kind !== 'cancel') job.beaten.add(loser.hash);
  if (isBeaten) return;
  job.ops.set(kind, placed);
  if (kind === 'cancel' && job.cancelledAt === null) {
    job.cancelledAt = turn.now;
    turn.log('info', 'job.cancelled', { job: job.id, by: placed.author });
  }
  turn.touched.add(job.id);
  turn.change(job.id);
}

function applyCertificate(turn: Turn, record: CertificateRecord, placed: Orphan): void {
  const { state } = turn;
  const successor = state.successors.get(record.job);
  const job = state.jobs.get(successor?.predecessor ?? record.job);
  if (job === undefined) return wait(turn, record.job, placed);
  job.records.push({ ...placed.key, hash: placed.hash });
  const known =
    successor === undefined
      ? job.certificate
      : job.successor?.id === record.job
        ? job.successor.certificate
        : null;
  if (known !== null) {
    if (known.certificate !== record.certificate) alarm(turn, job, record, placed.key.origin);
    return;
  }
  if (successor === undefined) {
    job.certificate = record;
    job.endedBy ??= 'own';
  } else {
    follow(turn, job, { id: record.job, stuck: successor.stuck, certificate: record });
  }
  turn.touched.add(job.id);
  turn.change(job.id);
  turn.log(turn.state.booted ? 'info' : 'debug', 'job.certified', {
    job: record.job,
    certificate: record.certificate,
  });
}

/**
 * Clients move to the first successor that comes, unless they may have a line that it leaves out: a
 * machine mastered an index before its failures were known here, and the owner has not heard of
 * that. They stay with the job's own answer, or another successor.
 */
function follow(turn: Turn, job: JobState, successor: SuccessorState): void {
  const { certificate } = successor;
  if (job.ending === null && successor.stuck.every((index) => index >= job.finalTo)) {
    job.successor = successor;
    job.endedBy = 'successor';
    return;
  }
  if (job.successor === null) job.successor = successor;
  else if (certificate !== null && job.rivals.length < MAX_ALARMS) job.rivals.push(certificate);
  if (job.endedBy !== null) return;
  job.endedBy = 'own';
  if (turn.state.booted) keepEnd(turn, job);
}

function alarm(turn: Turn, job: JobState, record: CertificateRecord, origin: string): void {
  const line = `${origin} certifies ${record.certificate.slice(0, 16)}, another answer than known`;
  if (job.alarms.length < MAX_ALARMS && !job.alarms.includes(line)) job.alarms.push(line);
  if (job.rivals.length < MAX_ALARMS) job.rivals.push(record);
  turn.log('error', 'certificate.conflict', { job: record.job, origin });
  turn.change(job.id);
}

/** The job that a control record speaks of, if it says so by its id. */
export function subjectOf(turn: Turn, body: RecordBody): JobId | null {
  switch (body.kind) {
    case 'manifest':
      return turn.env.hash(encodeManifest(body.manifest));
    case 'successor':
      return body.predecessor;
    case 'op':
    case 'certificate':
      return body.job;
    default:
      return null;
  }
}

/** A signed op on a job, numbered above all that is known. */
export function nextOp(turn: Turn, job: JobState, change: ControlOp['change']): ControlOp {
  const number = (job.ops.get(change.kind)?.op.number ?? 0) + 1;
  const signature = turn.env.sign(opPayload({ job: job.id, number, change }));
  return { kind: 'op', job: job.id, number, change, signature };
}
