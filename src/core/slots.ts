import { dropUnstarted, runningLeases, stopLease } from './lease-book.ts';
import type { Turn } from './turn.ts';

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
  for (const own of running.slice(slots)) stopLease(turn, own, 'drain');
  turn.beat = true;
  turn.change(null);
  turn.log('info', 'slots.changed', { slots });
}
