import type { Kind } from './systems/system.ts';

/** Work that all systems which can do it are timed with. */
export interface Workload {
  readonly id: 'W1' | 'W2' | 'W3' | 'W4' | 'W7c' | 'W7f';
  readonly title: string;
  readonly kind: Kind;
  /** Processes that evaluate. */
  readonly slots: number;
  /** Calls at most; the slow systems get fewer. */
  readonly units: number;
  /** Calls of the first orders, which warm up and tell how fast the system is. */
  readonly trial: number;
  /** Calls for each accepted one, where so many accepted are asked for. */
  readonly callsPerAccepted?: number;
  /** Measured is the order after the same one. */
  readonly again?: boolean;
}

export const WORKLOADS: readonly Workload[] = [
  {
    ...{ id: 'W1', title: 'commands that make a file each', kind: 'touch', slots: 2 },
    ...{ units: 9999, trial: 40 },
  },
  {
    ...{ id: 'W2', title: 'calls that return at once, results collected', kind: 'instant' },
    ...{ slots: 2, units: 100_000, trial: 100 },
  },
  {
    ...{ id: 'W3', title: 'calls of 1 ms of processor time', kind: 'busy' },
    ...{ slots: 2, units: 20_000, trial: 100 },
  },
  {
    ...{ id: 'W4', title: 'accepted at 1 %, calls of 1 ms', kind: 'rare' },
    ...{ slots: 2, units: 100_000, trial: 500, callsPerAccepted: 100 },
  },
  {
    ...{ id: 'W7c', title: 'the same commands again', kind: 'touch', slots: 2 },
    ...{ units: 9999, trial: 40, again: true },
  },
  {
    ...{ id: 'W7f', title: 'the same calls of 1 ms again', kind: 'busy', slots: 2 },
    ...{ units: 20_000, trial: 100, again: true },
  },
];
