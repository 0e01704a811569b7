import { isModest, NO_NEEDS } from '../../../src/core/needs.ts';
import type { Program } from '../world/program.ts';
import {
  type Act,
  CALM,
  type FaultKind,
  type JobPlan,
  type MachinePlan,
  type Scenario,
} from '../world/scenario.ts';

export { describe } from './story.ts';

/** An act lasts longer than so many ms before a shorter one is tried. */
const SHORT_MS = 400;

/** Healing comes earlier only if it is by more than so many ms. */
const SOONER_MS = 1000;

/** The smallest failing scenario so far, and how many runs may still be spent on a smaller one. */
class Search {
  best: Scenario;
  #left: number;
  readonly #tried: Set<string>;
  readonly #stillFails: (candidate: Scenario) => boolean;

  constructor(scenario: Scenario, stillFails: (candidate: Scenario) => boolean, budget: number) {
    this.best = scenario;
    this.#left = budget;
    this.#stillFails = stillFails;
    this.#tried = new Set([JSON.stringify(scenario)]);
  }

  get isSpent(): boolean {
    return this.#left <= 0;
  }

  /** Makes of a candidate the best one, if it was not tried before and still fails. */
  try(candidate: Scenario): boolean {
    if (this.isSpent) return false;
    const whole = { ...candidate, faults: candidate.faults.filter((f) => isLeft(candidate, f)) };
    const text = JSON.stringify(whole);
    if (this.#tried.has(text)) return false;
    this.#tried.add(text);
    this.#left--;
    if (!this.#stillFails(whole)) return false;
    this.best = whole;
    return true;
  }
}

/** How a kind of fault shows in a world if not in an act. */
const TRACES: Partial<Record<FaultKind, (scenario: Scenario) => boolean>> = {
  'slow network': ({ weather }) => weather.delayMs[1] > CALM.delayMs[1],
  loss: ({ weather }) => weather.loss > 0,
  duplication: ({ weather }) => weather.doubled > 0,
  reordering: ({ weather }) => weather.late > 0,
  drift: ({ machines }) => machines.some(({ drift }) => drift !== 0),
  'join storm': ({ machines }) => machines.some(({ joinsAt }) => (joinsAt ?? 0) > 0),
  'two jobs': ({ jobs }) => jobs.length > 1,
  'time limit': ({ jobs }) => jobs.some(({ limits }) => limits !== undefined),
  deadly: ({ jobs }) => jobs.some(({ program }) => program.deadly.length > 0),
  poison: ({ jobs }) => jobs.some(({ program }) => program.poison.length > 0),
  collected: ({ timing }) => timing.keepMs !== undefined,
  foreign: ({ machines }) => machines.some(({ foreign }) => foreign),
  liar: ({ machines }) => machines.some(({ liar }) => liar),
  deadline: ({ jobs }) => jobs.some(({ deadlineMs }) => deadlineMs !== null),
  'several slots': ({ jobs }) => jobs.some(({ needs }) => !isModest(needs ?? NO_NEEDS)),
  commands: ({ jobs }) => jobs.some(({ commands }) => commands === true),
  rate: ({ jobs }) => jobs.some(({ perHour }) => perHour != null),
  'slow machine': ({ machines }) => machines.some(({ slowness }) => slowness > 1),
};

function isLeft(scenario: Scenario, fault: FaultKind): boolean {
  return TRACES[fault]?.(scenario) === true || scenario.acts.some((act) => act.fault === fault);
}

/** Drops acts: all of them, halves, quarters …, single ones. */
function fewerActs(search: Search): void {
  for (let size = search.best.acts.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < search.best.acts.length; ) {
      const acts = search.best.acts.toSpliced(from, size);
      if (!search.try({ ...search.best, acts })) from += size;
    }
  }
}

/** Drops machines, the last ones first: copied homes come after their originals. */
function fewerMachines(search: Search): void {
  for (let number = search.best.machines.length - 1; number >= 0; number--) {
    if (search.best.machines.length > 1) search.try(withoutMachine(search.best, number));
  }
}

/** A world without a machine: its acts go with it, and its users move to another one. */
function withoutMachine(scenario: Scenario, gone: number): Scenario {
  const renumber = (number: number): number => (number > gone ? number - 1 : number);
  const machines = scenario.machines.toSpliced(gone, 1);
  const jobs = scenario.jobs.map((job) => ({
    ...job,
    owner: job.owner === gone ? 0 : renumber(job.owner),
  }));
  const acts = scenario.acts.map((act) => actWithout(act, gone, renumber));
  return {
    ...scenario,
    machines: machines.map((machine, number) => ({ ...machine, number })),
    jobs,
    acts: acts.filter((act) => act !== null),
  };
}

function actWithout(act: Act, gone: number, renumber: (number: number) => number): Act | null {
  switch (act.kind) {
    case 'partition': {
      const [left, right] = act.sides.map((side) =>
        side.filter((number) => number !== gone).map(renumber),
      );
      if (!left?.length || !right?.length) return null;
      return { ...act, sides: [left, right] };
    }
    case 'cut': {
      const [a, b] = act.machines;
      if (a === gone || b === gone) return null;
      return { ...act, machines: [renumber(a), renumber(b)] };
    }
    case 'copy': {
      const { machine, twin } = act;
      if (machine === gone || twin === gone) return null;
      return { ...act, machine: renumber(machine), twin: renumber(twin) };
    }
    default:
      return act.machine === gone ? null : { ...act, machine: renumber(act.machine) };
  }
}

/** Drops jobs, with what users do to them. */
function fewerJobs(search: Search): void {
  for (let number = search.best.jobs.length - 1; number >= 0; number--) {
    if (search.best.jobs.length > 1) search.try(withoutJob(search.best, number));
  }
}

function withoutJob(scenario: Scenario, gone: number): Scenario {
  const jobs = scenario.jobs.toSpliced(gone, 1).map((job, number) => ({ ...job, number }));
  const acts = scenario.acts
    .filter((act) => !('job' in act) || act.job !== gone)
    .map((act) => ('job' in act && act.job > gone ? { ...act, job: act.job - 1 } : act));
  return { ...scenario, jobs, acts };
}

function withJob(scenario: Scenario, number: number, change: Partial<JobPlan>): Scenario {
  const jobs = scenario.jobs.map((job) => (job.number === number ? { ...job, ...change } : job));
  return { ...scenario, jobs };
}

/** Asks for fewer candidates: half as many, as often as that still fails, then three quarters. */
function lessWork(search: Search): void {
  for (const { number } of search.best.jobs) {
    for (const share of [0.5, 0.75]) {
      while (search.try(withShare(search.best, number, share)));
    }
  }
}

function withShare(scenario: Scenario, number: number, share: number): Scenario {
  const target = scenario.jobs[number]?.target;
  if (target === undefined) return scenario;
  const part = (count: number): number => Math.max(1, Math.floor(count * share));
  const count = part(target.count);
  if (target.kind === 'map') return withJob(scenario, number, { target: { ...target, count } });
  const maxEvals = target.maxEvals === null ? null : part(target.maxEvals);
  return withJob(scenario, number, { target: { ...target, count, maxEvals } });
}

/** Calms the weather: all of it, then field by field. */
function calmerWeather(search: Search): void {
  const fields = [CALM, { loss: 0 }, { doubled: 0 }, { late: 0 }, { delayMs: CALM.delayMs }];
  for (const calm of fields) {
    search.try({ ...search.best, weather: { ...search.best.weather, ...calm } });
  }
  for (;;) {
    const { weather } = search.best;
    const [least, most] = CALM.delayMs;
    const delayMs = [least, Math.max(most, Math.round(weather.delayMs[1] / 2))] as const;
    if (!search.try({ ...search.best, weather: { ...weather, delayMs } })) return;
  }
}

const PLAIN_MACHINE: readonly Partial<MachinePlan>[] = [
  ...[{ drift: 0 }, { slowness: 1 }, { slots: 1 }, { liar: false }, { foreign: false }],
  { joinsAt: 0 },
];

/** Makes machines alike: all of them in one property, then each. */
function plainerMachines(search: Search): void {
  for (const change of PLAIN_MACHINE) {
    if (search.try(withMachines(search.best, change, () => true))) continue;
    for (const { number } of search.best.machines) {
      search.try(withMachines(search.best, change, (machine) => machine.number === number));
    }
  }
}

function withMachines(
  scenario: Scenario,
  change: Partial<MachinePlan>,
  which: (machine: MachinePlan) => boolean,
): Scenario {
  const machines = scenario.machines.map((machine) => {
    // Whoever is switched on by an act stays off until then.
    const { joinsAt } = machine;
    return which(machine) && joinsAt !== null ? { ...machine, ...change } : machine;
  });
  return { ...scenario, machines };
}

const PLAIN_PROGRAM: readonly Partial<Program>[] = [
  ...[{ heavy: false }, { acceptedCost: 1 }, { values: 'number' as const }, { errorsEvery: 0 }],
  ...[{ deadly: [] }, { poison: [] }, { limit: [] }],
];

const PLAIN_JOB: readonly Partial<JobPlan>[] = [
  ...[{ priority: 0 }, { probe: 0 }, { deadlineMs: null }, { needs: NO_NEEDS }],
  { perHour: null },
  { commands: false },
];

/** Makes jobs plain. Programs change in all jobs at once: two jobs may ask about the same one. */
function plainerJobs(search: Search): void {
  for (const change of PLAIN_PROGRAM) {
    const jobs = search.best.jobs.map((job) => ({
      ...job,
      program: { ...job.program, ...change },
    }));
    search.try({ ...search.best, jobs });
  }
  for (const name of ['deadly', 'poison', 'limit'] as const) fewerIndices(search, name);
  for (const { number, target } of search.best.jobs) {
    for (const change of PLAIN_JOB) search.try(withJob(search.best, number, change));
    search.try(withoutLimits(search.best, number));
    if (target.kind === 'map') continue;
    search.try(withJob(search.best, number, { target: { ...target, maxEvals: null } }));
  }
  if (search.best.timing.keepMs === undefined) return;
  const { keepMs: _, ...timing } = search.best.timing;
  search.try({ ...search.best, timing });
}

function withoutLimits(scenario: Scenario, number: number): Scenario {
  const jobs = scenario.jobs.map((job) => {
    const { limits: _, ...free } = job;
    return job.number === number ? free : job;
  });
  return { ...scenario, jobs };
}

function fewerIndices(search: Search, name: 'deadly' | 'poison' | 'limit'): void {
  const all = new Set(search.best.jobs.flatMap(({ program }) => program[name]));
  for (const index of all) {
    const jobs = search.best.jobs.map((job) => {
      const left = job.program[name].filter((other) => other !== index);
      return { ...job, program: { ...job.program, [name]: left } };
    });
    search.try({ ...search.best, jobs });
  }
}

/** Makes each act plain, then half as long as often as that still fails. */
function shorterActs(search: Search): void {
  for (let at = 0; at < search.best.acts.length; at++) {
    const alter = (change: (act: Act) => Act): boolean => {
      const acts = search.best.acts.map((act, k) => (k === at ? change(act) : act));
      return search.try({ ...search.best, acts });
    };
    for (const change of PLAINER_ACT) alter(change);
    while (alter(half));
  }
}

const PLAINER_ACT: readonly ((act: Act) => Act)[] = [
  (act) => (act.kind === 'crash' ? { ...act, forgets: false } : act),
  (act) => (act.kind === 'crash' ? { ...act, wipes: false, forgets: false } : act),
  (act) => (act.kind === 'crash' ? { ...act, effects: 0 } : act),
  (act) => (act.kind === 'crash' ? { ...act, keeps: 'synced' } : act),
  (act) => (act.kind === 'crash' ? { ...act, how: 'killed' } : act),
  (act) => (act.kind === 'partition' ? { ...act, oneWay: false } : act),
  (act) => (act.kind === 'rot' ? { ...act, entries: 1 } : act),
];

function half(act: Act): Act {
  if (!('forMs' in act) || act.forMs === null || act.forMs < SHORT_MS) return act;
  return { ...act, forMs: Math.round(act.forMs / 2) };
}

/** Lets the faults stop earlier, but after the last of them. */
function earlierEnd(search: Search): void {
  const { acts, jobs, machines, healAt } = search.best;
  const last = Math.max(
    ...acts.map(endOf),
    ...jobs.map(({ at }) => at + SOONER_MS),
    ...machines.map(({ joinsAt }) => (joinsAt ?? 0) + SOONER_MS),
  );
  for (const share of [0, 0.25, 0.5, 0.75]) {
    const sooner = Math.ceil(last + share * (healAt - last));
    if (healAt - sooner < SOONER_MS) return;
    if (search.try({ ...search.best, healAt: sooner })) return;
  }
}

/** When an act has surely begun, or for what healing does not end, is over. */
function endOf(act: Act): number {
  if (act.kind === 'stall' || act.kind === 'suspend') return act.at + act.forMs;
  return act.at + (act.kind === 'crash' && act.effects > 0 ? 3000 : SOONER_MS);
}

/** Machines named after their numbers, as the acts call them. */
function renamed(scenario: Scenario): Scenario {
  const machines = scenario.machines.map((machine) => ({ ...machine, name: `m${machine.number}` }));
  return { ...scenario, machines };
}

const PASSES: readonly ((search: Search) => void)[] = [
  ...[fewerActs, fewerMachines, fewerJobs, lessWork, calmerWeather],
  ...[plainerMachines, plainerJobs, shorterActs, earlierEnd],
];

/**
 * A smaller scenario that still fails, by dropping and calming one thing after the other.
 * stillFails: says whether a candidate breaks what the scenario breaks; asked `budget` times at
 * most. The seed stays, and with it what a world draws.
 */
export function shrink(
  scenario: Scenario,
  stillFails: (candidate: Scenario) => boolean,
  budget: number,
): Scenario {
  const search = new Search(scenario, stillFails, budget);
  for (let before: Scenario | null = null; before !== search.best && !search.isSpent; ) {
    before = search.best;
    for (const pass of PASSES) pass(search);
  }
  search.try(renamed(search.best));
  return search.best;
}
