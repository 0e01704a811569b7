import { dropUnstarted, openLeases, runningLeases, slotsOf, stopLease } from './lease-book.ts';
import type { OwnLease, PeerState } from './peer-state.ts';
import type { Turn } from './turn.ts';

/** Slots that leases take: one runs one candidate at a time. */
export function slotsFor(state: PeerState, leases: readonly OwnLease[]): number {
  return leases.reduce((sum, { lease }) => sum + slotsOf(state, lease.job), 0);
}

/** Slots that claimed and running leases take. */
export function openSlots(state: PeerState): number {
  return slotsFor(state, openLeases(state));
}

/** Slots with an executor at work. */
export function busySlots(state: PeerState): number {
  let verifying = 0;
  for (const { slots, running } of state.verifications.values()) verifying += running.size * slots;
  return slotsFor(state, runningLeases(state)) + verifying;
}

/**
 * From now on this peer has so many slots, and tells it. What runs beyond them ends after its batch
 * in hand, the youngest first; what is claimed and not begun is given back.
 */
export function setSlots(turn: Turn, slots: number): void {
  const { state } = turn;
  if (state.self.slots === slots) return;
  state.self = { ...state.self, slots };
  dropUnstarted(turn);
  const running = runningLeases(state).sort((a, b) => (a.startedAt ?? 0) - (b.startedAt ?? 0));
  let taken = 0;
  for (const own of running) {
    taken += slotsOf(state, own.lease.job);
    if (taken > slots) stopLease(turn, own, 'drain');
  }
  turn.beat = true;
  turn.change(null);
  turn.log('info', 'slots.changed', { slots });
}
