import { isNamed, serves } from '../core/duty.ts';
import type { JobId } from '../core/ids.ts';
import { openLeases } from '../core/lease-book.ts';
import type { PeerState } from '../core/peer-state.ts';

/** Until when a peer of a batch queue stays. What is not given is no reason to end. */
export interface TenureLimits {
  /** From now on, in ms. @default for ever */
  readonly forMs?: number;
  /** Time without a lease after which it ends, in ms. @default for ever */
  readonly idleMs?: number;
  /** Ends once every job that it works for has ended, and one is known. @default false */
  readonly whenDone?: boolean;
}

/** time: as long as it was to stay. idle: nothing to evaluate. done: its jobs have ended. */
export type TenureEnd = 'time' | 'idle' | 'done';

/** How long all jobs have to be over: word of another one may be on its way. In ms. */
const DONE_MS = 3000;

/** Follows how long a peer stays and what for. Times are on the peer's own clock, in ms. */
export class Tenure {
  readonly #limits: TenureLimits;
  readonly #since: number;
  /** Other members are known: before one is met, what this peer knows may be old. */
  readonly #expectsOthers: boolean;
  #busyAt: number;
  #doneSince: number | null = null;
  #metOthers = false;
  /** Jobs that ran in this peer's time: it may hold values of theirs that nobody else has. */
  readonly jobs: Set<JobId> = new Set();

  constructor(limits: TenureLimits, now: number, expectsOthers: boolean) {
    this.#limits = limits;
    this.#since = now;
    this.#busyAt = now;
    this.#expectsOthers = expectsOthers;
  }

  /** Why the peer is to end now, or null. To be called about once a second. */
  look(state: PeerState, now: number): TenureEnd | null {
    const { forMs, idleMs, whenDone = false } = this.#limits;
    this.#metOthers ||= state.connected.size > 0;
    for (const job of state.jobs.values()) {
      if (job.active && serves(state, job)) this.jobs.add(job.id);
    }
    if (openLeases(state).length > 0 || state.verifications.size > 0) this.#busyAt = now;
    if (!this.#isDone(state, now)) this.#doneSince = null;
    else this.#doneSince ??= now;
    if (forMs !== undefined && now - this.#since >= forMs) return 'time';
    if (whenDone && this.#doneSince !== null && now - this.#doneSince >= DONE_MS) return 'done';
    return idleMs !== undefined && now - this.#busyAt >= idleMs ? 'idle' : null;
  }

  #isDone(state: PeerState, now: number): boolean {
    if (state.openAt === null || now < state.openAt) return false;
    if (this.#expectsOthers && !this.#metOthers) return false;
    const own = [...state.jobs.values()].filter((job) => serves(state, job));
    if (own.some((job) => job.active || job.lacksValues(state.self.peer))) return false;
    return own.length > 0 || isCollected(state);
  }
}

/** The one job that a peer is there for has ended so long ago that its records are gone. */
function isCollected({ only, tombstones, jobs }: PeerState): boolean {
  if (only === null || !/^[0-9a-f]{8,}$/.test(only)) return false;
  if ([...jobs.values()].some((job) => isNamed(job, only))) return false;
  return [...tombstones.keys()].some((id) => id.startsWith(only));
}
