import { NO_NEEDS } from '../../../src/core/needs.ts';
import type { OpChange } from '../../../src/core/record.ts';
import { endOf, jobPlan, type Mutable, machinePlan, shortTarget } from './plans.ts';
import { type Program, timeoutFor } from './program.ts';
import { Random } from './random.ts';
import {
  type Act,
  CALM,
  FAULT_KINDS,
  type FaultKind,
  type JobPlan,
  type MachinePlan,
  type Scenario,
  type Weather,
} from './scenario.ts';

/** When faults begin at the earliest, and end at the latest, in ms. */
const FROM_MS = 600;
const HEAL_MS = 20_000;

/** An act without its time and the fault that it belongs to. */
type Deed = Act extends infer A ? (A extends Act ? Omit<A, 'at' | 'fault'> : never) : never;

/** A scenario that is being drawn. */
class Sketch {
  readonly random: Random;
  readonly machines: Mutable<MachinePlan>[] = [];
  readonly jobs: Mutable<JobPlan>[] = [];
  readonly acts: Act[] = [];
  weather: Mutable<Weather> = { ...CALM };
  timing: Scenario['timing'] = { lostMs: 5000 };
  healAt = HEAL_MS;

  constructor(random: Random) {
    this.random = random;
  }

  get count(): number {
    return this.machines.length;
  }

  machine(): number {
    return this.random.int(0, this.count - 1);
  }

  when(): number {
    return Math.round(this.random.between(FROM_MS, this.healAt * 0.8));
  }

  act(fault: FaultKind, at: number, deed: Deed): void {
    this.acts.push({ ...deed, fault, at: Math.round(at) } as Act);
  }

  crash(fault: FaultKind, at: number, deed: Partial<Extract<Act, { kind: 'crash' }>>): void {
    const { random } = this;
    this.act(fault, at, {
      ...{ kind: 'crash', machine: this.machine(), how: 'killed', keeps: 'synced' },
      ...{ effects: 0, wipes: false, forgets: false },
      ...{ forMs: Math.round(random.between(200, 12_000)) },
      ...deed,
    });
  }

  /** Two lists that together are all machines, both with somebody in them. */
  sides(): [number[], number[]] {
    const all = this.random.shuffle(this.machines.map(({ number }) => number));
    const cut = this.random.int(1, all.length - 1);
    return [all.slice(0, cut), all.slice(cut)];
  }

  change<K extends keyof Program>(name: K, value: Program[K]): void {
    for (const job of this.jobs) job.program = { ...job.program, [name]: value };
  }
}

/** How each fault is drawn into a scenario. */
const DRAW: Readonly<Record<FaultKind, (sketch: Sketch, fault: FaultKind) => void>> = {
  'slow network': ({ weather, random }) => {
    weather.delayMs = [random.between(2, 100), random.pick([300, 1000, 2500, 5000])];
  },
  loss: ({ weather, random }) => {
    weather.loss = random.between(0.02, 0.2);
  },
  duplication: ({ weather, random }) => {
    weather.doubled = random.between(0.05, 0.4);
  },
  reordering: ({ weather, random }) => {
    weather.late = random.between(0.02, 0.15);
  },
  partition: (sketch, fault) => partition(sketch, fault, false),
  'one-way': (sketch, fault) => partition(sketch, fault, true),
  flapping: (sketch, fault) => {
    const { random } = sketch;
    const sides = sketch.sides();
    const oneWay = random.chance(0.3);
    let at = sketch.when();
    for (let k = random.int(3, 8); k > 0 && at < sketch.healAt; k--) {
      const forMs = Math.round(random.between(300, 5000));
      sketch.act(fault, at, { kind: 'partition', sides, oneWay, forMs });
      at += forMs + random.between(200, 4000);
    }
  },
  'cut stream': (sketch, fault) => {
    for (let k = sketch.random.int(2, 12); k > 0; k--) {
      const [a = 0, b = 1] = sketch.random.shuffle(sketch.machines.map(({ number }) => number));
      sketch.act(fault, sketch.when(), { kind: 'cut', machines: [a, b] });
    }
  },
  crash: (sketch, fault) => {
    for (let k = sketch.random.int(1, 4); k > 0; k--) sketch.crash(fault, sketch.when(), {});
  },
  'crash unsynced': (sketch, fault) => {
    for (let k = sketch.random.int(1, 4); k > 0; k--) {
      sketch.crash(fault, sketch.when(), { keeps: sketch.random.pick(['some', 'all']) });
    }
  },
  'crash between': (sketch, fault) => {
    for (let k = sketch.random.int(1, 5); k > 0; k--) {
      const effects = sketch.random.int(1, 60);
      sketch.crash(fault, sketch.when(), {
        effects,
        keeps: sketch.random.pick(['synced', 'some']),
      });
    }
  },
  power: (sketch, fault) => {
    for (let k = sketch.random.int(1, 3); k > 0; k--) {
      sketch.crash(fault, sketch.when(), { how: 'power', keeps: 'some' });
    }
  },
  blackout: (sketch, fault) => {
    const at = sketch.when();
    for (const { number } of sketch.machines) {
      sketch.crash(fault, at + sketch.random.between(0, 20), {
        ...{ machine: number, how: 'power', keeps: 'some' },
      });
    }
  },
  'wiped disk': (sketch, fault) => {
    // Never more than two: three holders keep what is acknowledged.
    const some = sketch.random.shuffle(sketch.machines.map(({ number }) => number));
    for (const machine of some.slice(0, Math.min(2, sketch.count - 1))) {
      if (sketch.random.chance(0.3)) continue;
      const at = sketch.when();
      const forgets = sketch.random.chance(0.4);
      sketch.crash(fault, at, { machine, wipes: true, forgets });
      // Its clock may be behind, too: its next start is then below the last one.
      if (forgets) sketch.act(fault, at + 1, { kind: 'wall', machine, jumpMs: -86_400_000 });
    }
  },
  rot: (sketch, fault) => {
    const machine = sketch.machine();
    const at = sketch.when();
    sketch.act(fault, at, { kind: 'rot', machine, entries: sketch.random.int(1, 6) });
    sketch.crash(fault, at + sketch.random.between(1, 3000), { machine });
  },
  'full disk': (sketch, fault) => {
    const forMs = Math.round(sketch.random.between(500, 12_000));
    sketch.act(fault, sketch.when(), { kind: 'full', machine: sketch.machine(), forMs });
  },
  stall: (sketch, fault) => {
    sketch.act(fault, sketch.when(), { kind: 'stall', machine: sketch.machine(), forMs: 20_000 });
  },
  suspend: (sketch, fault) => {
    const forMs = Math.round(sketch.random.between(3000, 25_000));
    sketch.act(fault, sketch.when(), { kind: 'suspend', machine: sketch.machine(), forMs });
  },
  'wall jump': (sketch, fault) => {
    for (let k = sketch.random.int(1, 3); k > 0; k--) {
      const jumpMs = sketch.random.pick([-1, 1]) * 86_400_000;
      sketch.act(fault, sketch.when(), { kind: 'wall', machine: sketch.machine(), jumpMs });
    }
  },
  drift: ({ machines, random }) => {
    for (const machine of machines) machine.drift = random.between(-0.01, 0.01);
  },
  'join storm': (sketch) => {
    const at = sketch.when();
    const { random, machines } = sketch;
    for (let k = random.int(2, 5); k > 0; k--) {
      machines.push({ ...machinePlan(machines.length, random), joinsAt: at + random.int(0, 300) });
    }
  },
  'leave storm': (sketch, fault) => {
    const at = sketch.when();
    for (const { number } of sketch.machines) {
      if (sketch.random.chance(0.5)) continue;
      const forMs = number > 0 && sketch.random.chance(0.3) ? null : sketch.random.int(500, 9000);
      sketch.act(fault, at + sketch.random.between(0, 500), {
        ...{ kind: 'stop', machine: number, forMs },
      });
    }
  },
  'raced ops': (sketch, fault) => {
    const { random } = sketch;
    const changes: OpChange[] = [
      { kind: 'pause', paused: true },
      { kind: 'pause', paused: false },
      { kind: 'priority', priority: random.int(-3, 3) },
      { kind: 'priority', priority: random.int(-3, 3) },
    ];
    if (random.chance(0.3)) changes.push({ kind: 'cancel', reason: 'user', wait: false });
    for (let k = random.int(1, 3); k > 0; k--) {
      const at = sketch.when();
      const job = random.int(0, sketch.jobs.length - 1);
      for (let side = 0; side < 2; side++) {
        const change = random.pick(changes);
        const machine = sketch.machine();
        sketch.act(fault, at + random.int(0, 40), { kind: 'operate', machine, job, change });
      }
    }
  },
  'two jobs': (sketch) => {
    const [first] = sketch.jobs;
    if (first === undefined || first.target.kind === 'map') return;
    const count = Math.max(1, Math.round(first.target.count * sketch.random.between(0.4, 1.4)));
    sketch.jobs.push({
      ...first,
      ...{ number: sketch.jobs.length, owner: sketch.machine(), at: sketch.when() },
      ...{ target: { ...first.target, count }, priority: sketch.random.int(-2, 2) },
    });
  },
  verify: (sketch, fault) => {
    for (let k = sketch.random.int(1, 3); k > 0; k--) {
      const job = sketch.random.int(0, sketch.jobs.length - 1);
      sketch.act(fault, sketch.when(), { kind: 'verify', machine: sketch.machine(), job });
    }
  },
  'owner gone': (sketch, fault) => {
    const [first] = sketch.jobs;
    if (first === undefined) return;
    const at = first.at + sketch.random.between(0, 8000);
    sketch.crash(fault, at, { machine: first.owner, forMs: null, wipes: true });
  },
  'copied home': (sketch, fault) => {
    const machine = sketch.machine();
    const { id = '' } = sketch.machines[machine] ?? {};
    const twin = sketch.machines.length;
    const plan = machinePlan(twin, sketch.random);
    sketch.machines.push({ ...plan, id, joinsAt: null });
    sketch.act(fault, sketch.when(), { kind: 'copy', machine, twin });
  },
  'time limit': (sketch) => {
    for (const machine of sketch.machines) if (machine.number % 2 === 1) machine.slowness = 2;
    sketch.change('limit', indices(sketch, 3));
    const [first] = sketch.jobs as [Mutable<JobPlan>];
    const timeoutMs = timeoutFor(first.program);
    // Within the limit on machines of speed one, and over it on those twice as slow.
    sketch.change('longMs', 0.75 * timeoutMs);
    const memoryBytes = sketch.random.pick([null, null, 2 ** 28]);
    for (const job of sketch.jobs) job.limits = { timeoutMs, memoryBytes };
    if (first.target.kind === 'map' || sketch.random.chance(0.4)) return;
    sketch.jobs.push({
      ...first,
      ...{ number: sketch.jobs.length, owner: sketch.machine(), at: sketch.when() },
      limits: {
        timeoutMs: sketch.random.pick([null, 4 * timeoutMs, timeoutMs]),
        memoryBytes: null,
      },
    });
  },
  deadly: (sketch) => sketch.change('deadly', indices(sketch, 2)),
  poison: (sketch) => sketch.change('poison', indices(sketch, 1)),
  'lost values': (sketch, fault) => {
    sketch.change('values', 'long');
    for (let k = 0; k < 2; k++) {
      const machine = sketch.machine();
      sketch.crash(fault, sketch.when(), { machine, wipes: true });
    }
  },
  collected: (sketch, fault) => {
    sketch.timing = { ...sketch.timing, keepMs: 9_000 };
    sketch.healAt = 34_000;
    const [first] = sketch.jobs;
    if (first === undefined || sketch.count < 2) return;
    const short = { ...first, number: sketch.jobs.length, program: { ...first.program, seed: 77 } };
    sketch.jobs.push({ ...short, at: 700, target: shortTarget(first) });
    const at = 1200 + sketch.random.between(0, 2500);
    const machine = (first.owner + 1) % sketch.count;
    sketch.crash(fault, at, { machine, forMs: 27_000 });
  },
  foreign: ({ machines, random }) => {
    const plan = machinePlan(machines.length, random);
    machines.push({ ...plan, foreign: true });
  },
  liar: ({ machines, random }) => {
    const plan = machinePlan(machines.length, random);
    machines.push({ ...plan, liar: true });
  },
  forged: (sketch, fault) => {
    for (let k = sketch.random.int(1, 4); k > 0; k--) {
      sketch.act(fault, sketch.when(), { kind: 'forge', machine: sketch.machine() });
    }
  },
  deadline: ({ jobs, random }) => {
    for (const job of jobs) job.deadlineMs = random.int(800, random.pick([4000, 15_000]));
  },
  'slow machine': ({ machines, random }) => {
    for (const machine of machines) if (random.chance(0.4)) machine.slowness = random.pick([3, 10]);
  },
  'several slots': ({ machines, jobs, random }) => {
    const cpus = random.int(2, 3);
    for (const machine of machines) machine.slots = random.int(cpus, 5);
    for (const job of jobs) job.needs = { ...NO_NEEDS, cpus };
  },
  'changed slots': (sketch, fault) => {
    for (let k = sketch.random.int(1, 5); k > 0; k--) {
      const machine = sketch.machine();
      const slots = sketch.random.int(0, sketch.machines[machine]?.slots ?? 1);
      const forMs = Math.round(sketch.random.between(500, 9000));
      sketch.act(fault, sketch.when(), { kind: 'slots', machine, slots, forMs });
    }
  },
  commands: ({ jobs }) => {
    for (const job of jobs) {
      // Each waits for two heartbeats before it starts, so there are few of them.
      job.target = { kind: 'map', count: Math.min(200, Math.ceil(endOf(job))) };
      job.commands = true;
      job.probe = 0;
      job.program = { ...job.program, every: 1, deadly: [], poison: [], limit: [] };
    }
  },
  rate: ({ jobs, random }) => {
    for (const job of jobs) {
      job.perHour = Math.ceil((endOf(job) * 3_600_000) / random.between(3000, 15_000));
    }
  },
};

/** Kinds that are drawn rarely: they change what can be asked of a world. */
const SHARES: Partial<Record<FaultKind, number>> = {
  ...{ liar: 0.02, 'copied home': 0.08, foreign: 0.05, poison: 0.06, 'owner gone': 0.08 },
  ...{ deadline: 0.05, collected: 0.08, deadly: 0.1, 'time limit': 0.1, 'lost values': 0.1 },
  ...{ commands: 0.1, rate: 0.1, 'several slots': 0.1 },
};

/** Of so many seeds in a row each rare kind has one for certain, so that no run is without it. */
const CYCLE = 40;
const RARE = FAULT_KINDS.filter((kind) => SHARES[kind] !== undefined);

function partition(sketch: Sketch, fault: FaultKind, oneWay: boolean): void {
  const { random } = sketch;
  for (let k = random.int(1, 2); k > 0; k--) {
    const forMs = random.pick([2000, 6000, 9000, 14_000]);
    sketch.act(fault, sketch.when(), { kind: 'partition', sides: sketch.sides(), oneWay, forMs });
  }
}

/** Indices below the end of the first job's answer. */
function indices(sketch: Sketch, most: number): number[] {
  const [first] = sketch.jobs;
  const end = first === undefined ? 1 : Math.max(2, Math.floor(endOf(first) * 0.8));
  const count = sketch.random.int(1, most);
  const some = new Set(Array.from({ length: count }, () => sketch.random.int(0, end)));
  return [...some].sort((a, b) => a - b);
}

/** The faults of a seed: none in a few worlds, one to six in the others. */
function drawFaults(seed: number, random: Random): FaultKind[] {
  const due = RARE[seed % CYCLE];
  if (random.chance(0.05) && due === undefined) return [];
  const wanted = random.int(1, 6);
  const some = random.shuffle(FAULT_KINDS).filter((kind) => {
    const share = SHARES[kind];
    return share === undefined || random.chance(share * 4);
  });
  const others = some.filter((kind) => kind !== due);
  const chosen = (due === undefined ? others : [due, ...others]).slice(0, wanted);
  return FAULT_KINDS.filter((kind) => chosen.includes(kind));
}

/** The world of a seed. */
export function generate(seed: number): Scenario {
  const random = new Random(`world ${seed}`);
  const sketch = new Sketch(random);
  const faults = drawFaults(seed, random);
  const count = random.pick([1, 2, 2, 3, 3, 4, 5, 5, 6, 8]);
  const least = faults.length === 0 ? count : Math.max(count, 2);
  for (let k = 0; k < least; k++) sketch.machines.push(machinePlan(k, random));
  sketch.jobs.push(jobPlan(0, sketch.machines, random));
  for (const fault of faults) DRAW[fault](sketch, fault);
  const { machines, jobs, weather, timing, healAt } = sketch;
  const acts = sketch.acts.filter(({ at }) => at < healAt).sort((a, b) => a.at - b.at);
  return { seed, faults, wallMs: 1.7e12, timing, weather, machines, jobs, acts, healAt };
}
