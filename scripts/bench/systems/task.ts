import type { FunctionTask } from '../evaluator.ts';
import { type FunctionName, writeFunction } from '../functions.ts';
import type { Bed, Kind, Setting } from './system.ts';

const FILES: Readonly<Record<Kind, FunctionName>> = {
  ...{ touch: 'touch', instant: 'instant', busy: 'busy', rare: 'oneMs', slow: 'slow' },
  ...{ traced: 'traced', few: 'few' },
};

/** The function of a setting, written to a file, with what its calls have in common. */
export function taskOf(
  { folder }: Bed,
  { kind, seed, rounds, folder: own }: Setting,
): FunctionTask {
  const params = { rounds: rounds.node, folder: own };
  return { fn: writeFunction(folder, FILES[kind]), params, seed };
}
