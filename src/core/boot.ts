import { openItems } from './blobs.ts';
import { decode } from './codec.ts';
import { ENDED_ENTRY } from './end-entry.ts';
import type { PeerEvent } from './event.ts';
import { check, flag, hash, list, nullable, oneOf, tuple, whole } from './form.ts';
import type { Hash } from './ids.ts';
import { MAX_INDEX } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import { LEASES_ENTRY } from './lease-book.ts';
import { NO_LIMITS } from './limits.ts';
import { LOST } from './record.ts';
import { append, receive } from './records.ts';
import type { Turn } from './turn.ts';

const index = whole(0, MAX_INDEX);
const endedForm = tuple(index, flag, nullable(oneOf('own', 'successor')), nullable(hash));
const leasesForm = list(tuple(hash, hash, index, index), 4096);

/** Takes in records read from disk, the control scope's before all others. */
export function load(turn: Turn, event: Extract<PeerEvent, { kind: 'loaded' }>): void {
  receive(turn, event.group, 'disk');
}

/** All was read: leases found are told as lost, and work may begin after the first exchange. */
export function boot(turn: Turn, event: Extract<PeerEvent, { kind: 'booted' }>): void {
  const { state, now } = turn;
  for (const blob of event.blobs) state.blobs.set(blob, 0);
  state.booted = true;
  state.openBy = event.known ? now + state.timing.settleMs : now;
  state.openAt = state.openBy;
  state.nextSyncAt = now + state.timing.syncMs * (0.5 + turn.env.rng());
  for (const [key, bytes] of event.locals) {
    if (!key.startsWith(ENDED_ENTRY)) continue;
    const job = state.jobs.get(key.slice(ENDED_ENTRY.length));
    const decoded = decode(bytes, 128);
    const ended = 'value' in decoded ? check(endedForm, decoded.value) : decoded;
    if (job === undefined || 'rejected' in ended) continue;
    const [endedAt, checked, endedBy, certificate] = ended.value;
    job.endedAt = endedAt === 0 ? null : endedAt;
    job.checked = checked;
    // Both may be known: which of them clients follow was decided when the first one came.
    const known = endedBy === 'own' ? (job.certificate ?? job.successor) : job.successor;
    if (endedBy !== null && known !== null) job.endedBy = endedBy;
    stayWith(turn, job, certificate);
  }
  tellLost(turn, event.locals.get(LEASES_ENTRY));
  for (const job of state.jobs.values()) {
    turn.touched.add(job.id);
    openItems(turn, job);
  }
  turn.beat = true;
}

/** Of certificates and successors that differ, clients follow what was known first. */
function stayWith({ state }: Turn, job: JobState, certificate: Hash | null): void {
  const { ending } = job;
  if (ending === null || ending.certificate === certificate) return;
  const place = job.rivals.findIndex((rival) => {
    const isOfSuccessor = rival.job !== job.id;
    return isOfSuccessor === (job.endedBy === 'successor') && rival.certificate === certificate;
  });
  const [first] = place < 0 ? [] : job.rivals.splice(place, 1, ending);
  if (first === undefined) return;
  const stuck = state.successors.get(first.job)?.stuck ?? [];
  if (job.endedBy === 'own') job.certificate = first;
  else job.successor = { id: first.job, stuck, certificate: first };
}

/** What was under way when the process ended is an attempt of kind `lost`, which never counts. */
function tellLost(turn: Turn, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) return;
  const decoded = decode(bytes, 1_048_576);
  if ('rejected' in decoded) return;
  const leases = check(leasesForm, decoded.value);
  if ('rejected' in leases) return;
  for (const [scope, job, lo, hi] of leases.value) {
    const computation = turn.state.computations.get(scope);
    if (computation === undefined || hi <= lo || computation.coverage.covers(lo, hi)) continue;
    const detail = 'under way when this process ended';
    // It never counts, whatever the limits.
    const limits = NO_LIMITS;
    append(turn, scope, { kind: 'attempt', job, lo, hi, limits, failure: LOST, detail });
  }
  turn.keep({ kind: 'local', key: LEASES_ENTRY, bytes: null });
}
