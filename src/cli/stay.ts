import type { TenureEnd, TenureLimits } from '../node/tenure.ts';
import { formatSeconds } from './format.ts';
import type { StayFlags } from './stay-flags.ts';

/** From SIGTERM to the end, in ms: batch queues send SIGKILL after 30 s and more. */
const GRACE_MS = 25_000;

/** What of a grace is left for the farewell, the disk and the sockets, in ms. */
const CLOSING_MS = 5000;

/** How long a peer stays, counted from the beginning of its command. */
export class Stay {
  readonly #flags: StayFlags;
  readonly #beganAt: number;
  /** Within so many ms of the word to end the peer is gone. */
  readonly graceMs: number;

  constructor(flags: StayFlags, nowMs: number) {
    const { for: forMs = Number.POSITIVE_INFINITY, grace = GRACE_MS } = flags;
    this.#flags = flags;
    this.#beganAt = nowMs;
    this.graceMs = Math.min(grace, forMs / 2);
  }

  /** How long candidates that run may go on once the peer is told to end, in ms. */
  get drainMs(): number {
    return this.graceMs - Math.min(CLOSING_MS, this.graceMs / 2);
  }

  /** What is left of it. */
  limits(nowMs: number): TenureLimits {
    const { for: forMs, idleExit, exitWhenDone = false } = this.#flags;
    const spentMs = nowMs - this.#beganAt;
    return {
      whenDone: exitWhenDone,
      ...(idleExit === undefined ? {} : { idleMs: idleExit }),
      ...(forMs === undefined ? {} : { forMs: forMs - this.graceMs - spentMs }),
    };
  }

  /** How long the mesh may be looked for, in ms; for ever without a limit. */
  searchMs(nowMs: number): number {
    const { forMs = Number.POSITIVE_INFINITY } = this.limits(nowMs);
    const { idleExit = Number.POSITIVE_INFINITY } = this.#flags;
    return Math.max(0, Math.min(forMs, idleExit - (nowMs - this.#beganAt)));
  }
}

/** Why a peer ends, for a person. */
export function endText(why: TenureEnd, { for: forMs = 0, idleExit = 0 }: StayFlags): string {
  switch (why) {
    case 'time':
      return `the ${formatSeconds(forMs / 1000)} of --for are nearly over`;
    case 'idle':
      return `nothing to evaluate for ${formatSeconds(idleExit / 1000)}`;
    case 'done':
      return 'its jobs have ended';
  }
}
