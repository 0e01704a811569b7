import type { Effect, Execution, PeerEvent } from '../../../src/core/event.ts';
import type { Hash, JobId, PeerId } from '../../../src/core/ids.ts';
import type { JobState } from '../../../src/core/job-state.ts';
import { DEFAULT_TIMING, type Timing } from '../../../src/core/timing.ts';
import { Machine, type Surroundings, sha256 } from './machine.ts';
import { SimNetwork } from './network.ts';
import type { Program } from './program.ts';
import { EventQueue } from './queue.ts';
import { Random } from './random.ts';
import { CALM, type FaultKind, type MachinePlan, type Scenario } from './scenario.ts';

/** Something that watches a world; it changes nothing. */
export interface Observer {
  stepped?(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void;
  evaluated?(machine: Machine, execution: Execution, lo: number, hi: number, ms: number): void;
  started?(machine: Machine): void;
  /** Its process ended; of its unsynced writes those up to this one are on disk. */
  ended?(machine: Machine, lastWrite: number | null): void;
  /** Its disk lost something that was on it. */
  damaged?(machine: Machine): void;
  /** Something befell the world, told for people. */
  told?(what: string): void;
}

/** The world's own part of a scenario. */
export type WorldPlan = Pick<
  Scenario,
  'seed' | 'wallMs' | 'timing' | 'weather' | 'machines' | 'healAt'
>;

/** Machines, a network and time. Everything in it depends on its plan alone. */
export class World implements Surroundings {
  readonly queue: EventQueue = new EventQueue();
  readonly random: Random;
  readonly timing: Timing;
  readonly mathClass: string = 'aa'.repeat(8);
  readonly wallMs: number;
  readonly machines: readonly Machine[];
  readonly network: SimNetwork;
  readonly observers: Observer[] = [];
  /** How often each fault had an effect. */
  readonly fired: Map<FaultKind, number> = new Map();
  /** Other things that happened, for a world that passes must not be an idle one. */
  readonly counts: Map<string, number> = new Map();
  healed = false;
  readonly #healAt: number;
  readonly #programs = new Map<Hash, Program>();
  #requests = 0;

  constructor(plan: WorldPlan) {
    this.random = new Random(`run ${plan.seed}`);
    this.timing = { ...DEFAULT_TIMING, ...plan.timing };
    this.wallMs = plan.wallMs;
    this.#healAt = plan.healAt;
    this.machines = plan.machines.map((machine) => this.#machine(machine));
    const random = this.random.fork('network');
    this.network = new SimNetwork(this.queue, random, this.machines, plan.weather);
    const garbler = this.random.fork('garble');
    this.network.garble = (from, bytes) => (from.plan.foreign ? garble(bytes, garbler) : bytes);
    for (const machine of this.machines) {
      const { joinsAt } = machine.plan;
      if (joinsAt !== null) this.queue.at(joinsAt, () => this.switchOn(machine));
    }
  }

  #machine(plan: MachinePlan): Machine {
    const machine = new Machine(plan, this.random.fork(plan.name), this);
    machine.lies = plan.liar;
    return machine;
  }

  get now(): number {
    return this.queue.now;
  }

  /** Machines whose process runs, of this protocol version. */
  get live(): Machine[] {
    return this.machines.filter(({ running, plan }) => running && !plan.foreign);
  }

  machine(number: number): Machine {
    const machine = this.machines[number];
    if (machine === undefined) throw new Error(`no machine ${number}`);
    return machine;
  }

  /** Starts a machine's process, unless it runs or has left for good. */
  switchOn(machine: Machine): void {
    if (machine.running || machine.gone) return;
    machine.start(this.machines.length > 1 && (this.now > 0 || machine.disk.incarnation > 0));
  }

  /** A number for a client's wish. */
  request(): number {
    return ++this.#requests;
  }

  /** Ends all faults: the weather is calm, and who is only away comes back. */
  heal(): void {
    this.healed = true;
    this.network.weather = CALM;
    this.tell('all faults stop');
  }

  fire(fault: FaultKind): void {
    this.fired.set(fault, (this.fired.get(fault) ?? 0) + 1);
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by);
  }

  tell(what: string): void {
    for (const observer of this.observers) observer.told?.(what);
  }

  know(program: Program): Hash {
    const hash = sha256(programBytes(program));
    this.#programs.set(hash, program);
    return hash;
  }

  program(hash: Hash): Program | undefined {
    return this.#programs.get(hash);
  }

  job(machine: Machine, id: JobId): JobState | undefined {
    return machine.state?.jobs.get(id);
  }

  /** Moves time on until a condition holds, which is asked every so often. False: it never did. */
  until(holds: () => boolean, end: number, everyMs = 250): boolean {
    let askAt = this.now;
    for (;;) {
      if (this.now >= askAt) {
        if (holds()) return true;
        askAt = this.now + everyMs;
      }
      if (!this.queue.step(end)) return holds();
    }
  }

  carry(from: Machine, effect: Extract<Effect, { kind: 'broadcast' | 'send' }>): void {
    this.network.carry(from, effect);
  }

  deny(at: Machine, peer: PeerId): void {
    this.network.deny(at, peer);
  }

  started(machine: Machine): void {
    for (const observer of this.observers) observer.started?.(machine);
    this.network.started(machine);
  }

  ended(machine: Machine, how: 'killed' | 'power', lastWrite: number | null): void {
    this.network.ended(machine, how);
    for (const observer of this.observers) observer.ended?.(machine, lastWrite);
  }

  damaged(machine: Machine): void {
    for (const observer of this.observers) observer.damaged?.(machine);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    for (const observer of this.observers) observer.stepped?.(machine, event, effects);
  }

  evaluated(machine: Machine, execution: Execution, lo: number, hi: number, ms: number): void {
    for (const observer of this.observers) observer.evaluated?.(machine, execution, lo, hi, ms);
  }

  /** A candidate took the machine down; a service starts it again. */
  fell(machine: Machine, _execution: Execution, index: number): void {
    this.fire('poison');
    this.tell(`candidate ${index} takes ${machine.plan.name} down`);
    machine.crash('power', 'some');
    const backMs = this.random.between(1000, 3000);
    this.queue.after(backMs, () => this.switchOn(machine));
  }

  get healAt(): number {
    return this.#healAt;
  }
}

/** A program's bytes: its definition. */
export function programBytes(program: Program): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(program));
}

/** A message as another version of the protocol would write it. */
function garble(bytes: Uint8Array, random: Random): Uint8Array {
  const other = Uint8Array.from(bytes);
  // The kinds of message count up from 1; this version knows eleven.
  if (random.chance(0.5)) other[1] = 0x0c + random.int(0, 9);
  else other[0] = 0x9f;
  return other;
}
