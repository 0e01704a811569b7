import { pathToFileURL } from 'node:url';
import { createStreams } from '../../src/work/candidate/rng.ts';

/** A function file with all that its calls have in common. */
export interface FunctionTask {
  readonly fn: string;
  readonly params: { readonly rounds: number; readonly folder: string };
  readonly seed: number;
}

/** Calls of a function over the random stream of meshd, without meshd; undefined: rejected. */
export async function evaluator(task: FunctionTask): Promise<(index: number) => unknown> {
  const { default: evaluate } = (await import(pathToFileURL(task.fn).href)) as {
    default: (input: object) => unknown;
  };
  const { params } = task;
  const { rng, open } = createStreams(task.seed);
  return (index) => {
    open(index);
    return evaluate({ rng, index, params });
  };
}

/** The task that a process was started with: the variable BENCH_TASK. */
export function taskOfProcess(): FunctionTask {
  return JSON.parse(process.env['BENCH_TASK'] ?? '') as FunctionTask;
}
