import { rests } from '../../core/duty.ts';
import type { Hash, JobId } from '../../core/ids.ts';
import type { JobState } from '../../core/job-state.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { WorkInputs } from '../../work/workforce.ts';
import type { Loop } from '../loop.ts';
import type { CommandValue } from '../reports/command-result.ts';
import { sha256 } from './item-list.ts';
import type { RecallOptions, Submission } from './submission.ts';

/** Items read at a time. */
const ITEMS = 4096;

/** Where a command of a submission ran before, or is about to run. */
export interface Recalled {
  /** Its place in the submission. */
  readonly item: number;
  readonly job: JobId;
  readonly index: number;
  /** What it came to; absent while the job goes on and has not come to it. */
  readonly value?: unknown;
  /** Its job is over without an outcome of it: only another job runs it again. */
  readonly isOver?: true;
}

/**
 * What this peer knows of a submission's commands from jobs that it published before, those that
 * are still going on included: one line for each run that it knows. A command is the same when its
 * item's text and all that the submission's program says are the same. Newest jobs first.
 */
export async function* recall(
  loop: Loop,
  { program, target }: Pick<Submission, 'program' | 'target'>,
  { before = Number.POSITIVE_INFINITY }: RecallOptions = {},
): AsyncGenerator<Recalled> {
  if (target.kind !== 'map') return;
  const places = new Map<string, number[]>();
  for (const [place, text] of target.items.entries()) {
    const list = places.get(text);
    if (list === undefined) places.set(text, [place]);
    else list.push(place);
  }
  for (const job of jobsOf(loop, sha256(program), before)) {
    const { count } = job.manifest.target;
    const items = await loop.items(job.computation.id);
    const goesOn = !rests(loop.state, job) || (await isCovered(job, items, places));
    for (let lo = 0; lo < count && items !== undefined; lo += ITEMS) {
      const texts = await items(lo, Math.min(count, lo + ITEMS));
      for (const [k, text] of texts.entries()) {
        const known = places.get(text);
        if (known === undefined) continue;
        const outcome = job.computation.answers.get(lo + k);
        // Most values are short, and here: nothing is waited for.
        const found =
          outcome?.kind === 'long'
            ? await longRun(loop, job, lo + k, outcome.hash)
            : runOf(loop, job, lo + k, outcome);
        if (found === null) continue;
        if (found.value === undefined && found.isOver !== true && !goesOn) continue;
        for (const item of known) yield { item, ...found };
      }
    }
  }
}

/** Says whether all that a job has not come to yet is among the texts of a submission. */
async function isCovered(
  { computation, manifest }: JobState,
  items: WorkInputs['items'],
  places: ReadonlyMap<string, unknown>,
): Promise<boolean> {
  const { count } = manifest.target;
  for (const [from, to] of computation.coverage.gaps(0, count)) {
    for (let lo = from; lo < to && items !== undefined; lo += ITEMS) {
      const texts = await items(lo, Math.min(to, lo + ITEMS));
      if (texts.some((text) => !places.has(text))) return false;
    }
  }
  return true;
}

function jobsOf({ state }: Loop, program: string, before: number): JobState[] {
  return [...state.jobs.values()]
    .filter(({ manifest: { spec, publishedAt } }) => {
      const isOwn = spec.commandsOf === state.self.peer && spec.program === program;
      return isOwn && publishedAt < before;
    })
    .sort((a, b) => b.manifest.publishedAt - a.manifest.publishedAt);
}

/** What a run came to, and where; null when it is of no use. */
type Run = Omit<Recalled, 'item'> | null;

function runOf(
  loop: Loop,
  job: JobState,
  index: number,
  outcome: Exclude<Outcome, { kind: 'long' }> | undefined,
): Run {
  const place = { job: job.id, index };
  if (outcome === undefined) {
    return job.active && !job.skips.has(index) ? place : { ...place, isOver: true };
  }
  return outcome.kind === 'error' ? null : recalled(loop, job, place, outcome.text);
}

/** The same of a run whose value is a blob. */
async function longRun(loop: Loop, job: JobState, index: number, hash: Hash): Promise<Run> {
  const bytes = await loop.blob(hash);
  if (bytes === undefined) return null;
  return recalled(loop, job, { job: job.id, index }, new TextDecoder().decode(bytes));
}

/** Without its value while its outputs are still to come. */
function recalled(
  loop: Loop,
  job: JobState,
  place: Omit<Recalled, 'item'>,
  text: string,
): Omit<Recalled, 'item'> {
  const value = loop.transfers.recall(job, place.index, JSON.parse(text) as CommandValue);
  return value === null ? place : { ...place, value };
}
