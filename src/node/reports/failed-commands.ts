import type { Hash } from '../../core/ids.ts';
import type { JobState } from '../../core/job-state.ts';
import type { Outcome } from '../../core/outcome.ts';
import { clipText } from '../../work/candidate/clip-text.ts';
import { type CommandValue, failureOf, hasSucceeded } from './command-result.ts';
import { figuresEnd } from './figures-end.ts';
import type { JobError } from './job-errors.ts';

/** Results that are read at once. */
const AT_ONCE = 32;

/** What is told of a command's stderr, in bytes; as much as of a function's error. */
const MAX_DETAIL_BYTES = 2048;

/** A result of a job's answer. */
interface Found {
  readonly index: number;
  readonly outcome: Outcome;
}

/** Finds the commands of jobs that failed, and remembers which did. */
export class FailedCommands {
  readonly #blob: (hash: Hash) => Promise<Uint8Array | undefined>;
  readonly #hasFailed = new WeakMap<Outcome, boolean>();

  constructor(blob: (hash: Hash) => Promise<Uint8Array | undefined>) {
    this.#blob = blob;
  }

  /**
   * How many commands of a job's answer failed, as far as their results are on this disk; 0 for a
   * function.
   */
  async count(job: JobState): Promise<number> {
    let failed = 0;
    let unread: Outcome[] = [];
    const read = async (): Promise<void> => {
      const values = await Promise.all(unread.map((outcome) => this.#read(outcome)));
      failed += values.filter((value) => value !== null && !hasSucceeded(value)).length;
      unread = [];
    };
    for (const { outcome } of resultsOf(job)) {
      const known = this.#hasFailed.get(outcome);
      if (known === undefined) unread.push(outcome);
      else if (known) failed++;
      if (unread.length >= AT_ONCE) await read();
    }
    await read();
    return failed;
  }

  /** The results of which nothing is known yet: they are on other disks, at best. */
  async unread(job: JobState): Promise<Hash[]> {
    const unread: Hash[] = [];
    const read = async (some: readonly Outcome[]): Promise<void> => {
      const values = await Promise.all(some.map((outcome) => this.#read(outcome)));
      some.forEach((outcome, k) => {
        if (values[k] === null && outcome.kind === 'long') unread.push(outcome.hash);
      });
    };
    let waiting: Outcome[] = [];
    for (const { outcome } of resultsOf(job)) {
      if (this.#hasFailed.has(outcome)) continue;
      waiting.push(outcome);
      if (waiting.length < AT_ONCE) continue;
      await read(waiting);
      waiting = [];
    }
    await read(waiting);
    return unread;
  }

  /** How they failed, by rising index. Long results are read from the disk again. */
  async *errors(job: JobState): AsyncGenerator<JobError> {
    let unread: Found[] = [];
    for (const found of resultsOf(job)) {
      if (this.#hasFailed.get(found.outcome) === false) continue;
      unread.push(found);
      if (unread.length < AT_ONCE) continue;
      yield* await this.#told(unread);
      unread = [];
    }
    yield* await this.#told(unread);
  }

  async #told(some: readonly Found[]): Promise<JobError[]> {
    const values = await Promise.all(some.map(({ outcome }) => this.#read(outcome)));
    return some.flatMap(({ index }, k) => {
      const value = values[k] ?? null;
      if (value === null || hasSucceeded(value)) return [];
      const name = failureOf(value);
      return [{ index, name, detail: clipText(value.stderr ?? name, MAX_DETAIL_BYTES) }];
    });
  }

  /** Null of a result that is not here: nothing is known of it yet. */
  async #read(outcome: Outcome): Promise<CommandValue | null> {
    if (outcome.kind === 'error') return null;
    const text =
      outcome.kind === 'value'
        ? outcome.text
        : new TextDecoder().decode(await this.#blob(outcome.hash));
    if (text === '') return null;
    const value = JSON.parse(text) as CommandValue;
    this.#hasFailed.set(outcome, !hasSucceeded(value));
    return value;
  }
}

/** The results of a job of commands, as far as its figures go; nothing of a function. */
function* resultsOf(job: JobState): Generator<Found> {
  const { answers, isPure } = job.computation;
  if (isPure) return;
  const lines = answers.positionOf(figuresEnd(job));
  for (let k = 0; k < lines; k++) {
    const index = answers.lineAt(k) ?? 0;
    const outcome = answers.get(index);
    if (outcome !== undefined && outcome.kind !== 'error') yield { index, outcome };
  }
}
