import { refusals } from './duty.ts';
import { type PeerId, sameStart } from './ids.ts';
import { dropUnstarted, FINISHED_BEATS, yieldConflicts } from './lease-book.ts';
import type { Message, RecordGroup } from './message.ts';
import { receive } from './records.ts';
import type { Lease, Register } from './register.ts';
import { isRemoved } from './removal.ts';
import type { Turn } from './turn.ts';
import { hearTwin, hintAtLaterStart } from './twin.ts';

/** Bytes of fresh segments in one heartbeat; what does not fit is fetched by sync. */
const FRESH_BYTES = 131_072;

/** Leases told in one register. */
const MAX_LEASES = 512;

/** Up to this many peers, a new segment is pushed to each and not repeated in the heartbeat. */
export const SMALL_MESH = 8;

/** Fewer peers wait for that share of the whole gap between two heartbeats. */
const GAP_PEERS = 10;

/** Time between two heartbeats in a mesh of this size, in ms. */
function heartbeatMs({ state }: Turn): number {
  return state.timing.heartbeatMs * state.roster.spacing;
}

/**
 * Least time between two heartbeats that a change brought forward, in ms. A claim that was not told
 * yet may be made by another peer, too; what each peer hears grows with their number. Who is alone
 * has nobody to tell.
 */
function gapMs({ state: { timing, roster } }: Turn): number {
  const share = roster.size === 0 ? 1 : Math.min(1, (roster.size + 1) / GAP_PEERS);
  return timing.heartbeatGapMs * share * roster.spacing;
}

/** This peer's register as it stands. */
export function ownRegister(turn: Turn): Register {
  const { state } = turn;
  return {
    peer: state.self.peer,
    start: state.start,
    sequence: state.sequence,
    name: state.self.name,
    version: state.self.version,
    slots: state.self.slots,
    tags: state.offer.tags,
    mathClass: state.self.mathClass,
    addresses: state.addresses,
    refuses: refusals(state).slice(0, 1024),
    heartbeatMs: Math.round(heartbeatMs(turn)),
    leaving: state.leaving,
    stores: !state.diskFull,
    load: state.load,
    leases: state.leases.slice(0, MAX_LEASES).map(({ lease }) => lease),
  };
}

/** Sends a heartbeat when one is due, or when the register changed a moment ago. */
export function beatIfDue(turn: Turn): void {
  const { state, now } = turn;
  if (!state.booted) return;
  if (turn.beat) {
    const soon = Math.max(now, state.lastBeatAt + gapMs(turn));
    state.nextBeatAt = Math.min(state.nextBeatAt, soon);
  }
  if (now < state.nextBeatAt) return;
  state.sequence++;
  const register = ownRegister(turn);
  turn.emit({
    kind: 'broadcast',
    message: { kind: 'heartbeat', register, fresh: freshGroups(turn) },
  });
  state.lastBeatAt = now;
  state.nextBeatAt = now + heartbeatMs(turn) * (0.8 + 0.4 * turn.env.rng());
  for (const own of state.leases) if (own.lease.segment !== undefined) own.beats++;
  state.leases = state.leases.filter(
    ({ lease, beats }) => lease.segment === undefined || beats < FINISHED_BEATS,
  );
}

function freshGroups(turn: Turn): RecordGroup[] {
  const groups: RecordGroup[] = [];
  let total = 0;
  for (const group of turn.state.fresh.reverse()) {
    const bytes = group.records.reduce((sum, [, body]) => sum + body.length + 160, 0);
    if (total + bytes > FRESH_BYTES || groups.length >= 512) break;
    total += bytes;
    groups.push(group);
  }
  turn.state.fresh = [];
  return groups;
}

/** Takes a heartbeat in: the register, and the segments that came with it. */
export function hear(
  turn: Turn,
  from: PeerId,
  message: Extract<Message, { kind: 'heartbeat' }>,
): void {
  const { state, now } = turn;
  const { register, fresh } = message;
  if (isRemoved(turn, register.peer)) return;
  if (register.peer === state.self.peer) return hearTwin(turn, from, register);
  const before = state.roster.get(register.peer);
  const restarted = before !== undefined && !sameStart(before.register.start, register.start);
  const wasDead = before !== undefined && state.roster.state(before, now) === 'dead';
  const last = before === undefined || restarted ? [] : before.register.leases;
  const addresses = before?.register.addresses.join();
  const isNewer = state.roster.hear(register, now);
  if (isNewer) {
    if (before === undefined || restarted || wasDead) {
      turn.beat = true;
      turn.log('info', 'peer.alive', { peer: register.peer, name: register.name });
      turn.change(null);
    }
    if (addresses !== register.addresses.join()) {
      turn.emit({ kind: 'know', peer: register.peer, addresses: register.addresses });
    }
    if (!register.leaving) yieldConflicts(turn, register.peer, register.leases);
  } else {
    hintAtLaterStart(turn, register);
  }
  for (const group of fresh) receive(turn, group, { peer: from });
  if (isNewer) askForFinished(turn, register, last);
}

/**
 * A finished lease names its segment: one that has not come when a second heartbeat tells of it is
 * fetched. The first one may have overtaken it.
 */
function askForFinished(turn: Turn, register: Register, last: readonly Lease[]): void {
  const { state } = turn;
  const { peer: origin, start } = register;
  for (const { computation: scope, segment } of register.leases) {
    if (segment === undefined || !state.computations.has(scope)) continue;
    if (!last.some((lease) => lease.segment === segment && lease.computation === scope)) continue;
    if (state.logs.has({ scope, origin, start, n: segment })) continue;
    const ranges = [[segment, segment + 1] as const];
    turn.send(origin, { kind: 'pull', scope, logs: [{ origin, start, ranges }] });
  }
}

/** Tells of peers whose state changed, and forgets those that were silent for ten minutes. */
export function watchRoster(turn: Turn): void {
  const { state, now } = turn;
  for (const [peer, view] of state.roster.all()) {
    const current = state.roster.state(view, now);
    if (current === view.told) continue;
    if (current === 'dead' && !view.register.leaving) {
      turn.log('warn', 'peer.dead', { peer, name: view.register.name });
      if (view.register.leases.length > 0) dropUnstarted(turn);
    }
    view.told = current;
    turn.change(null);
    // Who may certify an answer depends on whether the owner lives.
    for (const job of state.jobs.values()) {
      if (job.manifest.owner === peer && job.ending === null) turn.touched.add(job.id);
    }
  }
  for (const peer of state.roster.expire(now)) {
    turn.emit({ kind: 'forget.peer', peer });
    turn.change(null);
  }
}
