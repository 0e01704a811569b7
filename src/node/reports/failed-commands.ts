import type { Hash } from '../../core/ids.ts';
import type { JobState } from '../../core/job-state.ts';
import type { Outcome } from '../../core/outcome.ts';
import { type CommandValue, hasSucceeded } from './command-result.ts';
import { figuresEnd } from './figures-end.ts';

/** Results that are read at once. */
const AT_ONCE = 32;

/** Counts the commands of jobs that failed, and reads each result once. */
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
    const { answers, isPure } = job.computation;
    if (isPure) return 0;
    const end = figuresEnd(job);
    const lines = answers.positionOf(end);
    let failed = 0;
    let unread: Outcome[] = [];
    const read = async (): Promise<void> => {
      const found = await Promise.all(unread.map((outcome) => this.#read(outcome)));
      failed += found.filter(Boolean).length;
      unread = [];
    };
    for (let k = 0; k < lines; k++) {
      const outcome = answers.get(answers.lineAt(k) ?? 0);
      if (outcome === undefined || outcome.kind === 'error') continue;
      const known = this.#hasFailed.get(outcome);
      if (known === undefined) unread.push(outcome);
      else if (known) failed++;
      if (unread.length >= AT_ONCE) await read();
    }
    await read();
    return failed;
  }

  async #read(outcome: Outcome): Promise<boolean> {
    if (outcome.kind === 'error') return false;
    const text =
      outcome.kind === 'value'
        ? outcome.text
        : new TextDecoder().decode(await this.#blob(outcome.hash));
    // Of a result that is not here nothing is known yet.
    if (text === '') return false;
    const hasFailed = !hasSucceeded(JSON.parse(text) as CommandValue);
    this.#hasFailed.set(outcome, hasFailed);
    return hasFailed;
  }
}
