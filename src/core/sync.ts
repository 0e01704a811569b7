import { ownRegister, SMALL_MESH } from './heart.ts';
import type { Hash, PeerId, Scope } from './ids.ts';
import type { JobState } from './job-state.ts';
import type { LogRange, Message } from './message.ts';
import { MAX_SCOPES } from './message-codec.ts';
import { receive } from './records.ts';
import type { Turn } from './turn.ts';

/** Neighbours that a new segment is pushed to in a mesh that is not small. */
const PUSH_TO = 2;

/** A moment after the first answer, for its records to come. */
const FIRST_ANSWER_MS = 300;

/** Live peers that a stream stands to, in the order of their ids. */
export function neighbours(turn: Turn): readonly PeerId[] {
  return turn.state.members.neighbours(turn);
}

/** Scopes that are compared: the control records first, then every computation in use. */
function scopes(turn: Turn): Scope[] {
  return ['control', ...[...turn.state.computations.keys()].sort()].slice(0, MAX_SCOPES);
}

/** Opens an exchange: the other side answers with the summaries that differ. */
export function offer(turn: Turn, peer: PeerId): void {
  const { logs } = turn.state;
  const digests = scopes(turn).map((scope): [Scope, Hash] => [
    scope,
    logs.digest(scope, turn.env.hash),
  ]);
  turn.send(peer, { kind: 'digests', scopes: digests });
}

/** A stream to a peer stands: tell who this is and compare what both hold. */
export function greet(turn: Turn, peer: PeerId): void {
  turn.state.sequence++;
  turn.send(peer, { kind: 'heartbeat', register: ownRegister(turn), fresh: [] });
  offer(turn, peer);
}

/** Every ten seconds or so, an exchange with a random neighbour. */
export function syncIfDue(turn: Turn): void {
  const { state, now } = turn;
  if (!state.booted || now < state.nextSyncAt) return;
  state.nextSyncAt = now + state.timing.syncMs * (0.5 + turn.env.rng());
  // Whoever a stream stands to, also a peer whose heartbeats do not come through.
  const peers = [...state.connected].sort();
  const peer = peers[Math.floor(turn.env.rng() * peers.length)];
  if (peer !== undefined) greet(turn, peer);
}

/** Answers digests with the summaries that differ, control first. */
export function takeDigests(
  turn: Turn,
  from: PeerId,
  message: Extract<Message, { kind: 'digests' }>,
): void {
  const { logs } = turn.state;
  const theirs = new Map(message.scopes);
  let differs = false;
  for (const scope of scopes(turn)) {
    const digest = theirs.get(scope);
    if (digest === undefined || digest === logs.digest(scope, turn.env.hash)) continue;
    differs = true;
    turn.send(from, { kind: 'summary', scope, logs: logs.summary(scope), reply: false });
  }
  for (const job of turn.state.jobs.values()) {
    if (job.active && !theirs.has(job.computation.id)) tellOf(turn, from, job);
  }
  answered(turn, differs);
}

/** A peer without this job's scope has not heard of it, or collected it and will say so. */
function tellOf(turn: Turn, to: PeerId, job: JobState): void {
  const [key] = job.records;
  if (key === undefined) return;
  const { scope, origin, start, n } = key;
  turn.emit({ kind: 'send.records', to, scope, origin, start, ranges: [[n, n + 1]] });
}

/**
 * The first exchange after a start opens the claims: at once when equal, else a moment after the
 * last news.
 */
function answered(turn: Turn, differs: boolean): void {
  const { state, now } = turn;
  const { openAt, openBy } = state;
  if (openAt === null || openAt <= now) return;
  const isFirst = openAt === openBy;
  if (differs) state.openAt = Math.min(openBy, now + FIRST_ANSWER_MS);
  else if (isFirst) state.openAt = now;
}

/** Pulls what a summary has and this peer lacks; tells its own where it has more. */
export function takeSummary(
  turn: Turn,
  from: PeerId,
  message: Extract<Message, { kind: 'summary' }>,
): void {
  const { logs, computations } = turn.state;
  const { scope } = message;
  if (scope !== 'control' && !computations.has(scope)) return;
  const lacking = logs.lacks(scope, message.logs);
  if (lacking.length > 0) turn.send(from, { kind: 'pull', scope, logs: lacking });
  if (!message.reply && logs.exceeds(scope, message.logs)) {
    turn.send(from, { kind: 'summary', scope, logs: logs.summary(scope), reply: true });
  }
  if (lacking.length > 0) answered(turn, true);
}

export function takePull(turn: Turn, from: PeerId, scope: Scope, logs: readonly LogRange[]): void {
  for (const { origin, start, ranges } of logs) {
    turn.emit({ kind: 'send.records', to: from, scope, origin, start, ranges });
  }
}

/** Takes records in; a job that is new by them is compared with their sender at once. */
export function takeRecords(
  turn: Turn,
  from: PeerId,
  groups: Extract<Message, { kind: 'records' }>['groups'],
): void {
  const { computations, logs } = turn.state;
  const known = new Set(computations.keys());
  for (const group of groups) receive(turn, group, { peer: from });
  for (const scope of computations.keys()) {
    if (known.has(scope)) continue;
    turn.send(from, { kind: 'summary', scope, logs: logs.summary(scope), reply: false });
  }
}

/** Pushes this step's segments to neighbours, first to the owners of the jobs they are for. */
export function pushMade(turn: Turn): void {
  if (turn.made.length === 0) return;
  const { state } = turn;
  const peers = neighbours(turn);
  const small = peers.length <= SMALL_MESH;
  if (!small) state.fresh.push(...turn.made);
  const targets = small ? peers : pushTargets(turn, peers);
  for (const peer of targets) turn.send(peer, { kind: 'records', groups: turn.made });
}

function pushTargets(turn: Turn, peers: readonly PeerId[]): PeerId[] {
  const targets = new Set<PeerId>();
  for (const { scope } of turn.made) {
    for (const job of turn.state.jobs.values()) {
      const { owner } = job.manifest;
      if (job.computation.id === scope && job.active && peers.includes(owner)) targets.add(owner);
    }
  }
  const from = Math.floor(turn.env.rng() * peers.length);
  for (let k = 0; k < PUSH_TO; k++) {
    const peer = peers[(from + k) % peers.length];
    if (peer !== undefined) targets.add(peer);
  }
  return [...targets];
}
