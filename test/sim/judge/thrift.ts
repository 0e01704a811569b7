import type { Effect, Execution, PeerEvent } from '../../../src/core/event.ts';
import { IntervalSet } from '../../../src/core/interval-set.ts';
import { MOST_COPIES } from '../../../src/core/lease-book.ts';
import type { Machine } from '../world/machine.ts';
import { askOracle } from '../world/oracle.ts';
import { costOf } from '../world/program.ts';
import type { UserJob, Users } from '../world/users.ts';
import type { Observer, World } from '../world/world.ts';
import { Violation } from './violation.ts';

/** What a world without faults has cost. */
export interface Figures {
  /** Peers, slots of all, and seconds that the world went on. */
  readonly peers: number;
  readonly slots: number;
  readonly seconds: number;
  /** Intervals begun. */
  readonly blocks: number;
  /** Work evaluated a second time, and all work that the answers need, in ms of a slot. */
  readonly againMs: number;
  readonly neededMs: number;
  /** Work on candidates behind the end of the answer. */
  readonly beyondMs: number;
  readonly end: number;
  /** Messages sent by kind, a broadcast once. */
  readonly messages: ReadonlyMap<string, number>;
  /** Parts told by executors: each is a segment at least. */
  readonly segments: number;
  /** The most leases that a register had. */
  readonly leases: number;
}

/** Measures a world without faults, and holds what it cost against design.md section 4. */
export class Thrift implements Observer {
  readonly #world: World;
  readonly #job: UserJob;
  readonly #end: number;
  readonly #evaluated = new IntervalSet();
  readonly #messages = new Map<string, number>();
  #againMs = 0;
  /** The dearest candidate that was evaluated again. */
  #dearestAgainMs = 0;
  #beyondMs = 0;
  /** The dearest candidate behind the end. */
  #dearestMs = 0;
  #blocks = 0;
  #segments = 0;
  #leases = 0;

  /** Of a world with one job. */
  constructor(world: World, { jobs: [job] }: Users) {
    if (job === undefined) throw new Error('no job');
    this.#world = world;
    this.#job = job;
    this.#end = askOracle(job.question).end;
  }

  evaluated(machine: Machine, { fresh, id }: Execution, lo: number, hi: number): void {
    const isNeedless = machine.state?.leases.find(({ lease }) => lease.id === id)?.needless;
    // A batch that comes to its end instead of a new executor, which would take as long to start.
    if (fresh || isNeedless === true) return;
    for (let index = lo; index < hi; index++) {
      const cost = costOf(this.#job.plan.program, index);
      if (this.#evaluated.has(index)) {
        this.#againMs += cost;
        this.#dearestAgainMs = Math.max(this.#dearestAgainMs, cost);
      } else if (index >= this.#end) {
        this.#beyondMs += cost;
        this.#dearestMs = Math.max(this.#dearestMs, cost);
      }
    }
    this.#evaluated.add(lo, hi);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    if (event.kind === 'part') this.#segments++;
    for (const effect of effects) {
      if (effect.kind === 'execute') this.#blocks++;
      else if (effect.kind === 'send') this.#note(effect.message.kind);
      else if (effect.kind === 'send.records') this.#note('records');
      else if (effect.kind === 'broadcast') this.#note(`gossip ${effect.message.kind}`);
    }
    this.#leases = Math.max(this.#leases, machine.state?.leases.length ?? 0);
  }

  #note(kind: string): void {
    this.#messages.set(kind, (this.#messages.get(kind) ?? 0) + 1);
  }

  get figures(): Figures {
    const { machines, now } = this.#world;
    let neededMs = 0;
    for (let index = 0; index < this.#end; index++) {
      neededMs += costOf(this.#job.plan.program, index);
    }
    return {
      ...{ peers: machines.length, seconds: now / 1000, end: this.#end, neededMs },
      slots: machines.reduce((sum, { plan }) => sum + plan.slots, 0),
      ...{ againMs: this.#againMs, beyondMs: this.#beyondMs, blocks: this.#blocks },
      ...{ segments: this.#segments, leases: this.#leases, messages: this.#messages },
    };
  }

  /**
   * E1, E2 and E3. The bounds leave room over the most that 300 worlds came to: a share of them
   * stands behind each.
   */
  check(): void {
    const { peers, slots, seconds, blocks, segments, againMs, beyondMs, neededMs } = this.figures;
    const { target } = this.#job.plan;
    // Short jobs on blocks of 40 ms: 0.5 % of all work in the mean, and at most 56 % of the bound.
    // What is dear by itself, and all wait for, is copied by those who have nothing else to do.
    const copiesMs = MOST_COPIES * this.#dearestAgainMs;
    this.#hold('E1', 'ms of work done twice', againMs, 0.03 * neededMs + 125 * slots + copiesMs);
    if (target.kind === 'accept') {
      // The cap's spread, 2·√N of N, is what is open when the N-th is found; of few, the last one's
      // alone, 3/p with p = (N − 1)/n. One candidate of a heavy tail may be dear by itself.
      const share = Math.max(2 / Math.sqrt(target.count), 3 / Math.max(target.count - 1, 1));
      const spreadMs = share * neededMs;
      this.#hold(
        'E2',
        'ms of work behind the end',
        beyondMs,
        0.5 * (spreadMs + 1000 * slots) + this.#dearestMs,
      );
    }
    const beats = this.#sent('gossip heartbeat');
    // One a second, a fifth more often at most, and two for each block: its claim and its start.
    this.#hold('E3', 'heartbeats', beats, 1.25 * peers * (seconds + 1) + 2 * blocks);
    // Scopes that are equal are not told: at most 58 %.
    this.#hold('E3', 'summaries', this.#sent('summary'), this.#sent('digests') + 4);
    // Each segment goes to each peer once, and a few are fetched: at most 82 %.
    const records = 1.3 * segments * (peers - 1) + 20 * peers;
    this.#hold('E3', 'messages with records', this.#sent('records'), records);
  }

  #sent(kind: string): number {
    return this.#messages.get(kind) ?? 0;
  }

  #hold(invariant: string, what: string, amount: number, bound: number): void {
    if (amount <= bound) return;
    const text = `${Math.round(amount)} ${what} in a world without faults, over ${bound.toFixed(0)}`;
    throw new Violation(invariant, this.#world.now, text);
  }
}
