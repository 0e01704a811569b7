import type { JobState } from '../../core/job-state.ts';
import { clipText } from '../../work/candidate/clip-text.ts';
import type { JobReport } from '../mesh.ts';
import { ErrorGroups } from './error-groups.ts';
import type { FailedCommands } from './failed-commands.ts';
import { failedEnd, figuresEnd } from './figures-end.ts';
import { type JobError, jobErrors } from './job-errors.ts';

/** Errors that a report shows one by one. */
const MAX_ROWS = 100;

/** Errors of a job that are grouped; of more, the first. */
const MAX_GROUPED = 100_000;

/** The longest text of a command in a report, in bytes. */
const MAX_COMMAND_BYTES = 1024;

/** What a report says of the errors of a job. */
export type ReportedErrors = Pick<JobReport, 'errors' | 'errorGroups'>;

/** Those that ended so by themselves: all errors of a function. */
export function thrownErrors(job: JobState): ReportedErrors {
  const groups = new ErrorGroups();
  for (const error of jobErrors(job, figuresEnd(job), MAX_GROUPED)) groups.add(error);
  const end = failedEnd(job) ?? Number.MAX_SAFE_INTEGER;
  return { errors: [...jobErrors(job, end, MAX_ROWS)], errorGroups: groups.top() };
}

/**
 * Those of a job of commands: also how commands failed.
 * @param textAt the text of a command, if it is on this machine
 */
export async function commandErrors(
  job: JobState,
  failures: FailedCommands,
  textAt: (index: number) => Promise<{ readonly command?: string }>,
): Promise<ReportedErrors> {
  const thrown = [...jobErrors(job, figuresEnd(job), MAX_ROWS)];
  const groups = new ErrorGroups();
  for (const error of thrown) groups.add(error);
  const errors: JobError[] = thrown;
  let grouped = thrown.length;
  for await (const error of failures.errors(job)) {
    groups.add(error);
    if (errors.length < MAX_ROWS) errors.push(error);
    if (++grouped >= MAX_GROUPED) break;
  }
  return {
    errors: await withCommands(errors, ({ index }) => textAt(index)),
    errorGroups: await withCommands(groups.top(), ({ indices: [first = 0] }) => textAt(first)),
  };
}

/** What a report says of commands, each with the text of its command, shortened. */
export function withCommands<T extends object>(
  found: readonly T[],
  textOf: (one: T) => Promise<{ readonly command?: string }>,
): Promise<T[]> {
  const named = async (one: T): Promise<T> => {
    const { command } = await textOf(one);
    if (command === undefined) return one;
    return { ...one, command: clipText(command, MAX_COMMAND_BYTES) };
  };
  return Promise.all(found.map(named));
}
