import { compareStarts, type Start, sameStart } from './ids.ts';
import type { Register } from './register.ts';
import type { Turn } from './turn.ts';

/** A later start of this peer's own id, as others tell of it. */
export interface Twin {
  readonly start: Start;
  sequence: number;
  /** How often its sequence was seen to advance. */
  advances: number;
  /** When it was first heard of, on this peer's clock. */
  readonly heardAt: number;
}

/** Advances of its sequence after which a later start is known to live. */
const ALIVE_AFTER = 2;

/** Least time between two hints to one peer, in ms. */
const HINT_GAP_MS = 900;

/**
 * A later start of one's own id. If it lives, a copied home is running elsewhere and this peer
 * ends. If it does not, it was this peer before its home was restored from an older copy.
 */
export function hearTwin(turn: Turn, register: Register): void {
  noteLaterStart(turn, register.start, register.sequence);
  const { twin } = turn.state;
  if (twin === null || twin.advances < ALIVE_AFTER) return;
  turn.emit({
    kind: 'halt',
    reason: `another process runs with this peer's identity (${register.peer}): a copied home?`,
  });
}

/** Notes a start of one's own id that is later than the current one. */
export function noteLaterStart(turn: Turn, start: Start, sequence: number): void {
  const { state, now } = turn;
  if (compareStarts(start, state.start) <= 0) return;
  const { twin } = state;
  if (twin === null || compareStarts(start, twin.start) > 0) {
    state.twin = { start, sequence, advances: 0, heardAt: now };
  } else if (sameStart(start, twin.start) && sequence > twin.sequence) {
    twin.sequence = sequence;
    twin.advances++;
  }
}

/**
 * Takes a start above a later one that has not been heard to live for as long as a death takes:
 * others ignore all that an earlier start says.
 */
export function riseAboveTwin(turn: Turn): void {
  const { state, now } = turn;
  const { twin } = state;
  if (twin === null || twin.advances > 0 || now - twin.heardAt < state.timing.deadMs) return;
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
