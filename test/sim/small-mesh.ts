import type { Answer, PeerEvent } from '../../src/core/event.ts';
import type { Hash, JobId, PeerId } from '../../src/core/ids.ts';
import type { JobState } from '../../src/core/job-state.ts';
import { type Limits, NO_LIMITS } from '../../src/core/limits.ts';
import { type Needs, NO_NEEDS } from '../../src/core/needs.ts';
import type { OpChange } from '../../src/core/record.ts';
import { Transcript } from './judge/transcript.ts';
import { type Machine, sha256 } from './world/machine.ts';
import type { SimNetwork } from './world/network.ts';
import type { Question } from './world/oracle.ts';
import type { Program } from './world/program.ts';
import { publicationOf, publishEvent } from './world/publication.ts';
import { CALM, type MachinePlan } from './world/scenario.ts';
import { type Observer, World } from './world/world.ts';

/** A world without faults of its own; everything in it depends on these options alone. */
export interface SmallOptions {
  readonly peers: number;
  /** @default 1 */
  readonly slots?: number;
  /** How much slower than the programs' cost each of them evaluates. @default 1 for all */
  readonly slowness?: readonly number[];
  /** @default 1 */
  readonly seed?: number;
  /** Bounds of a message's way; most are near the lower one. @default [2, 30] */
  readonly delayMs?: readonly [least: number, most: number];
  /** Share of gossip that is lost. @default 0 */
  readonly loss?: number;
  /** Wall clock at the start of the world. @default 1.7e12 */
  readonly wallMs?: number;
  /** Watch it from the first start on. @default none */
  readonly observers?: readonly Observer[];
}

/** What a job asks for. */
export interface SmallJob {
  readonly program: Program;
  /** Lines; of commands, how many there are. */
  readonly accept: number;
  /** They are commands of their owner, one an item. @default false */
  readonly commands?: boolean;
  readonly maxEvals?: number;
  readonly priority?: number;
  /** @default none */
  readonly limits?: Limits;
  /** @default any machine will do */
  readonly needs?: Needs;
  /** Candidates that the mesh begins in an hour. @default as it can */
  readonly perHour?: number;
  /** @default any number */
  readonly maxErrors?: number;
  /** Time after the publication at which its owner cancels it. */
  readonly deadlineMs?: number;
  /** Candidates in the probe. @default 0 */
  readonly probe?: number;
}

/** A candidate that an executor worked on. */
export interface Evaluation {
  readonly peer: PeerId;
  readonly computation: Hash;
  readonly index: number;
  /** When its batch began and ended. A candidate that failed is a batch of its own. */
  readonly from: number;
  readonly to: number;
}

/** Makes a machine come to another outcome of one index than all others. */
export function lieAbout(index: number, machine: Machine): void {
  const written = (at: number) => (at === index ? { outcome: 666 } : undefined);
  machine.alters = (program) => ({ ...program, written });
}

/** A few machines of the simulator, driven by hand in tests of single rules. */
export class SmallMesh {
  readonly world: World;
  readonly network: SimNetwork;
  /** All that happened, a line each. */
  readonly transcript: readonly string[];
  readonly #evaluations: Evaluation[] = [];
  /** Ways that the partition closes. */
  #closed: [Machine, Machine][] = [];
  #jobs = 0;

  constructor(options: SmallOptions) {
    const { seed = 1, wallMs = 1.7e12, delayMs = [2, 30], loss = 0 } = options;
    this.world = new World({
      ...{ seed, wallMs, timing: {}, weather: { ...CALM, delayMs, loss }, healAt: Infinity },
      machines: Array.from({ length: options.peers }, (_, number) => planOf(number, options)),
    });
    this.network = this.world.network;
    const transcript = new Transcript(this.world);
    this.transcript = transcript.lines;
    this.world.observers.push(transcript, this.#counter(), ...(options.observers ?? []));
    this.pass(0);
  }

  get peers(): readonly Machine[] {
    return this.world.machines;
  }

  peer(number: number): Machine {
    return this.world.machine(number);
  }

  get now(): number {
    return this.world.now;
  }

  /** Starts a peer's process on what its disk holds. */
  start(peer: Machine): void {
    this.world.switchOn(peer);
  }

  /** SIGKILL: what is not on the disk is lost, and the sockets of its process are reset. */
  kill(peer: Machine): void {
    peer.crash('killed', 'synced');
  }

  /** Cuts the mesh: each list is an island; peers in none of them share the last one. */
  partition(...islands: readonly (readonly Machine[])[]): void {
    const islandOf = (peer: Machine): number => islands.findIndex((all) => all.includes(peer));
    const ways = this.peers.flatMap((a) => this.peers.map((b): [Machine, Machine] => [a, b]));
    const before = this.#closed;
    this.#closed = ways.filter(([a, b]) => islandOf(a) !== islandOf(b));
    // What stays closed is closed once more before it is opened.
    this.network.close(this.#closed);
    this.network.open(before);
  }

  heal(): void {
    this.partition();
  }

  /** Publishes at a peer, which is the job's owner. */
  publish(at: Machine, job: SmallJob): { id: JobId; request: number; question: Question } {
    const { program, accept, maxEvals = null, probe = 0, priority = 0, deadlineMs = null } = job;
    const { limits = NO_LIMITS, maxErrors = null, commands = false } = job;
    const { needs = NO_NEEDS, perHour = null } = job;
    const target = commands
      ? ({ kind: 'map', count: accept } as const)
      : ({ kind: 'accept', count: accept, maxEvals } as const);
    const publication = publicationOf(this.world, {
      ...{ number: this.#jobs++, program, target, commands },
      ...{ owner: at.plan.number, at: this.now, priority, limits, maxErrors, probe, deadlineMs },
      ...{ needs, perHour },
    });
    const request = this.ask(at, (number) => publishEvent(publication, at, number));
    return { id: publication.id, request, question: publication.question };
  }

  /** Puts a client's wish to a peer; returns its request. */
  ask(at: Machine, wish: (request: number) => PeerEvent): number {
    const request = this.world.request();
    at.dispatch(wish(request));
    return request;
  }

  operate(at: Machine, job: JobId, change: OpChange): number {
    return this.ask(at, (request) => ({ kind: 'operate', request, job, change }));
  }

  answer(at: Machine, request: number): Answer | undefined {
    return at.answers.get(request);
  }

  /** Moves time on until a condition holds, asked after each event. Returns when it did. */
  until(what: string, holds: () => boolean, limitMs = 120_000): number {
    const end = this.now + limitMs;
    if (this.world.until(holds, end, 0)) return this.now;
    throw new Error(`${what}: not by ${end} ms\n${this.transcript.slice(-40).join('\n')}`);
  }

  /** Lets so much time pass. */
  pass(ms: number): void {
    this.world.queue.runTo(this.now + ms);
  }

  /** Until every running peer knows the end of a job; returns the certificate they agree on. */
  certificate(id: JobId, limitMs?: number): Hash | undefined {
    const ended = (peer: Machine): boolean => this.job(peer, id)?.ending != null;
    this.until(`end of ${id.slice(0, 8)}`, () => this.world.live.every(ended), limitMs);
    const all = new Set(this.world.live.map((peer) => this.job(peer, id)?.ending?.certificate));
    if (all.size !== 1) throw new Error(`certificates differ: ${[...all].join()}`);
    return [...all][0];
  }

  job(peer: Machine, id: JobId): JobState | undefined {
    return this.world.job(peer, id);
  }

  /** Everything that executors worked on, of one computation or of all. */
  evaluations(computation?: Hash): Evaluation[] {
    return this.#evaluations.filter(
      (each) => computation === undefined || each.computation === computation,
    );
  }

  #counter(): Observer {
    return {
      evaluated: ({ id: peer }, { computation }, lo, hi, ms) => {
        const [from, to] = [this.now - ms, this.now];
        for (let index = lo; index < hi; index++) {
          this.#evaluations.push({ peer, computation, index, from, to });
        }
      },
      stepped: (machine, event) => {
        if (event.kind !== 'failed') return;
        const all = machine.executors.executions();
        const computation = all.find(({ id }) => id === event.execution)?.computation;
        if (computation === undefined) return;
        const { index } = event;
        this.#evaluations.push({
          ...{ peer: machine.id, computation, index, from: this.now, to: this.now },
        });
      },
    };
  }
}

function planOf(number: number, { slots = 1, slowness = [] }: SmallOptions): MachinePlan {
  return {
    ...{ number, id: `peer-${sha256(`${number}`).slice(0, 6)}`, name: `m${number}`, slots },
    ...{ slowness: slowness[number] ?? 1, drift: 0, joinsAt: 0, liar: false, foreign: false },
  };
}
