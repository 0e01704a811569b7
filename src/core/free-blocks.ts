import type { Interval, IntervalSet } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import { liveContenders, rosterContenders } from './membership.ts';
import type { Contenders } from './rendezvous.ts';
import type { Turn } from './turn.ts';

/** Blocks looked at in one choice. */
const MAX_SCAN = 2048;

/** What a look at the free blocks of a job found; it stands as long as its inputs are the same. */
export interface Scan {
  readonly inputs: readonly unknown[];
  /** What may be claimed, up to the blocks that are looked at. */
  readonly free: readonly Interval[];
  readonly grain: number;
  /** The lowest block that is this peer's. */
  readonly mine: Interval | null;
  /** Free blocks up to that one, it included; all that were looked at where there is none. */
  readonly passed: number;
  /** Fewer are free than the mesh has slots, four times over. */
  readonly scarce: boolean;
}

/**
 * Looks at the free blocks of a job, unless nothing changed since the last look. taken: what leases
 * cover.
 */
export function scanFree(
  turn: Turn,
  job: JobState,
  taken: IntervalSet,
  grain: number,
  reach: number,
): Scan {
  const { computation } = job;
  const { coverage, attempts, disputes, losses } = computation;
  const all = rosterContenders(turn, computation);
  const live = liveContenders(turn, computation);
  const single = [attempts.size, disputes.size, losses.length, job.skips.size];
  const cutOff = 4 * turn.state.roster.silentSlots(turn.now) > all.slots;
  const inputs = [coverage.version, taken, all, live, grain, reach, cutOff, ...single];
  const known = turn.state.scans.get(job);
  if (known?.inputs.every((input, k) => input === inputs[k])) return known;
  const free = coverage.gapsBeside(untouchable(job, taken), 0, reach, MAX_SCAN);
  const enough = Math.min(4 * Math.max(live.slots, 1), MAX_SCAN);
  const self = turn.state.self.peer;
  // Where many fell silent at once, they go on with their blocks behind a partition.
  const own = cutOff ? scan(free, grain, enough, (from, to) => all.firstOf(self, from, to)) : null;
  const found = own?.mine != null ? own : scan(free, grain, enough, ownBlocks(turn, all, live));
  const fresh: Scan = { inputs, free, grain, ...found };
  turn.state.scans.set(job, fresh);
  return fresh;
}

/** What a lease or special treatment keeps from being claimed. */
function untouchable(job: JobState, taken: IntervalSet): IntervalSet {
  const { attempts, disputes, losses } = job.computation;
  if (attempts.size + disputes.size + losses.length + job.skips.size === 0) return taken;
  const kept = taken.clone();
  for (const index of job.singles()) kept.add(index, index + 1);
  for (const { lo, hi } of losses) kept.add(lo, hi);
  return kept;
}

/** Finds the first block in [from, to) that is this peer's; −1 when there is none. */
type FirstOwn = (from: number, to: number) => number;

/**
 * Says which blocks are this peer's: its own by rendezvous, or a dead peer's that falls to it among
 * the living (the frontier waits for it).
 */
function ownBlocks(turn: Turn, all: Contenders, live: Contenders): FirstOwn {
  const self = turn.state.self.peer;
  if (all === live) return (from, to) => all.firstOf(self, from, to);
  return (from, to) => {
    for (let block = from; block < to; block++) {
      const owner = all.owner(block);
      const heir = owner === undefined || live.has(owner) ? owner : live.owner(block);
      if (heir === self) return block;
    }
    return -1;
  };
}

function scan(
  free: readonly Interval[],
  grain: number,
  enough: number,
  firstOwn: FirstOwn,
): Pick<Scan, 'mine' | 'passed' | 'scarce'> {
  let mine: Interval | null = null;
  let passed = 0;
  let seen = 0;
  for (const [lo, hi] of free) {
    const from = Math.floor(lo / grain);
    const to = Math.min(Math.ceil(hi / grain), from + MAX_SCAN - seen);
    seen += to - from;
    if (mine === null) {
      const block = firstOwn(from, to);
      passed += (block < 0 ? to : block + 1) - from;
      if (block >= 0) mine = [Math.max(lo, block * grain), Math.min(hi, (block + 1) * grain)];
    }
    if (seen >= MAX_SCAN || (mine !== null && seen >= enough)) break;
  }
  return { mine, passed, scarce: seen < enough };
}

/** A free block to claim. */
export interface Block {
  readonly interval: Interval;
  readonly scarce: boolean;
}

/** The lowest block that is this peer's, or else a random free one. */
export function chooseBlock(turn: Turn, { mine, passed, free, grain, scarce }: Scan): Block | null {
  if (mine !== null) return { interval: mine, scarce };
  if (passed === 0) return null;
  const interval = blockAt(free, grain, 1 + Math.floor(turn.env.rng() * passed));
  return interval === null ? null : { interval, scarce };
}

/** The free block at a place, counted from 1. */
function blockAt(free: readonly Interval[], grain: number, place: number): Interval | null {
  let left = place;
  for (const [lo, hi] of free) {
    const first = Math.floor(lo / grain);
    const blocks = Math.ceil(hi / grain) - first;
    if (left <= blocks) {
      const block = first + left - 1;
      return [Math.max(lo, block * grain), Math.min(hi, (block + 1) * grain)];
    }
    left -= blocks;
  }
  return null;
}
