import { chooseFirst } from './commands.ts';
import { applyControl, subjectOf } from './control.ts';
import type { Hash, PeerId, Scope } from './ids.ts';
import { preempt } from './lease-book.ts';
import { encodeManifest } from './manifest.ts';
import type { RecordGroup } from './message.ts';
import type { Orphan } from './peer-state.ts';
import type { Choice, RecordBody, RecordKey } from './record.ts';
import {
  certificatePayload,
  choicePayload,
  decodeBody,
  encodeBody,
  opPayload,
  removalPayload,
  skipPayload,
} from './record-codec.ts';
import { tellCollected } from './retention.ts';
import type { Turn } from './turn.ts';
import { noteLaterStart } from './twin.ts';

/** Most groups kept for scopes whose job is not known yet. */
const MAX_EARLY = 256;

/** Exchanges for which such a group waits: its job may be one that was collected here. */
const EARLY_SYNCS = 3;

/** Why a record is refused whose signature is not its author's. */
const FORGED = 'a wrong signature';

/** Where a group of records came from: a peer, this peer's disk, or this peer itself. */
export type Source = { readonly peer: PeerId } | 'disk';

/** Adds a record of one's own: to the state, to the store, and to what others are told. */
export function append(turn: Turn, scope: Scope, body: RecordBody): Hash {
  const { state, env } = turn;
  const origin = state.self.peer;
  const n = state.logs.next(scope, origin, state.start);
  const key = { scope, origin, start: state.start, n };
  const bytes = encodeBody(body);
  const hash = env.hash(bytes);
  state.logs.add(key);
  const write = turn.keep({ kind: 'record', ...key, body: bytes });
  const group: RecordGroup = { scope, origin, start: state.start, records: [[n, bytes]] };
  if (scope === 'control') {
    state.kept.set(hash, write);
    turn.hurry();
    turn.emit({ kind: 'broadcast', message: { kind: 'announce', groups: [group] } });
    applyControl(turn, { key, body, hash });
    takeEarly(turn);
  } else {
    turn.made.push(group);
    applyWork(turn, { key, body, hash });
    if (body.kind !== 'segment') {
      if (isWord(body)) state.kept.set(hash, write);
      turn.hurry();
      turn.emit({ kind: 'broadcast', message: { kind: 'announce', groups: [group] } });
    }
  }
  return hash;
}

/** Takes records in; what is known already is passed over. */
export function receive(turn: Turn, group: RecordGroup, source: Source): void {
  const { state } = turn;
  const { scope, origin, start } = group;
  if (scope !== 'control' && !state.computations.has(scope)) {
    if (source === 'disk') {
      state.dormant.add(scope);
      return;
    }
    state.early.push({ group, until: turn.now + EARLY_SYNCS * state.timing.syncMs });
    if (state.early.length > MAX_EARLY) state.early.shift();
    return;
  }
  for (const [n, bytes] of group.records) {
    const key: RecordKey = { scope, origin, start, n };
    if (!state.logs.has(key)) receiveOne(turn, key, bytes, source);
  }
}

function receiveOne(turn: Turn, key: RecordKey, bytes: Uint8Array, source: Source): void {
  const { state, env } = turn;
  // What this peer wrote to its disk it had checked; the disk's own hash covers the rest.
  const decoded = decodeBody(bytes, source === 'disk');
  const fault =
    'rejected' in decoded ? decoded.rejected : recordFault(turn, key, decoded.value, source);
  if ('rejected' in decoded || fault !== undefined) {
    state.logs.refuse(key);
    if (source !== 'disk' && 'value' in decoded) tellIfCollected(turn, source.peer, decoded.value);
    const { scope, origin, n } = key;
    const level = fault === FORGED ? 'warn' : 'debug';
    turn.log(level, 'record.refused', { scope, origin, n, fault });
    return;
  }
  const body = decoded.value;
  const hash = env.hash(bytes);
  state.logs.add(key);
  if (key.origin === state.self.peer) noteLaterStart(turn, key.start);
  if (source !== 'disk') {
    const write = turn.keep({ kind: 'record', ...key, body: bytes });
    if (isWord(body)) {
      state.kept.set(hash, write);
      turn.hurry();
    }
  } else if (isWord(body)) {
    state.kept.set(hash, 0);
  }
  if (key.scope === 'control') {
    applyControl(turn, { key, body, hash });
    takeEarly(turn);
  } else {
    applyWork(turn, { key, body, hash });
    // Also what this peer wrote: it may come back after its disk was lost, or its scope dropped.
    if (body.kind === 'segment') preempt(turn, key.scope, body);
  }
}

/** Whoever sends a collected job's manifest does not know that it ended. */
function tellIfCollected(turn: Turn, from: PeerId, body: RecordBody): void {
  const job = body.kind === 'manifest' ? subjectOf(turn, body) : null;
  if (job !== null && turn.state.connected.has(from)) tellCollected(turn, from, job);
}

/** Why a well-formed record is refused: in the wrong scope, or not signed by its author. */
function recordFault(
  turn: Turn,
  key: RecordKey,
  body: RecordBody,
  source: Source,
): string | undefined {
  if (ofWork(body) === (key.scope === 'control')) return `a ${body.kind} in this scope`;
  const control = !ofWork(body);
  if (body.kind === 'choice' && !isOwnersChoice(turn, key, body)) return 'a choice of no owner';
  const subject = control ? subjectOf(turn, body) : null;
  if (subject !== null && turn.state.tombstones.has(subject)) return 'of a job that was collected';
  // Else it would answer its own removal by removing all others.
  if (body.kind === 'removal' && source !== 'disk' && turn.state.removed.has(key.origin)) {
    return 'a removal by a peer that is removed itself';
  }
  return source === 'disk' || isSigned(turn, key.origin, body) ? undefined : FORGED;
}

/** Says whether a record is somebody's word, which is kept at once and receipted: no outcome. */
function isWord({ kind }: RecordBody): boolean {
  return kind !== 'segment' && kind !== 'attempt';
}

/** Says whether a record stands in the log of a computation. */
function ofWork({ kind }: RecordBody): boolean {
  return kind === 'segment' || kind === 'attempt' || kind === 'skip' || kind === 'choice';
}

/** Only the owner of commands chooses among their runs. */
function isOwnersChoice({ state }: Turn, { scope, origin }: RecordKey, choice: Choice): boolean {
  const owner = state.computations.get(scope)?.spec.commandsOf;
  return choice.computation === scope && owner === origin;
}

/** Says whether a record that needs a signature bears its author's. */
function isSigned({ env, state }: Turn, origin: PeerId, body: RecordBody): boolean {
  switch (body.kind) {
    case 'manifest':
      return env.verify(body.manifest.owner, encodeManifest(body.manifest), body.signature);
    case 'op':
      return env.verify(origin, opPayload(body), body.signature);
    case 'certificate':
      return env.verify(origin, certificatePayload(body.job, body.certificate), body.signature);
    case 'skip':
      return env.verify(origin, skipPayload(body.job, body.index), body.signature);
    case 'choice':
      return env.verify(origin, choicePayload(body), body.signature);
    case 'removal':
      return env.verify(origin, removalPayload(state.self, body.peer), body.signature);
    default:
      return true;
  }
}

/** Applies a record of a computation. */
function applyWork(turn: Turn, placed: Orphan): void {
  const { state } = turn;
  const { key, body } = placed;
  const computation = state.computations.get(key.scope);
  if (computation === undefined) return;
  if (body.kind === 'segment') {
    const disputed = computation.apply(key, body);
    if (!computation.isPure && state.booted) {
      for (const choice of chooseFirst(turn, computation, disputed))
        append(turn, key.scope, choice);
    }
    for (const index of state.booted && computation.isPure ? disputed : []) {
      turn.log('warn', 'outcome.disputed', { computation: computation.id, index });
    }
  } else if (body.kind === 'attempt') {
    computation.addAttempt(key, body, turn.now);
  } else if (body.kind === 'choice') {
    computation.choose(body.index, { scope: key.scope, ...body.of });
  } else if (body.kind === 'skip') {
    applyControl(turn, placed);
  }
  for (const job of state.jobs.values()) {
    if (job.computation !== computation) continue;
    turn.touched.add(job.id);
    turn.change(job.id);
    if (body.kind === 'segment' && job.fixed) alarmAfterEnd(turn, job.id, key, body);
  }
}

/** A dispute that comes after a certificate changes nothing and is shown to people. */
function alarmAfterEnd(
  turn: Turn,
  id: string,
  key: RecordKey,
  body: Extract<RecordBody, { kind: 'segment' }>,
): void {
  const job = turn.state.jobs.get(id);
  if (job === undefined || job.alarms.length >= 16) return;
  const end = Math.min(body.hi, job.certificate?.end ?? 0);
  for (const index of job.computation.disputes.indicesWithin(body.lo, end)) {
    const line = `index ${index} is disputed after the end, by a segment of ${key.origin}`;
    if (job.alarms.includes(line)) continue;
    job.alarms.push(line);
    if (!turn.state.booted) continue;
    turn.log('error', 'certificate.disputed', { job: id, index, origin: key.origin });
  }
}

/** Takes in the records that came before the job of their scope did. */
function takeEarly(turn: Turn): void {
  const { early, computations } = turn.state;
  const ready = early.filter(({ group }) => computations.has(group.scope));
  if (ready.length === 0) return;
  early.splice(0, early.length, ...early.filter(({ group }) => !computations.has(group.scope)));
  for (const { group } of ready) receive(turn, group, { peer: group.origin });
}

/** Drops early records whose job has not come. */
export function dropEarly(turn: Turn): void {
  const { early } = turn.state;
  if (early.some(({ until }) => until <= turn.now)) {
    early.splice(0, early.length, ...early.filter(({ until }) => until > turn.now));
  }
}
