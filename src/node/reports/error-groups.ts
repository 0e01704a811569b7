import type { JobState } from '../../core/job-state.ts';
import { jobErrors } from './job-errors.ts';
import { withoutNumbers } from './without-numbers.ts';

/** Groups that a report shows. */
const MAX_GROUPS = 20;

/** Indices told of a group. */
const MAX_INDICES = 5;

/** Errors looked at; of more, the first. */
const MAX_ERRORS = 100_000;

/** Errors of one name whose messages differ in numbers alone. */
export interface ErrorGroup {
  readonly name: string;
  readonly count: number;
  /** The first of their indices, at most 5. */
  readonly indices: readonly number[];
  /** Message of the first, with its stack where one of them kept it. */
  readonly detail: string;
}

interface Group extends ErrorGroup {
  count: number;
  readonly indices: number[];
  detail: string;
}

/**
 * Groups the errors below an index by name and message, numbers aside; the most frequent first,
 * ties by index.
 */
export function groupErrors(job: JobState, end: number): ErrorGroup[] {
  const groups = new Map<string, Group>();
  for (const { index, name, detail } of jobErrors(job, end, MAX_ERRORS)) {
    const message = detail.split('\n    at ', 1)[0] ?? '';
    const key = `${name} ${withoutNumbers(message)}`;
    const group = groups.get(key) ?? { name, count: 0, indices: [], detail };
    groups.set(key, group);
    group.count++;
    if (group.indices.length < MAX_INDICES) group.indices.push(index);
    // A batch keeps the stacks of its first errors alone.
    if (!group.detail.includes('\n    at ')) group.detail = detail;
  }
  return [...groups.values()].sort((a, b) => b.count - a.count).slice(0, MAX_GROUPS);
}
