import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Calls } from './calls.ts';
import type { Bed, Order, Outcome, Running, System } from './system.ts';
import { taskOf } from './task.ts';

/** What is used of the package. */
interface Pool {
  run(index: number): Promise<unknown>;
  destroy(): Promise<void>;
}
type PoolClass = new (options: object) => Pool;

/** A package of npm from where `--install` put it. */
export function packageOf(packages: string, name: string): unknown {
  return createRequire(join(packages, 'package.json'))(name);
}

/** The words for the first package that is not there; null when all are. */
export function missingOf({ packages }: Bed, names: readonly string[]): string | null {
  const lost = names.find((name) => !existsSync(join(packages, 'node_modules', name)));
  return lost === undefined ? null : `${lost} of npm`;
}

/** A pool of threads in one process, called item by item: the limit of the runtime. */
export const piscina: System = {
  ...{ name: 'piscina', language: 'node', apt: [], npm: ['piscina'] },
  kinds: ['touch', 'instant', 'busy', 'rare', 'slow'],
  missing: (bed) => missingOf(bed, ['piscina']),
  start: async (bed, setting) => {
    const { Piscina } = packageOf(bed.packages, 'piscina') as { Piscina: PoolClass };
    const pool = new Piscina({
      filename: fileURLToPath(new URL('./piscina-worker.ts', import.meta.url)),
      ...{ minThreads: setting.slots, maxThreads: setting.slots },
      env: { ...process.env, BENCH_TASK: JSON.stringify(taskOf(bed, setting)) },
    });
    return new PoolRun(pool, setting.slots);
  },
};

class PoolRun implements Running {
  readonly #pool: Pool;
  readonly #calls: Calls;

  constructor(pool: Pool, slots: number) {
    this.#pool = pool;
    this.#calls = new Calls({ slots, submit: async (indices) => this.#submit(indices) });
  }

  #submit(indices: readonly number[]): void {
    for (const index of indices) {
      this.#pool.run(index).then(
        (value) => this.#calls.settle(index, value),
        (error: Error) => this.#calls.fail(error),
      );
    }
  }

  run(order: Order): Promise<Outcome> {
    return this.#calls.run(order);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool.destroy();
  }
}
