import { compareStarts, type PeerId, type Start, sameStart } from './ids.ts';
import type { Register } from './register.ts';
import type { Turn } from './turn.ts';

/** A later start of this peer's own id, as others tell of it. */
export interface Twin {
  readonly start: Start;
  /** The last sequence that each of them told: what one has not heard yet, another may have. */
  readonly told: Map<PeerId, number>;
  /** How often what one of them told had advanced. */
  advances: number;
  /** When it was first heard of or last advanced, on this peer's clock. */
  changedAt: number;
  /** How often it was told of since then. */
  hints: number;
}

/** Advances after which a later start is known to live: one or two may be late messages. */
const ALIVE_AFTER = 3;

/** Hints without an advance, over the time of a death, after which it is known to be past. */
const STILL_AFTER = 3;

/** Least time between two hints to one peer, in ms. */
const HINT_GAP_MS = 900;

/**
 * A later start of one's own id. If it lives, a copied home is running elsewhere and this peer
 * ends. If it does not, it was this peer before its home was restored from an older copy.
 */
export function hearTwin(turn: Turn, from: PeerId, { start, sequence, peer }: Register): void {
  noteLaterStart(turn, start);
  const { twin } = turn.state;
  if (twin === null || !sameStart(start, twin.start)) return;
  const before = twin.told.get(from);
  twin.told.set(from, Math.max(sequence, before ?? 0));
  twin.hints++;
  if (before === undefined || sequence <= before) return;
  twin.advances++;
  twin.hints = 0;
  twin.changedAt = turn.now;
  if (twin.advances < ALIVE_AFTER) return;
  turn.emit({
    kind: 'halt',
    reason: `another process runs with this peer's identity (${peer}): a copied home?`,
  });
}

/** Notes a start of one's own id that is later than the current one. */
export function noteLaterStart(turn: Turn, start: Start): void {
  const { state, now } = turn;
  if (compareStarts(start, state.start) <= 0) return;
  if (state.twin !== null && compareStarts(start, state.twin.start) <= 0) return;
  state.twin = { start, told: new Map(), advances: 0, changedAt: now, hints: 0 };
}

/**
 * Takes a start above a later one that has not been heard to live for as long as a death takes:
 * others ignore all that an earlier start says.
 */
export function riseAboveTwin(turn: Turn): void {
  const { state, now } = turn;
  const { twin } = state;
  if (twin === null || now - twin.changedAt < state.timing.deadMs) return;
  // That nobody tells of it any more says nothing.
  if (twin.hints < STILL_AFTER) return;
  const half = (): string =>
    Math.floor(turn.env.rng() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  state.start = { incarnation: twin.start.incarnation + 1, nonce: half() + half() };
  state.twin = null;
  turn.rise(state.start.incarnation);
  // What finished did so under the earlier start: its segments are in another log.
  state.leases = state.leases.filter(({ lease }) => lease.segment === undefined);
  for (const own of state.leases) own.lastSegment = null;
  turn.log('warn', 'start.raised', { incarnation: state.start.incarnation });
}

/** Tells a peer whose start is not its latest of that one. */
export function hintAtLaterStart(turn: Turn, { peer, start }: Register): void {
  const { state, now } = turn;
  const view = state.roster.get(peer);
  if (view === undefined || !state.connected.has(peer)) return;
  if (compareStarts(start, view.register.start) >= 0 || now - view.hintedAt < HINT_GAP_MS) return;
  view.hintedAt = now;
  turn.send(peer, { kind: 'heartbeat', register: view.register, fresh: [] });
}
