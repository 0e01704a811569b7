import type { JobState } from '../../core/job-state.ts';
import { withoutNumbers } from './without-numbers.ts';

/** Groups that a report shows. */
const MAX_GROUPS = 20;

/** Indices told of a group. */
const MAX_INDICES = 5;

/** Attempts without an outcome, of one kind, whose details differ in numbers alone. */
export interface AttemptGroup {
  /** timeout, memory, stack, system or died. */
  readonly kind: string;
  /** How many attempts. */
  readonly count: number;
  /** Of so many candidates. */
  readonly candidates: number;
  /** The first of their indices, at most 5. */
  readonly indices: readonly number[];
  /** Of the first. */
  readonly detail: string;
  /** The text of the first command, shortened, where it is at hand. */
  readonly command?: string;
}

/**
 * Groups the attempts that came to no outcome by kind and detail, numbers aside; the most frequent
 * first, ties by index.
 */
export function groupAttempts({ computation: { attempts } }: JobState): AttemptGroup[] {
  const groups = new Map<string, { first: AttemptGroup; tries: number; indices: Set<number> }>();
  for (const index of [...attempts.keys()].sort((a, b) => a - b)) {
    for (const { failure: kind, detail } of attempts.get(index) ?? []) {
      const key = `${kind} ${withoutNumbers(detail)}`;
      const first = { kind, detail, count: 0, candidates: 0, indices: [] };
      const group = groups.get(key) ?? { first, tries: 0, indices: new Set<number>() };
      groups.set(key, group);
      group.tries++;
      group.indices.add(index);
    }
  }
  return [...groups.values()]
    .map(({ first, tries, indices }) => {
      const some = [...indices].slice(0, MAX_INDICES);
      return { ...first, count: tries, candidates: indices.size, indices: some };
    })
    .sort((a, b) => b.count - a.count)
    .slice(0, MAX_GROUPS);
}
