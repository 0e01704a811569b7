import type { JobState } from '../../core/job-state.ts';

/** An error of a job: of a function what it threw, of commands how one failed. */
export interface JobError {
  readonly index: number;
  readonly name: string;
  /** The message, with its stack; of a command what it wrote to stderr. */
  readonly detail: string;
  /** The text of a command, shortened, where it is at hand. */
  readonly command?: string;
}

/** What ended in an error by itself below an index, rising, at most so many. */
export function* jobErrors(job: JobState, end: number, most: number): Generator<JobError> {
  const { answers } = job.computation;
  const count = Math.min(answers.errorsBelow(end), most);
  for (const [index, { name, detail }] of answers.firstErrors(count)) yield { index, name, detail };
}
