import type { OwnLease } from '../../src/core/peer-state.ts';
import type { Lease } from '../../src/core/register.ts';

/** A block that this peer has claimed just now, on disk already. */
export function owned(lease: Lease): OwnLease {
  const times = { write: 0, claimedAt: 0, startedAt: null, killAt: null };
  const end = { stopping: null, needless: false, lastSegment: null };
  return { ...times, ...end, lease, purpose: 'block', beats: 0 };
}
