import type { JobState } from '../../core/job-state.ts';
import { type CommandValue, failureOf, hasSucceeded } from './command-result.ts';

/** An error of a job: of a function what it threw, of commands how one failed. */
export interface JobError {
  readonly index: number;
  readonly name: string;
  /** The message, with its stack; of a command what it wrote to stderr. */
  readonly detail: string;
}

/**
 * The errors of a job below an index, rising, at most so many. Of commands only those count whose
 * result is short enough to be at hand: a long one lies in a blob.
 */
export function* jobErrors(job: JobState, end: number, most: number): Generator<JobError> {
  const { answers, isPure } = job.computation;
  const count = Math.min(answers.errorsBelow(end), most);
  for (const [index, { name, detail }] of answers.firstErrors(count)) yield { index, name, detail };
  if (isPure) return;
  let told = count;
  const lines = answers.positionOf(end);
  for (let k = 0; k < lines && told < most; k++) {
    const index = answers.lineAt(k) ?? 0;
    const outcome = answers.get(index);
    if (outcome?.kind !== 'value') continue;
    const value = JSON.parse(outcome.text) as CommandValue;
    if (hasSucceeded(value)) continue;
    told++;
    yield { index, name: failureOf(value), detail: value.stderr ?? failureOf(value) };
  }
}
