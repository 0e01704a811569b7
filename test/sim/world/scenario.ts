import type { Limits } from '../../../src/core/limits.ts';
import type { Needs } from '../../../src/core/needs.ts';
import type { OpChange } from '../../../src/core/record.ts';
import type { Timing } from '../../../src/core/timing.ts';
import type { CrashKeeps } from './disk.ts';
import type { Program } from './program.ts';

/** How hostile the network is. */
export interface Weather {
  /** Bounds of a message's way; most are near the lower one. */
  readonly delayMs: readonly [least: number, most: number];
  /** Shares of gossip that are lost, come twice, or come seconds late. */
  readonly loss: number;
  readonly doubled: number;
  readonly late: number;
}

/** One computer of a world. */
export interface MachinePlan {
  readonly number: number;
  /** The peer's id; a copied home has its original's. */
  readonly id: string;
  readonly name: string;
  readonly slots: number;
  /** How much slower than the programs' cost it evaluates. */
  readonly slowness: number;
  /** How much faster its clocks run than true ones: −0.01 … 0.01. */
  readonly drift: number;
  /** When it is first switched on; null: an act does it. */
  readonly joinsAt: number | null;
  /** Alters outcomes. */
  readonly liar: boolean;
  /** Speaks another version of the protocol. */
  readonly foreign: boolean;
}

/** A job that a user publishes. */
export interface JobPlan {
  readonly number: number;
  readonly program: Program;
  readonly target:
    | { readonly kind: 'accept'; readonly count: number; readonly maxEvals: number | null }
    | { readonly kind: 'map'; readonly count: number };
  /** The items are commands. @default false */
  readonly commands?: boolean;
  /** Number of the machine whose user publishes it. */
  readonly owner: number;
  readonly at: number;
  readonly priority: number;
  /** @default none */
  readonly limits?: Limits;
  /** @default any machine will do */
  readonly needs?: Needs;
  /** Candidates that the mesh begins in an hour. @default as it can */
  readonly perHour?: number | null;
  /** @default any number */
  readonly maxErrors?: number | null;
  /** Candidates in the probe. */
  readonly probe: number;
  /** How long after its publication the owner cancels it, or null. */
  readonly deadlineMs: number | null;
}

/** Something that befalls a world at a time, with the kind of fault that it belongs to. */
export type Act = { readonly at: number; readonly fault: FaultKind } & (
  | {
      readonly kind: 'crash';
      readonly machine: number;
      readonly how: 'killed' | 'power';
      readonly keeps: CrashKeeps;
      /** Crashes before so many more effects are carried out; 0: at once. */
      readonly effects: number;
      /** The database is gone when it comes back. */
      readonly wipes: boolean;
      /** So is the file with its incarnation: the key alone was saved. */
      readonly forgets: boolean;
      /** Until it starts again; null: never. */
      readonly forMs: number | null;
    }
  | { readonly kind: 'rot'; readonly machine: number; readonly entries: number }
  | { readonly kind: 'full'; readonly machine: number; readonly forMs: number }
  | { readonly kind: 'stall'; readonly machine: number; readonly forMs: number }
  | { readonly kind: 'suspend'; readonly machine: number; readonly forMs: number }
  | { readonly kind: 'wall'; readonly machine: number; readonly jumpMs: number }
  | {
      readonly kind: 'partition';
      readonly sides: readonly [readonly number[], readonly number[]];
      readonly oneWay: boolean;
      readonly forMs: number;
    }
  /** Has so many slots for a while, at most those of its plan. */
  | {
      readonly kind: 'slots';
      readonly machine: number;
      readonly slots: number;
      readonly forMs: number;
    }
  | { readonly kind: 'cut'; readonly machines: readonly [number, number] }
  /** Leaves the mesh for good, or stops and starts again. */
  | { readonly kind: 'stop'; readonly machine: number; readonly forMs: number | null }
  /** A user's word at one machine. */
  | {
      readonly kind: 'operate';
      readonly machine: number;
      readonly job: number;
      readonly change: OpChange;
    }
  | { readonly kind: 'copy'; readonly machine: number; readonly twin: number }
  | { readonly kind: 'forge'; readonly machine: number }
  | { readonly kind: 'verify'; readonly machine: number; readonly job: number }
);

/** Everything that is broken in some worlds. */
export const FAULT_KINDS = [
  ...([
    'two jobs',
    'collected',
    'slow network',
    'loss',
    'duplication',
    'reordering',
    'partition',
    'one-way',
  ] as const),
  ...(['flapping', 'cut stream', 'crash', 'crash unsynced', 'crash between', 'power'] as const),
  ...(['blackout', 'wiped disk', 'rot', 'full disk', 'stall', 'suspend', 'wall jump'] as const),
  ...(['drift', 'join storm', 'leave storm', 'raced ops', 'verify', 'owner gone'] as const),
  ...(['copied home', 'time limit', 'deadly', 'poison', 'lost values'] as const),
  ...(['foreign', 'liar', 'forged', 'deadline', 'slow machine'] as const),
  // Those that change what all jobs and machines are like come last.
  ...(['several slots', 'changed slots', 'rate', 'commands'] as const),
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** A world and all that befalls it: plain data, so that it can be kept, shrunk and told. */
export interface Scenario {
  readonly seed: number;
  readonly faults: readonly FaultKind[];
  /** True time on the wall at the start of the world, in ms since 1970. */
  readonly wallMs: number;
  readonly timing: Partial<Timing>;
  readonly weather: Weather;
  readonly machines: readonly MachinePlan[];
  readonly jobs: readonly JobPlan[];
  readonly acts: readonly Act[];
  /** When all faults stop. */
  readonly healAt: number;
}

/** The weather after the faults. */
export const CALM: Weather = { delayMs: [2, 40], loss: 0, doubled: 0, late: 0 };
