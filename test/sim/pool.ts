import { Worker } from 'node:worker_threads';
import type { Verdict } from './run.ts';
import type { Lot, Word, WorkerPlan } from './worker.ts';

/** A lot with the bug that its worlds have. */
export interface Order extends Lot {
  readonly bug: string | null;
}

/** How a pool works. */
export interface PoolOptions {
  /** Threads. */
  readonly workers: number;
  /** Longest time of one world, in ms on the wall; over it, it hangs. */
  readonly limitMs: number;
  /** Memory of a thread in MB. */
  readonly memoryMb: number;
}

/** One thread and the bug that it was made with. */
interface Hand {
  readonly worker: Worker;
  readonly bug: string | null;
}

/**
 * Runs lots of worlds on threads, a lot at a time on each, and tells of each world's end: within a
 * lot in the order of its seeds. How many threads there are changes nothing else.
 */
export async function runOrders(
  orders: Iterator<Order>,
  options: PoolOptions,
  told: (order: Order, verdict: Verdict) => void,
): Promise<void> {
  const lanes = Array.from({ length: options.workers }, () => runLane(orders, options, told));
  await Promise.all(lanes);
}

async function runLane(
  orders: Iterator<Order>,
  options: PoolOptions,
  told: (order: Order, verdict: Verdict) => void,
): Promise<void> {
  let hand: Hand | null = null;
  try {
    for (let next = orders.next(); next.done !== true; next = orders.next()) {
      let left: Order | null = next.value;
      while (left !== null) {
        if (hand !== null && hand.bug !== left.bug) {
          await hand.worker.terminate();
          hand = null;
        }
        hand ??= newHand(left.bug, options);
        const rest: Order | null = await runLot(hand, left, options, told);
        if (rest !== null) hand = null;
        left = rest !== null && rest.count > 0 ? rest : null;
      }
    }
  } finally {
    await hand?.worker.terminate();
  }
}

function newHand(bug: string | null, { memoryMb }: PoolOptions): Hand {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    workerData: { bug } satisfies WorkerPlan,
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  });
  return { worker, bug };
}

/** Runs a lot. Null: it is over. Else its worker is gone, and this is left to run. */
function runLot(
  { worker }: Hand,
  order: Order,
  { limitMs }: PoolOptions,
  told: (order: Order, verdict: Verdict) => void,
): Promise<Order | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Order | null>();
  let seed = order.from;
  const timer = setTimeout(() => lose('hang', `no end after ${limitMs / 1000} s`), limitMs);
  const end = (rest: Order | null): void => {
    clearTimeout(timer);
    worker.removeAllListeners('message').removeAllListeners('error');
    resolve(rest);
  };
  /** The world under way brought its thread to an end, or is brought to one. */
  function lose(invariant: string, what: string): void {
    told(order, lostVerdict(seed, invariant, what));
    const { from, count } = order;
    const rest = order.untilBroken ? 0 : from + count - seed - 1;
    worker.terminate().then(() => end({ ...order, from: seed + 1, count: rest }), reject);
  }
  worker.on('message', (word: Word) => {
    if ('over' in word) return end(null);
    timer.refresh();
    if ('begun' in word) seed = word.begun;
    else told(order, word.verdict);
  });
  worker.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'ERR_WORKER_OUT_OF_MEMORY') return lose('crash', 'out of memory');
    clearTimeout(timer);
    reject(error);
  });
  const { from, count, untilBroken } = order;
  worker.postMessage({ from, count, untilBroken } satisfies Lot);
  return promise;
}

function lostVerdict(seed: number, invariant: string, what: string): Verdict {
  return {
    ...{ seed, violation: { invariant, at: 0, what }, fired: new Map(), counts: new Map() },
    ...{ ms: 0, events: 0, transcript: [] },
  };
}
