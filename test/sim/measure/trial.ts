import { Violation } from '../judge/violation.ts';
import { type Machine, sha256 } from '../world/machine.ts';
import { askOracle, type OracleAnswer } from '../world/oracle.ts';
import { costOf, type Program } from '../world/program.ts';
import { Random } from '../world/random.ts';
import type { JobPlan, MachinePlan } from '../world/scenario.ts';
import { type UserJob, Users } from '../world/users.ts';
import { World } from '../world/world.ts';
import { gatherParts } from './gather-parts.ts';
import { Meter } from './meter.ts';

/** When the job is published: all machines have found each other by then. In ms. */
const PUBLISH_AT = 5000;

/** How long after the end all machines that run know it, in ms, by L3. */
const KNOWN_MS = 120_000;

/** What befalls the machines of a trial while its job runs. */
export type Trouble =
  | { readonly kind: 'none' }
  /** Each machine is killed every so often on average, and starts again after a time. */
  | { readonly kind: 'churn'; readonly everyMs: number; readonly backMs: number }
  /** Half of the machines are cut off from the others, once. */
  | { readonly kind: 'partition'; readonly afterMs: number; readonly forMs: number };

/** A mesh of equal machines with one job. */
export interface Trial {
  readonly seed: number;
  readonly peers: number;
  /** Bounds of the time in which gossip reaches a peer. */
  readonly delayMs: readonly [least: number, most: number];
  /** Work of the answer for each slot, about. */
  readonly slotMs: number;
  readonly costMs: number;
  /** One in so many candidates is accepted. */
  readonly every: number;
  readonly trouble: Trouble;
}

/** A trial at its end. */
export interface Measured {
  readonly trial: Trial;
  readonly world: World;
  readonly job: UserJob;
  readonly meter: Meter;
  readonly answer: OracleAnswer;
  /** From publication to the end, and the shortest time that it could take. */
  readonly makespanMs: number;
  readonly idealMs: number;
  /** From the first word of the end until every machine that runs knows it. */
  readonly spreadMs: number;
}

/** Runs a trial to its end. Throws a violation when an answer is not the oracle's. */
export function runTrial(trial: Trial, prepare?: (world: World) => void): Measured {
  const program = programOf(trial);
  const world = worldOf(trial);
  for (const machine of world.machines) gatherParts(machine);
  const users = new Users(world, [jobOf(trial, program)]);
  const [job] = users.jobs;
  if (job === undefined) throw new Error('no job');
  const meter = new Meter(world, program);
  world.observers.push(meter);
  prepare?.(world);
  plague(world, trial);
  const latest = PUBLISH_AT + 100 * trial.slotMs + 600_000;
  if (!world.until(() => meter.to !== null, latest)) fail(world, 'L1', 'the job does not end');
  const known = (): boolean => world.live.every((machine) => hasEnded(machine, job));
  if (!world.until(known, world.now + KNOWN_MS)) fail(world, 'L3', 'not all know the end');
  const answer = askOracle(job.question);
  checkAnswers(world, job, answer);
  const [from, to] = [meter.from ?? 0, meter.to ?? 0];
  return {
    ...{ trial, world, job, meter, answer, makespanMs: to - from },
    ...{ idealMs: idealOf(world, program, answer.end), spreadMs: world.now - to },
  };
}

function programOf({ seed, costMs, every }: Trial): Program {
  return {
    ...{ name: `f${seed}`, seed, every, costMs, heavy: false, acceptedCost: 1 },
    ...{ values: 'number', errorsEvery: 0, deadly: [], poison: [], limit: [] },
  };
}

function jobOf({ peers, slotMs, costMs, every }: Trial, program: Program): JobPlan {
  const count = Math.max(1, Math.round((peers * slotMs) / costMs / every));
  return {
    ...{ number: 0, program, target: { kind: 'accept', count, maxEvals: null } },
    ...{ owner: 0, at: PUBLISH_AT, priority: 0, probe: 64, deadlineMs: null },
  };
}

/** Ids are as long as real ones, so that bytes are real ones, too. */
function machineOf(number: number, random: Random): MachinePlan {
  const id = `12D3KooW${sha256(`machine ${number}`).slice(0, 44)}`;
  return {
    ...{ number, id, name: `m${number}`, slots: 1, slowness: random.between(0.9, 1.1) },
    ...{ drift: 0, joinsAt: random.between(0, 500), liar: false, foreign: false },
  };
}

function worldOf({ seed, peers, delayMs }: Trial): World {
  const random = new Random(`trial ${seed}`);
  const machines = Array.from({ length: peers }, (_, number) => machineOf(number, random));
  // In a mesh with more machines than links, gossip takes three hops.
  const hops = peers > 50 ? 3 : 1;
  const [least, most] = delayMs;
  const weather = {
    ...{ delayMs: [least / hops, most / hops] as const },
    ...{ loss: 0, doubled: 0, late: 0 },
  };
  return new World({
    ...{ seed, wallMs: 1.7e12, timing: {}, weather, machines, healAt: Number.POSITIVE_INFINITY },
  });
}

function plague(world: World, { trouble, seed, slotMs }: Trial): void {
  const random = new Random(`trouble ${seed}`);
  const start = PUBLISH_AT + 1000;
  if (trouble.kind === 'churn') {
    for (const machine of world.machines) {
      let at = start;
      while (at < start + 20 * slotMs) {
        at += -Math.log(1 - random.next()) * trouble.everyMs;
        world.queue.at(at, () => kill(world, machine, trouble.backMs));
        at += trouble.backMs;
      }
    }
  } else if (trouble.kind === 'partition') {
    world.queue.at(PUBLISH_AT + trouble.afterMs, () => cut(world, trouble.forMs));
  }
}

function kill(world: World, machine: Machine, backMs: number): void {
  if (!machine.running) return;
  machine.crash('killed', 'synced');
  world.queue.after(backMs, () => world.switchOn(machine));
}

function cut(world: World, forMs: number): void {
  const half = Math.ceil(world.machines.length / 2);
  const ways: [Machine, Machine][] = [];
  for (const a of world.machines.slice(0, half)) {
    for (const b of world.machines.slice(half)) ways.push([a, b], [b, a]);
  }
  world.network.close(ways);
  world.queue.after(forMs, () => world.network.open(ways));
}

function hasEnded({ state }: Machine, { id }: UserJob): boolean {
  return state?.jobs.get(id)?.active === false;
}

/** S1, and that no machine covers what nobody evaluated. */
function checkAnswers(world: World, job: UserJob, answer: OracleAnswer): void {
  for (const { state, plan } of world.live) {
    const certificate = state?.jobs.get(job.id)?.certificate?.certificate;
    if (certificate === answer.certificate) continue;
    fail(world, 'S1', `certificate at ${plan.name} is not the oracle's`);
  }
}

function fail(world: World, invariant: string, what: string): never {
  throw new Violation(invariant, world.now, what);
}

/** The answer's work over the speed of all slots, and the longest candidate's time. */
function idealOf(world: World, program: Program, end: number): number {
  let workMs = 0;
  let longest = 0;
  for (let index = 0; index < end; index++) {
    const cost = costOf(program, index);
    workMs += cost;
    longest = Math.max(longest, cost);
  }
  const speed = world.machines.reduce((sum, { plan }) => sum + plan.slots / plan.slowness, 0);
  return workMs / speed + longest;
}
