import type { JobError } from './job-errors.ts';
import { withoutNumbers } from './without-numbers.ts';

/** Groups that a report shows. */
const MAX_GROUPS = 20;

/** Indices told of a group. */
const MAX_INDICES = 5;

/** Errors of one name whose messages differ in numbers alone. */
export interface ErrorGroup {
  readonly name: string;
  readonly count: number;
  /** The first of their indices, at most 5. */
  readonly indices: readonly number[];
  /** Message of the first, with its stack where one of them kept it. */
  readonly detail: string;
  /** The text of the first command, shortened, where it is at hand. */
  readonly command?: string;
}

interface Group extends ErrorGroup {
  count: number;
  readonly indices: number[];
  detail: string;
}

/**
 * Groups errors by name and message, numbers aside; the most frequent first, ties by their order.
 * They are taken one by one, so that a job's many are never held at once.
 */
export class ErrorGroups {
  readonly #groups = new Map<string, Group>();

  add({ index, name, detail }: JobError): void {
    const message = detail.split('\n    at ', 1)[0] ?? '';
    const key = `${name} ${withoutNumbers(message)}`;
    const group = this.#groups.get(key) ?? { name, count: 0, indices: [], detail };
    this.#groups.set(key, group);
    group.count++;
    if (group.indices.length < MAX_INDICES) group.indices.push(index);
    // A batch keeps the stacks of its first errors alone.
    if (!group.detail.includes('\n    at ')) group.detail = detail;
  }

  top(): ErrorGroup[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count).slice(0, MAX_GROUPS);
  }
}
