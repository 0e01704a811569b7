import { endProcesses } from './command/command-processes.ts';

/** The variable that says of a process which executor it descends from. */
export const EXECUTOR_VARIABLE = 'MESHD_EXECUTOR';

/**
 * Kills what an executor started and what left its process group since, as daemons do: all that has
 * the executor's mark in its environment. Resolves when nothing is left. Only Linux tells.
 */
export async function endMarked(mark: string): Promise<void> {
  await endProcesses({ shell: undefined, mark: `${EXECUTOR_VARIABLE}=${mark}\0` }, 0);
}
