import type { Computation } from './computation.ts';
import type { ComputationId, PeerId } from './ids.ts';
import { type Interval, IntervalSet } from './interval-set.ts';
import { openLeases, release } from './lease-book.ts';
import { liveContenders } from './membership.ts';
import type { Contenders } from './rendezvous.ts';
import type { Turn } from './turn.ts';

/** Heartbeats for which candidates are left to those that have their inputs already. */
const LEFT_BEATS = 8;

/** Where the inputs of a computation's candidates are, as it was looked up once. */
export interface Nearness {
  /** Candidates that need what is on other machines. */
  readonly far: IntervalSet;
  /** Candidates of which others, the publisher left out, have all inputs. */
  readonly held: ReadonlyMap<PeerId, IntervalSet>;
  /** When it was told, in ms. */
  readonly knownAt: number;
  /** What those hold that may evaluate it now. */
  living: { readonly contenders: Contenders; readonly held: IntervalSet } | null;
}

/** Takes in where inputs are. What was claimed and others have the inputs of is given back. */
export function takeNearness(
  turn: Turn,
  id: ComputationId,
  far: readonly Interval[],
  held: ReadonlyMap<PeerId, readonly Interval[]>,
): void {
  const { state, now } = turn;
  const computation = state.computations.get(id);
  if (computation === undefined) return;
  const sets = [...held].map(([peer, spans]) => [peer, new IntervalSet(spans)] as const);
  const living = null;
  state.nearness.set(id, { far: new IntervalSet(far), held: new Map(sets), knownAt: now, living });
  const others = heldByOthers(turn, computation);
  for (const own of openLeases(state)) {
    const { computation: of, lo, hi } = own.lease;
    if (of !== id || own.startedAt !== null) continue;
    if (own.purpose !== 'block' && own.purpose !== 'first') continue;
    if (others.overlaps(lo, hi)) release(turn, own, null);
  }
}

/**
 * What is claimed late, where there is other work: what needs other machines, and last of it what
 * others have the inputs of.
 */
export function avoided(turn: Turn, computation: Computation): IntervalSet[] {
  const known = turn.state.nearness.get(computation.id);
  if (known === undefined) return [];
  const others = heldByOthers(turn, computation);
  return [known.far, others].filter((set) => !set.isEmpty());
}

/**
 * What is not claimed at all for now: others have its inputs, and will come to it if they live. The
 * time is bounded, so that nothing waits for a machine that is slow or has much to do. The
 * publisher does not wait: it has all inputs.
 * @see Zaharia et al., Delay scheduling, EuroSys 2010
 */
export function leftToOthers(turn: Turn, computation: Computation): IntervalSet | null {
  const { state, now } = turn;
  const known = state.nearness.get(computation.id);
  if (known === undefined || computation.spec.commandsOf === state.self.peer) return null;
  const waitMs = LEFT_BEATS * state.timing.heartbeatMs * state.roster.spacing;
  return now - known.knownAt < waitMs ? heldByOthers(turn, computation) : null;
}

/** What others that may evaluate it have the inputs of, and this peer, unless its own, has not. */
function heldByOthers(turn: Turn, computation: Computation): IntervalSet {
  const known = turn.state.nearness.get(computation.id);
  if (known === undefined) return new IntervalSet();
  const contenders = liveContenders(turn, computation);
  if (known.living?.contenders !== contenders) {
    let held = new IntervalSet();
    for (const [peer, spans] of known.held) {
      if (contenders.has(peer)) held = held.union(spans);
    }
    const isOwn = computation.spec.commandsOf === turn.state.self.peer;
    if (!isOwn) held = held.minus(held.minus(known.far));
    known.living = { contenders, held };
  }
  return known.living.held;
}
