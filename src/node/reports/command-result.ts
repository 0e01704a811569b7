import type { CommandValue } from '../../work/command/command-value.ts';
import type { MovedOutput } from '../../work/command/output-file.ts';

export type { CommandValue, MovedOutput };

/** Says whether a run of a command did what it was to do. */
export function hasSucceeded({ exit, signal, ended }: CommandValue): boolean {
  return exit === 0 && signal === 0 && ended === undefined;
}

/** How a run of a command failed, in a few words. */
export function failureOf({ exit, signal, ended, problem }: CommandValue): string {
  if (ended === 'files') return problem ?? 'its files are not as they should be';
  if (ended !== undefined) return ended === 'timeout' ? 'timeout' : 'too much output';
  return signal === 0 ? `exit ${exit}` : `signal ${signal}`;
}
