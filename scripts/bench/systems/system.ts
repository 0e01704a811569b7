import type { BenchPeers } from '../peers.ts';

/**
 * What a unit of work does. touch: a process that makes a file; instant: draws a number; busy: 1 ms
 * of processor time; rare: the same, accepted once in a hundred; slow: sleeps 20 ms × its value,
 * accepted once in two; traced: sleeps 100 ms and writes down when; few: draws a number, accepted
 * once in a thousand.
 */
export type Kind = 'touch' | 'instant' | 'busy' | 'rare' | 'slow' | 'traced' | 'few';

/** Where the systems work, and what they may use. */
export interface Bed {
  /** Removed at the end. */
  readonly folder: string;
  /** Where `--install` puts packages of npm. */
  readonly packages: string;
  readonly peers: BenchPeers;
}

/** One start of a system. */
export interface Setting {
  readonly kind: Kind;
  /** Processes that evaluate, at the same time. */
  readonly slots: number;
  /** Of one start, so that nothing is known from before. */
  readonly seed: number;
  /** Steps of `busy` and `rare`, by language. */
  readonly rounds: { readonly node: number; readonly python: number };
  /** Empty: files that `touch` makes; with `trace` that `traced` writes. */
  readonly folder: string;
}

/** What is asked of a running system. */
export interface Order {
  /** Calls; with accept at most so many. */
  readonly units: number;
  /** Ends once so many were accepted. */
  readonly accept?: number;
  /** How many calls that will take, about: what a bare loop makes. */
  readonly expected?: number;
  /** The order before once more, of a system that could know. */
  readonly again?: boolean;
}

/** What came of it. */
export interface Outcome {
  readonly seconds: number;
  /** Calls that were made. */
  readonly units: number;
  /** Of orders with accept: the accepted values. */
  readonly values?: readonly number[];
  /** Calls that the answer needs, where the system knows. */
  readonly needed?: number;
}

/** A system that has started. */
export interface Running extends AsyncDisposable {
  /** Runs an order to its end, results collected. @throws Error when it does not get there */
  run(order: Order): Promise<Outcome>;
  /** Kills what all others depend on: broker, master, or here just a peer. */
  killHub?(): Promise<void>;
  /** Brings it back as a person or a service manager would. */
  restartHub?(): Promise<void>;
  /** What has to be killed for the process that runs a unit to be lost. @default that process */
  victim?(pid: number): number;
}

/** A system that the benchmark can set up, run and end. */
export interface System {
  readonly name: string;
  /** What its calls are written in: which bare loop it is held against. */
  readonly language: 'node' | 'python' | 'shell';
  readonly kinds: readonly Kind[];
  /** It starts anew for each order of commands: `touch` gets no order to warm up. */
  readonly startsAnew?: boolean;
  /** It knows what it did before: an order that comes again is measured, too. */
  readonly remembers?: boolean;
  /** What `--install` installs. */
  readonly apt: readonly string[];
  readonly npm: readonly string[];
  /** What is not there, in words; null when all is. */
  missing(bed: Bed): string | null;
  start(bed: Bed, setting: Setting): Promise<Running>;
}
