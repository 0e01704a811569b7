import type { JobState } from '../core/job-state.ts';
import type { PeerState } from '../core/peer-state.ts';

const TICK_MS = 100;
const WALL_MS = 1000;
const LOAD_MS = 5000;

/** What is told from time to time. */
export interface Clocks {
  /** Every 100 ms. */
  tick(): void;
  /** The wall clock: every second, and at a deadline. */
  wall(): void;
  /** Every 5 s: how busy the machine is. */
  load(): void;
  /** The next deadline on the wall clock, in ms since 1970; null: there is none. */
  deadline(): number | null;
}

/** Starts the clocks of a peer. Returns what stops them. */
export function startClocks(clocks: Clocks): () => void {
  let exact: NodeJS.Timeout | undefined;
  const wall = (): void => {
    clearTimeout(exact);
    clocks.wall();
    const leftMs = (clocks.deadline() ?? Number.POSITIVE_INFINITY) - Date.now();
    if (leftMs > 0 && leftMs < WALL_MS) exact = setTimeout(wall, Math.ceil(leftMs));
  };
  const all = [
    setInterval(() => clocks.tick(), TICK_MS),
    setInterval(wall, WALL_MS),
    setInterval(() => clocks.load(), LOAD_MS),
  ];
  return () => {
    clearTimeout(exact);
    for (const each of all) clearInterval(each);
  };
}

/** The next deadline of a peer's own jobs that go on, in ms since 1970; null: there is none. */
export function nextDeadline({ jobs, self }: PeerState): number | null {
  let next: number | null = null;
  const isOwn = ({ manifest, active }: JobState): boolean => manifest.owner === self.peer && active;
  for (const job of jobs.values()) {
    const { deadlineAt } = job.manifest;
    if (deadlineAt !== null && isOwn(job)) next = Math.min(next ?? deadlineAt, deadlineAt);
  }
  return next;
}
