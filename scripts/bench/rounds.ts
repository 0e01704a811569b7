import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bed, Order, Outcome, Running, Setting, System } from './systems/system.ts';
import type { Workload } from './workloads.ts';

/** No order is to take more, … */
const MOST_SECONDS = 10;
/** … nor less, where there are more calls to make: one that did is measured again, … */
const LEAST_ROUND_SECONDS = 9;
/** … with as many calls as should take this time, … */
const ROUND_SECONDS = 9.5;
/** … so often at most. */
const MOST_TRIES = 5;
/** So long a system works before it is measured: what compiles code as it runs has done so. */
const WARM_SECONDS = 2;
/** An order that takes this time tells how many calls fill a round. */
const TELLING_SECONDS = 1.6;
/** Shorter orders tell nothing of what is the same in all. */
const LEAST_SECONDS = 0.2;
/** A call takes no less than this share of what an order takes for each of its calls. */
const LEAST_SHARE = 0.8;
/** Quiet before what is measured: nobody is still busy with the order before. */
const QUIET_MS = 1000;
/** An order that has not ended by then is given up. */
const LIMIT_MS = 120_000;

/** One system in one round of one workload. */
export interface Measurement {
  readonly workload: Workload['id'];
  readonly system: string;
  readonly language: System['language'];
  readonly round: number;
  /** Calls made. */
  readonly units: number;
  readonly seconds: number;
  /** Calls a second that the answer needed. */
  readonly rate: number;
  /** Why there are no figures; null when there are. */
  readonly failed: string | null;
}

/** What all measurements of a run have in common. */
export interface Plan {
  readonly bed: Bed;
  readonly systems: readonly System[];
  readonly rounds: Setting['rounds'];
  /** How often; all systems in turn in each. */
  readonly repeats: number;
  /** Share of each workload's units: 1, or less for a quick look. */
  readonly size: number;
}

/** Rounds of one workload: in each round all systems that take part, one after the other. */
export async function compare(plan: Plan, workload: Workload): Promise<Measurement[]> {
  const taking = plan.systems.filter(
    (system) =>
      system.kinds.includes(workload.kind) &&
      (workload.again !== true || system.remembers === true),
  );
  const all: Measurement[] = [];
  for (let round = 0; round < plan.repeats; round += 1) {
    for (const system of taking) all.push(await measured(plan, workload, system, round));
  }
  return all;
}

async function measured(
  plan: Plan,
  workload: Workload,
  system: System,
  round: number,
): Promise<Measurement> {
  const names = { workload: workload.id, system: system.name, language: system.language, round };
  // It stays until the end: ext4 is slow to make files where many were removed a minute ago, and
  // whoever came next would pay for it.
  const folder = mkdtempSync(join(plan.bed.folder, 'round-'));
  const setting: Setting = {
    ...{ kind: workload.kind, slots: workload.slots, rounds: plan.rounds, folder },
    seed: 1_000_000 * (round + 1),
  };
  try {
    await using running = await system.start(plan.bed, setting);
    const { seconds, units, needed } = await fittingOutcome(running, system, workload, plan.size);
    return { ...names, units, seconds, rate: (needed ?? units) / seconds, failed: null };
  } catch (error) {
    const failed = error instanceof Error ? error.message : String(error);
    process.stderr.write(`${workload.id} ${system.name}: ${failed}\n`);
    return { ...names, units: 0, seconds: 0, rate: Number.NaN, failed };
  }
}

/** What an order of so many calls took. */
interface Timed {
  readonly calls: number;
  readonly seconds: number;
}

/** What orders take, in seconds: each, however small, and each of its calls. */
interface Line {
  readonly atOnce: number;
  readonly perCall: number;
}

/** By an order and the last one before of half its calls or fewer, if there is one that tells. */
function lineThrough({ calls, seconds }: Timed, before: readonly Timed[]): Line {
  const mean = seconds / calls;
  const other = before.findLast((one) => 2 * one.calls <= calls && one.seconds >= LEAST_SECONDS);
  if (other === undefined) return { atOnce: 0, perCall: mean };
  const slope = (seconds - other.seconds) / (calls - other.calls);
  // What is slower in larger orders has no line.
  const perCall = Math.max(slope, LEAST_SHARE * mean);
  return { atOnce: Math.max(0, seconds - perCall * calls), perCall };
}

/** What the order came to that takes no longer than a round may. */
async function fittingOutcome(
  running: Running,
  system: System,
  workload: Workload,
  size: number,
): Promise<Outcome> {
  const most = Math.max(1, Math.round(workload.units * size));
  // What runs commands starts anew each time, and does all of them.
  const isWhole = workload.kind === 'touch' && system.startsAnew === true;
  let calls = isWhole ? most : await fittingCalls(running, workload, most);
  let fitting: Outcome | null = null;
  for (let tries = 1; ; tries += 1) {
    await delay(QUIET_MS);
    const order = orderOf(workload, calls);
    let outcome = await inTime(running.run(order));
    if (workload.again === true) outcome = await inTime(running.run({ ...order, again: true }));
    check(workload, order, outcome);
    const { seconds } = outcome;
    if (seconds <= MOST_SECONDS || calls === 1) fitting = outcome;
    const isFull = seconds >= LEAST_ROUND_SECONDS || calls === most || workload.again === true;
    if (isWhole || (fitting === outcome && isFull)) return outcome;
    if (tries === MOST_TRIES) return fitting ?? outcome;
    calls = Math.max(1, Math.min(most, Math.floor((calls * ROUND_SECONDS) / seconds)));
  }
}

/** The order of so many calls. */
function orderOf({ callsPerAccepted }: Workload, calls: number): Order {
  if (callsPerAccepted === undefined) return { units: calls };
  // Many more than are needed may be called.
  const accept = Math.max(1, Math.round(calls / callsPerAccepted));
  return { units: calls * 10, accept, expected: calls };
}

/** So many calls are to take no longer than a round may, by how fast those went that warm up. */
async function fittingCalls(running: Running, workload: Workload, most: number): Promise<number> {
  const { trial } = workload;
  let calls = Math.min(trial, most);
  let line: Line = { atOnce: 0, perCall: 0 };
  const fits = (seconds: number): number =>
    Math.max(1, Math.floor((seconds - line.atOnce) / line.perCall));
  await inTime(running.run(orderOf(workload, calls)));
  // What every order costs, however small, hides how fast the calls are: orders grow, and one that
  // is not small tells.
  const timed: Timed[] = [];
  for (let warmed = 0, last = 0; warmed < WARM_SECONDS || last < TELLING_SECONDS; ) {
    const warming = Math.min(calls, fits(WARM_SECONDS));
    const { seconds } = await inTime(running.run(orderOf(workload, warming)));
    warmed += seconds;
    last = warming === most ? TELLING_SECONDS : seconds;
    const now = { calls: warming, seconds };
    line = lineThrough(now, timed);
    timed.push(now);
    calls = Math.min(most, 10 * warming, Math.max(trial, fits(ROUND_SECONDS)));
  }
  return calls;
}

function check({ kind }: Workload, { units, accept }: Order, outcome: Outcome): void {
  const { values } = outcome;
  const wanted = accept ?? units;
  if (values === undefined || values.length === 0 || kind === 'touch') return;
  if (values.length !== wanted) throw new Error(`${values.length} values of ${wanted}`);
}

/** @throws Error when it takes longer than 120 s */
export function inTime<T>(promise: Promise<T>, ms: number = LIMIT_MS): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no end within ${ms / 1000} s`)), ms);
  promise.catch(() => undefined);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
