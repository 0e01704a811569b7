import { sha256 } from './machine.ts';
import { meanCost, type Program } from './program.ts';
import type { Random } from './random.ts';
import type { JobPlan, MachinePlan } from './scenario.ts';

/** Slots that a job's work is reckoned for at most: with more, it is over sooner. */
const MOST_BUSY = 8;

/** Candidates of a job at most, and long values among them: each of those travels by itself. */
const MOST_CANDIDATES = 8000;
const MOST_LONG = 600;

/** A plan that is being drawn. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Draws a machine. */
export function machinePlan(number: number, random: Random): Mutable<MachinePlan> {
  const id = `peer-${sha256(`machine ${number}`).slice(0, 8)}`;
  const slots = random.pick([1, 1, 1, 2, 3]);
  return {
    ...{ number, id, name: `m${number}`, slots, slowness: 1, drift: 0, joinsAt: 0 },
    ...{ liar: false, foreign: false },
  };
}

/** The index behind the answer of a job, about. */
export function endOf({ program, target }: JobPlan): number {
  if (target.kind === 'map') return target.count;
  return Math.min(target.count * program.every, target.maxEvals ?? Infinity);
}

/** A target that is reached soon. */
export function shortTarget({ program }: JobPlan): JobPlan['target'] {
  const count = Math.max(1, Math.round(3000 / (program.costMs * program.every)));
  return { kind: 'accept', count, maxEvals: null };
}

/** Draws a job for these machines. */
export function jobPlan(number: number, machines: readonly MachinePlan[], random: Random): JobPlan {
  const slots = machines.reduce((sum, machine) => sum + machine.slots, 0);
  const costMs = random.pick([1, 4, 15, 60, 250]);
  const every = random.pick([1, 3, 10, 40]);
  const heavy = random.chance(0.3);
  const program: Program = {
    ...{ name: `f${number}`, seed: random.int(1, 1e6), every, costMs, heavy },
    acceptedCost: random.pick([1, 1, 0.2, 5]),
    values: random.pick(['number', 'number', 'text', 'long']),
    errorsEvery: random.chance(0.3) ? 17 : 0,
    ...{ deadly: [], poison: [], limit: [] },
  };
  const workMs = random.pick([3000, 7000, 12_000]) * Math.min(slots, MOST_BUSY);
  const most = program.values === 'long' ? MOST_LONG : MOST_CANDIDATES;
  const wanted = Math.max(20, workMs / meanCost(program));
  const candidates = Math.min(wanted, most * every, MOST_CANDIDATES);
  const count = Math.max(1, Math.round(candidates / every));
  const isMap = random.chance(0.15);
  const maxEvals = random.chance(0.15) ? Math.round(candidates * 0.8) : null;
  return {
    ...{ number, program: isMap ? { ...program, every: 1 } : program },
    target: isMap
      ? { kind: 'map', count: Math.round(Math.min(candidates, most)) }
      : { kind: 'accept', count, maxEvals },
    ...{ owner: random.int(0, machines.length - 1), at: random.int(300, 1500), priority: 0 },
    ...{ probe: random.pick([0, 8, 64]), deadlineMs: null },
  };
}
