import type { Effect, Execution, PeerEvent } from '../../../src/core/event.ts';
import { IntervalSet } from '../../../src/core/interval-set.ts';
import type { Message } from '../../../src/core/message.ts';
import type { Machine } from '../world/machine.ts';
import { costOf, type Program } from '../world/program.ts';
import type { Observer, World } from '../world/world.ts';

/** Messages of one way: how many, and their bytes. */
export interface Flow {
  count: number;
  bytes: number;
}

/** An execution that is under way on a machine. */
interface Running {
  readonly execution: Execution;
  readonly purpose: string;
  readonly since: number;
}

/** One machine's slots while its process runs. */
interface Shift {
  since: number;
  readonly running: Map<number, Running>;
}

/** Measures a world with one job from its publication to the first word of its end. */
export class Meter implements Observer {
  readonly #world: World;
  readonly #program: Program;
  /** Virtual time of the publication and of the end; null before them. */
  from: number | null = null;
  to: number | null = null;
  /** Time of executors at work, and of slots of processes that run, in ms. */
  busyMs = 0;
  slotMs = 0;
  /** Work of the candidates evaluated, and of those among them that were evaluated before. */
  doneMs = 0;
  againMs = 0;
  /** Candidates evaluated again, by the purpose of the later run. */
  readonly again: Map<string, number> = new Map();
  readonly covered: IntervalSet = new IntervalSet();
  /** Executions begun. */
  blocks = 0;
  /** Each message once, and once for each that it reached. */
  readonly streams: Flow = { count: 0, bytes: 0 };
  readonly gossip: Flow = { count: 0, bytes: 0 };
  readonly heard: Flow = { count: 0, bytes: 0 };
  /** All that arrived, by kind of message. */
  readonly kinds: Map<string, Flow> = new Map();
  readonly #seen = new WeakSet<Message>();
  readonly #shifts = new Map<Machine, Shift>();

  constructor(world: World, program: Program) {
    this.#world = world;
    this.#program = program;
  }

  get #open(): boolean {
    return this.from !== null && this.to === null;
  }

  started(machine: Machine): void {
    this.#shifts.set(machine, { since: this.#world.now, running: new Map() });
  }

  ended(machine: Machine): void {
    const shift = this.#shifts.get(machine);
    if (shift === undefined) return;
    this.#account(machine, shift, this.#world.now);
    this.#shifts.delete(machine);
  }

  evaluated(_machine: Machine, execution: Execution, lo: number, hi: number, ms: number): void {
    if (this.to !== null) return;
    this.doneMs += ms;
    const purpose = this.#shifts.get(_machine)?.running.get(execution.id)?.purpose ?? 'probe';
    for (const [a, b] of this.covered.within(lo, hi)) {
      for (let index = a; index < b; index++) this.againMs += costOf(this.#program, index);
      this.again.set(purpose, (this.again.get(purpose) ?? 0) + b - a);
    }
    this.covered.add(lo, hi);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    if (event.kind === 'publish' && this.from === null) this.#begin();
    if (event.kind === 'message') this.#arrived(event.message);
    if (event.kind === 'ended') this.#over(machine, event.execution);
    for (const effect of effects) {
      if (effect.kind === 'execute') this.#execute(machine, effect.execution);
      if (effect.kind === 'log' && effect.event === 'job.ended') this.#end();
    }
  }

  #begin(): void {
    this.from = this.#world.now;
    for (const shift of this.#shifts.values()) shift.since = this.#world.now;
  }

  #end(): void {
    if (this.to !== null) return;
    for (const [machine, shift] of this.#shifts) this.#account(machine, shift, this.#world.now);
    this.to = this.#world.now;
  }

  /** A process ends, or the measurement does. */
  #account(machine: Machine, { since, running }: Shift, now: number): void {
    if (!this.#open) return;
    this.slotMs += (now - since) * machine.plan.slots;
    for (const { since: begun } of running.values()) this.busyMs += now - begun;
  }

  #execute(machine: Machine, execution: Execution): void {
    const leases = machine.state?.leases ?? [];
    const purpose = leases.find(({ lease }) => lease.id === execution.id)?.purpose ?? 'verify';
    const since = this.#world.now;
    this.#shifts.get(machine)?.running.set(execution.id, { execution, purpose, since });
    if (this.#open) this.blocks++;
  }

  #over(machine: Machine, id: number): void {
    const shift = this.#shifts.get(machine);
    const running = shift?.running.get(id);
    if (running === undefined) return;
    shift?.running.delete(id);
    if (this.#open) this.busyMs += this.#world.now - running.since;
  }

  #arrived(message: Message): void {
    if (!this.#open) return;
    const bytes = this.#world.network.sizes.get(message) ?? 0;
    const isGossip = message.kind === 'heartbeat' || message.kind === 'announce';
    if (isGossip && !this.#seen.has(message)) add(this.gossip, bytes);
    this.#seen.add(message);
    add(isGossip ? this.heard : this.streams, bytes);
    const kind = this.kinds.get(message.kind) ?? { count: 0, bytes: 0 };
    this.kinds.set(message.kind, kind);
    add(kind, bytes);
  }
}

function add(flow: Flow, bytes: number): void {
  flow.count++;
  flow.bytes += bytes;
}
