import { knownEnd } from '../../core/answer.ts';
import { HOPELESS_ERRORS, type JobState } from '../../core/job-state.ts';

/**
 * The index below which the figures of a job are taken: the end of its answer, or, of a job that
 * failed for its errors, behind the one that was too many. What else is known then differs from run
 * to run, and from peer to peer.
 */
export function figuresEnd(job: JobState): number {
  return job.ending?.end ?? failedEnd(job) ?? knownEnd(job) ?? Number.MAX_SAFE_INTEGER;
}

/** Behind the error that made a job fail; null where none did. */
export function failedEnd(job: JobState): number | null {
  if (job.phase !== 'failed' || !job.hasTooManyErrors) return null;
  const { maxErrors } = job.manifest;
  if (maxErrors === null) return HOPELESS_ERRORS;
  const last = job.computation.answers.errorAt(maxErrors);
  return last === undefined ? null : last + 1;
}
