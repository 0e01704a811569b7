import type { JobState } from './job-state.ts';
import { slotsInMesh } from './membership.ts';
import type { Turn } from './turn.ts';

/** Most candidates an hour that a job may ask for: a million a second. */
export const MAX_PER_HOUR = 3_600_000_000;

const HOUR_MS = 3_600_000;

/** A peer may begin at once what it may begin in so long, in ms. */
const BURST_MS = 1000;

/** Where a rate is high a block is at least this part of a burst: each costs a lease. */
const BLOCKS_A_BURST = 8;

/** What a peer may begin of a job with a rate. */
export interface Bucket {
  /** Candidates; below 0 after a block that was larger. */
  readonly tokens: number;
  /** When it was so, on the peer's clock in ms. */
  readonly at: number;
}

/**
 * How many candidates of a job this peer may claim now: each peer has its slots' share of the
 * job's rate, in a token bucket. Infinity without a rate; 0 while it waits.
 */
export function allowance(turn: Turn, job: JobState): number {
  const { perHour } = job.manifest;
  if (perHour === null) return Number.POSITIVE_INFINITY;
  const most = burst(turn, job, perHour);
  const tokens = tokensOf(turn, job, perHour, most);
  turn.state.buckets.set(job.id, { tokens, at: turn.now });
  return tokens >= Math.max(1, most / BLOCKS_A_BURST) ? Math.floor(tokens) : 0;
}

/** Takes claimed candidates from what a peer may begin. */
export function spend(turn: Turn, job: JobState, candidates: number): void {
  const bucket = turn.state.buckets.get(job.id);
  if (bucket === undefined) return;
  turn.state.buckets.set(job.id, { ...bucket, tokens: bucket.tokens - candidates });
}

function burst(turn: Turn, job: JobState, perHour: number): number {
  return Math.max(1, sharePerMs(turn, job, perHour) * BURST_MS);
}

function sharePerMs(turn: Turn, { computation }: JobState, perHour: number): number {
  const { slots } = turn.state.self;
  return ((perHour / HOUR_MS) * slots) / Math.max(slotsInMesh(turn, computation), slots, 1);
}

function tokensOf(turn: Turn, job: JobState, perHour: number, most: number): number {
  const bucket = turn.state.buckets.get(job.id) ?? firstBucket(turn, most);
  const gained = (turn.now - bucket.at) * sharePerMs(turn, job, perHour);
  return Math.min(most, bucket.tokens + gained);
}

/** Peers begin one after the other, in the order of their ids, or all would at once. */
function firstBucket({ state, now }: Turn, most: number): Bucket {
  const peers = [state.self.peer, ...state.roster.all().map(([peer]) => peer)].sort();
  const rank = peers.indexOf(state.self.peer) + 1;
  return { tokens: (most * (peers.length - rank + 1)) / peers.length, at: now };
}
