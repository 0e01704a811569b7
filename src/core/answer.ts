import { Certificate } from './certificate.ts';
import type { Env } from './event.ts';
import type { Hash } from './ids.ts';
import type { JobState } from './job-state.ts';
import { outcomeHash } from './outcome.ts';
import type { Line } from './outcome-list.ts';

/** An answer that is whole. */
export interface CompleteAnswer {
  /** Index of the last line + 1, or the bound when there are fewer lines than asked for. */
  readonly end: number;
  readonly lines: number;
  /** Stuck indices below the end; empty for the job's own answer. */
  readonly skipped: readonly number[];
}

/** How many lines the job asks for at most. */
function wanted(job: JobState): number {
  return job.manifest.target.count;
}

/**
 * The index behind the last line if all below it were known: behind the N-th accepted known, or the
 * bound. Null while more candidates are needed.
 */
export function knownEnd(job: JobState): number | null {
  const { answers } = job.computation;
  const { target } = job.manifest;
  if (target.kind === 'map') return target.count;
  const last = answers.lineAt(target.count - 1);
  if (last !== undefined && (job.bound === null || last < job.bound)) return last + 1;
  return job.bound;
}

/**
 * The whole answer, or null. Every index below the end has an outcome or is stuck; with stuck ones
 * it is the successor's answer (design.md section 1).
 */
export function completeAnswer(job: JobState): CompleteAnswer | null {
  const end = knownEnd(job);
  if (end === null) return null;
  const { coverage, answers } = job.computation;
  const gaps = coverage.gaps(0, end);
  const lines = Math.min(wanted(job), answers.positionOf(end));
  if (gaps.length === 0) return { end, lines, skipped: [] };
  const stuck = job.stuckBelow(end);
  let missing = 0;
  for (const [lo, hi] of gaps) {
    missing += hi - lo;
    if (missing > stuck.length) return null;
  }
  return missing === stuck.length ? { end, lines, skipped: stuck } : null;
}

/**
 * How many lines are final: those below the frontier, not past an index that was ever stuck, nor
 * past the error that is one more than the job allows; after the end, all. A line that is final
 * never changes and never vanishes.
 */
export function finalLines(job: JobState): number {
  const ending = job.ending;
  if (ending !== null && holdsAnswer(job)) return ending.lines;
  return Math.min(wanted(job), job.computation.answers.positionOf(finalEnd(job)));
}

/** The index below which lines are final while the job runs. */
export function finalEnd(job: JobState): number {
  const { coverage, answers } = job.computation;
  const bound = job.bound ?? Number.MAX_SAFE_INTEGER;
  const { maxErrors } = job.manifest;
  // Errors that are not known yet lie behind the frontier.
  const fatal = maxErrors === null ? undefined : answers.errorAt(maxErrors);
  const last = fatal === undefined ? Number.MAX_SAFE_INTEGER : fatal + 1;
  return Math.min(coverage.firstGap(0), bound, job.firstEverStuck, last);
}

/** Says whether this peer knows all outcomes that the job's certificate names. */
export function holdsAnswer(job: JobState): boolean {
  const ending = job.ending;
  if (ending === null) return false;
  const { coverage } = job.computation;
  const { skipped } = job;
  const missing = coverage.gaps(0, ending.end).reduce((sum, [lo, hi]) => sum + hi - lo, 0);
  return missing <= skipped.filter((index) => !coverage.has(index)).length;
}

/** The line at a position of the answer; undefined past what is known. */
export function lineAt(job: JobState, position: number): Line | undefined {
  return linesBetween(job, position, position + 1).next().value;
}

/** The lines of the answer from one position up to another, as far as they are known. */
export function* linesBetween(job: JobState, from: number, to: number): Generator<Line, undefined> {
  const { answers } = job.computation;
  const [first, end] = [skipAware(job, from), skipAware(job, to)];
  const skipped = new Set(job.skipped);
  for (const line of answers.linesBetween(first, end)) if (!skipped.has(line.index)) yield line;
}

/** A successor's answer leaves its stuck indices out, also where a machine succeeded later. */
function skipAware(job: JobState, position: number): number {
  const { answers } = job.computation;
  let place = position;
  for (const index of job.skipped) {
    const at = answers.positionOf(index);
    if (answers.lineAt(at) === index && at <= place) place++;
  }
  return place;
}

/** The certificate over the first lines, without the skipped indices. */
export function answerCertificate(job: JobState, answer: CompleteAnswer, env: Env): Hash {
  const { draft } = job;
  job.draft = null;
  const isOn = answer.skipped.length === 0 && draft?.revision === job.computation.answers.revision;
  const begun = isOn && draft.certificate.count === answer.lines ? draft.certificate : null;
  const certificate = begun ?? begin(job, answer.skipped, answer.lines, env);
  addLines(job, certificate, answer.lines, env);
  return certificate.end();
}

/**
 * Goes on with the certificate of the answer that the job asks for, as far as its lines are final,
 * so that little is left to hash at the end.
 */
export function draftCertificate(job: JobState, env: Env): void {
  const { revision } = job.computation.answers;
  const final = finalLines(job);
  if (final === 0) return;
  if (job.draft?.revision !== revision) {
    job.draft = { revision, certificate: begin(job, [], wanted(job), env) };
  }
  addLines(job, job.draft.certificate, final, env);
}

function begin(job: JobState, skipped: readonly number[], count: number, env: Env): Certificate {
  const { computation, manifest } = job;
  return new Certificate(computation.id, manifest.target, skipped, count, env.hasher());
}

function addLines(job: JobState, certificate: Certificate, end: number, env: Env): void {
  const { answers } = job.computation;
  for (const { index, outcome } of answers.linesBetween(certificate.lines, end)) {
    certificate.add(index, outcomeHash(outcome, env.hash));
  }
}
