import { durationMs, jobReference } from './option-values.ts';
import type { Flag } from './verb.ts';

/** The options by which `start` and `join` suit a batch queue. */
export interface StayFlags {
  readonly for?: number;
  readonly exitWhenDone?: boolean;
  readonly idleExit?: number;
  readonly job?: string;
  readonly grace?: number;
}

export const STAY_FLAGS: readonly Flag[] = [
  {
    flags: '--for <duration>',
    help: 'be gone by then, such as 4h: it hands back its work a little earlier',
    parse: durationMs,
  },
  {
    flags: '--exit-when-done',
    help: 'end when the job of --job has ended, or without --job all jobs that are known',
  },
  {
    flags: '--idle-exit <duration>',
    help: 'end after so long without anything to evaluate',
    parse: durationMs,
  },
  {
    flags: '--job <job>',
    help: 'evaluate only this job: its name, or the beginning of its id',
    parse: jobReference,
  },
  {
    flags: '--grace <duration>',
    help: 'longest time from SIGTERM to the end; running candidates may use it (default: 25s)',
    parse: durationMs,
  },
];

/** What --help says of them. */
export const STAY_NOTES: string =
  'In a batch queue: SIGTERM and --for drain the peer. Its leases are handed back at once, ' +
  'candidates that run may end within --grace, and it exits 0; a second signal ends it at once.';

/** Parts these options from those of the peer itself. */
export function splitStay<O extends StayFlags>(
  options: O,
): { readonly stay: StayFlags; readonly peer: Omit<O, keyof StayFlags> } {
  const { for: forMs, exitWhenDone, idleExit, job, grace, ...peer } = options;
  return {
    peer,
    stay: {
      ...(forMs === undefined ? {} : { for: forMs }),
      ...(exitWhenDone === undefined ? {} : { exitWhenDone }),
      ...(idleExit === undefined ? {} : { idleExit }),
      ...(job === undefined ? {} : { job }),
      ...(grace === undefined ? {} : { grace }),
    },
  };
}
