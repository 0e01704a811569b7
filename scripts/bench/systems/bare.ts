import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Kind, Order, Outcome, Running, Setting, System } from './system.ts';
import { taskOf } from './task.ts';

/** Executors run at this priority, so the bare loop does too. */
const NICE = 10;

/** What a bare process is told: calls lo … hi − 1. */
export interface BareOrder {
  readonly kind: Kind;
  readonly lo: number;
  readonly hi: number;
}

/** Plain processes, one for each slot, each with its share: what no system can be faster than. */
export const bare: System = {
  name: 'bare loop, Node',
  language: 'node',
  kinds: ['instant', 'busy', 'rare', 'few'],
  apt: [],
  npm: [],
  missing: () => null,
  start: async (bed, setting) => {
    const script = fileURLToPath(new URL('./bare-worker.ts', import.meta.url));
    const env = { ...process.env, BENCH_TASK: JSON.stringify(taskOf(bed, setting)) };
    const children = Array.from({ length: setting.slots }, () => {
      const child = fork(script, {
        ...{ env, detached: true, serialization: 'advanced' },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      if (child.pid !== undefined) setPriority(child.pid, NICE);
      return child;
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    return new BareProcesses(children, setting);
  },
};

class BareProcesses implements Running {
  readonly #children: readonly ChildProcess[];
  readonly #kind: Kind;
  #next = 0;

  constructor(children: readonly ChildProcess[], { kind }: Setting) {
    this.#children = children;
    this.#kind = kind;
  }

  async run({ units: most, accept, expected }: Order): Promise<Outcome> {
    const units = expected ?? most;
    const lo = this.#next;
    const share = Math.ceil(units / this.#children.length);
    this.#next += units;
    const start = performance.now();
    const parts = await Promise.all(
      this.#children.map(async (child, k) => {
        const from = lo + k * share;
        const to = Math.min(lo + units, from + share);
        child.send({ kind: this.#kind, lo: from, hi: to } satisfies BareOrder);
        const [values] = (await once(child, 'message')) as [Float64Array];
        return values;
      }),
    );
    const seconds = (performance.now() - start) / 1000;
    const values = accept === undefined ? parts.flatMap((part) => [...part]) : [];
    return { seconds, units, needed: units, values };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.#children.map((child) => once(child, 'exit'));
    for (const child of this.#children) child.disconnect();
    await Promise.all(ended);
  }
}
