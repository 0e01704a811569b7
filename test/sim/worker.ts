import { parentPort, workerData } from 'node:worker_threads';
import { bugNamed } from './bugs/bugs.ts';
import { plant } from './bugs/plant.ts';
import type { Verdict } from './run.ts';
import type { FaultKind } from './world/scenario.ts';

/** Seeds to run one after the other, without those in which the planted bug cannot show. */
export interface Lot {
  readonly from: number;
  readonly count: number;
  /** Ends with the first seed whose world breaks an invariant. */
  readonly untilBroken: boolean;
}

/** What a worker is told when it is made. */
export interface WorkerPlan {
  /** Name of the bug that is planted in it; null for none. */
  readonly bug: string | null;
}

/** What a worker tells: a world begins or is over, or its lot is. */
export type Word =
  | { readonly begun: number }
  | { readonly verdict: Verdict }
  | { readonly over: true };

/** Seeds looked at in one lot for those in which a bug can show. */
const MAX_PASSED = 100_000;

/** Says whether a bug can show in a world with these faults. null: in any. */
function isFit(needs: readonly FaultKind[] | null, faults: readonly FaultKind[]): boolean {
  if (needs === null) return true;
  if (needs.length === 0) return faults.length === 0;
  return faults.some((fault) => needs.includes(fault));
}

/** Runs lots of worlds on a thread of its own, with or without a planted bug. */
async function work(port: NonNullable<typeof parentPort>, { bug }: WorkerPlan): Promise<void> {
  const planted = bug === null ? null : bugNamed(bug);
  const check = planted === null ? null : plant(planted);
  const needs = planted?.needs ?? null;
  // Loaded only now: the bug is to be in it.
  const { generate } = await import('./world/generate.ts');
  const { run } = await import('./run.ts');
  check?.();
  port.on('message', ({ from, count, untilBroken }: Lot) => {
    let seed = from;
    for (let done = 0; done < count && seed < from + MAX_PASSED; seed++) {
      const scenario = generate(seed);
      if (!isFit(needs, scenario.faults)) continue;
      done++;
      port.postMessage({ begun: seed } satisfies Word);
      const verdict = run(scenario);
      port.postMessage({ verdict } satisfies Word);
      if (untilBroken && verdict.violation !== null) break;
    }
    port.postMessage({ over: true } satisfies Word);
  });
}

if (parentPort !== null) await work(parentPort, workerData as WorkerPlan);
