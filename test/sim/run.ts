import { Accord } from './judge/accord.ts';
import { Claims } from './judge/claims.ts';
import { Ending } from './judge/ending.ts';
import { Judge } from './judge/judge.ts';
import { Losses } from './judge/losses.ts';
import { Loyalty } from './judge/loyalty.ts';
import { Once } from './judge/once.ts';
import { Registers } from './judge/registers.ts';
import { Tally } from './judge/tally.ts';
import { Thrift } from './judge/thrift.ts';
import { Transcript } from './judge/transcript.ts';
import { Violation } from './judge/violation.ts';
import { befall } from './world/befall.ts';
import type { FaultKind, Scenario } from './world/scenario.ts';
import { Users } from './world/users.ts';
import { World } from './world/world.ts';

/** How a world ended. */
export interface Verdict {
  readonly seed: number;
  readonly violation: {
    readonly invariant: string;
    readonly at: number;
    readonly what: string;
  } | null;
  readonly fired: ReadonlyMap<FaultKind, number>;
  readonly counts: ReadonlyMap<string, number>;
  /** Virtual time at the end, in ms. */
  readonly ms: number;
  readonly events: number;
  /** All that happened, a line each; empty unless asked for. */
  readonly transcript: readonly string[];
}

export interface RunOptions {
  /** Writes down all that happens. @default false */
  readonly transcript?: boolean;
  /** How wrong the wall clock of a machine is from the start, in ms. @default 0 */
  readonly wallOffsetMs?: (machine: number) => number;
}

/** Runs a scenario to its end, or to its first violation. */
export function run(scenario: Scenario, options: RunOptions = {}): Verdict {
  const world = new World(scenario);
  for (const machine of world.machines) {
    machine.wallOffsetMs = options.wallOffsetMs?.(machine.plan.number) ?? 0;
  }
  world.network.encodes = scenario.seed % 3 === 0;
  world.network.freezes = scenario.seed % 4 === 1;
  const users = new Users(world, scenario.jobs);
  // Beside a liar what was fixed by a certificate may be read in another order (seed 1868).
  const audited = scenario.seed % 4 === 0;
  const judge = new Judge(world, users, { audited });
  const accord = new Accord(world, users);
  const thrift = scenario.faults.length === 0 ? new Thrift(world, users) : null;
  world.observers.push(judge, new Tally(world), accord, new Claims(world), new Loyalty(world));
  world.observers.push(new Registers(world), new Losses(world));
  if (thrift !== null) world.observers.push(thrift);
  if (Once.fits(scenario.faults)) world.observers.push(new Once(world, users));
  const transcript = new Transcript(world);
  if (options.transcript === true) world.observers.push(transcript);
  befall(world, scenario, users);
  let violation: Verdict['violation'] = null;
  try {
    new Ending(world, users, judge).run();
    thrift?.check();
    accord.check();
  } catch (error) {
    violation = violationOf(error, world);
  }
  countWeather(world, scenario);
  const { fired, counts, queue } = world;
  const { lines } = transcript;
  return {
    ...{ seed: scenario.seed, violation, fired, counts, transcript: lines },
    ...{ ms: queue.now, events: queue.count },
  };
}

function violationOf(error: unknown, world: World): NonNullable<Verdict['violation']> {
  if (error instanceof Violation) {
    return { invariant: error.invariant, at: error.at, what: error.message };
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { invariant: 'crash', at: world.now, what };
}

/** Faults that are properties of a world fired if they met anything. */
function countWeather(world: World, { faults, machines, jobs }: Scenario): void {
  const { counts } = world.network;
  const met: Partial<Record<FaultKind, number>> = {
    loss: counts.get('lost') ?? 0,
    duplication: counts.get('doubled') ?? 0,
    reordering: counts.get('late') ?? 0,
    foreign: counts.get('unreadable') ?? 0,
    'slow network': world.network.traffic.delivered,
    drift: machines.filter(({ drift }) => drift !== 0).length,
    'join storm': world.machines.filter(
      ({ plan, run: starts }) => (plan.joinsAt ?? 0) > 0 && starts > 0,
    ).length,
    'slow machine': machines.filter(({ slowness }) => slowness > 2).length,
    'two jobs': jobs.length - 1,
    liar: world.counts.get('lies') ?? 0,
    deadly: world.counts.get('died') ?? 0,
    'time limit': world.counts.get('timeout') ?? 0,
    collected: world.counts.get('collected') ?? 0,
    deadline: world.counts.get('deadlines') ?? 0,
    'several slots': jobs.filter(({ needs }) => (needs?.cpus ?? 1) > 1).length,
    rate: jobs.filter(({ perHour }) => perHour != null).length,
    commands: jobs.filter(({ commands }) => commands === true).length,
  };
  for (const fault of faults) {
    const count = met[fault] ?? 0;
    if (count > 0) world.fired.set(fault, (world.fired.get(fault) ?? 0) + count);
  }
}
