import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

/** Executors run at this priority, so the bare loop does too. */
const NICE = 10;

/** What a bare loop is told to do: candidates lo … hi − 1 of a function, without a mesh. */
export interface BareTask {
  readonly kind: 'trivial' | 'oneMs';
  /** Path of the function file; of `trivial` the same is written out in the loop. */
  readonly fn: string;
  readonly params: { readonly rounds: number };
  readonly seed: number;
  readonly lo: number;
  readonly hi: number;
}

/**
 * Processes that evaluate candidates in a plain loop: one for each slot, at the same time, like
 * executors in a session of their own and at their priority.
 */
export class BareLoops implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];

  constructor(count: number) {
    const script = fileURLToPath(new URL('./bare-child.ts', import.meta.url));
    for (let k = 0; k < count; k += 1) {
      const child = fork(script, { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      if (child.pid !== undefined) setPriority(child.pid, NICE);
      this.#children.push(child);
    }
  }

  /** Candidates per second of all together, each with its share of `count`. */
  async rate(task: Omit<BareTask, 'lo' | 'hi'>, count: number): Promise<number> {
    const share = Math.ceil(count / this.#children.length);
    const times = await Promise.all(
      this.#children.map(async (child, k) => {
        child.send({ ...task, lo: k * share, hi: (k + 1) * share } satisfies BareTask);
        const [ms] = (await once(child, 'message')) as [number];
        return ms;
      }),
    );
    return times.reduce((sum, ms) => sum + (share * 1000) / ms, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#children.map((child) => once(child, 'exit'));
    for (const child of this.#children) child.disconnect();
    await Promise.all(ended);
  }
}
