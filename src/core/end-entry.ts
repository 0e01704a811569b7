import { encode, hexToBytes } from './codec.ts';
import type { JobState } from './job-state.ts';
import type { Turn } from './turn.ts';

/**
 * Prefix of the local entries that say when a job ended, on this machine's wall clock, or 0, and
 * which answer its clients follow.
 */
export const ENDED_ENTRY = 'ended/';

/** Writes down how it ended, or what its clients stay with: no record says that. */
export function keepEnd(turn: Turn, job: JobState): void {
  const certificate = job.ending === null ? null : hexToBytes(job.ending.certificate);
  const endedAt = Math.round(job.endedAt ?? 0);
  const bytes = encode([endedAt, job.checked, job.endedBy, certificate]);
  turn.keep({ kind: 'local', key: `${ENDED_ENTRY}${job.id}`, bytes });
}
