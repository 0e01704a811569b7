import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Calls } from './calls.ts';
import { missingOf, packageOf } from './piscina.ts';
import { isThere, Processes } from './processes.ts';
import { Redis } from './redis.ts';
import type { Order, Outcome, Running, System } from './system.ts';
import { taskOf } from './task.ts';

/** What is used of the package. */
interface Queue {
  addBulk(jobs: readonly object[]): Promise<readonly { id: string }[]>;
  close(): Promise<void>;
  on(name: 'error', listener: () => void): void;
}
interface QueueEvents {
  on(name: 'completed', listener: (event: { returnvalue: unknown }) => void): void;
  on(name: 'failed', listener: (event: { failedReason: string }) => void): void;
  on(name: 'error', listener: () => void): void;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}
interface BullMq {
  readonly Queue: new (name: string, options: object) => Queue;
  readonly QueueEvents: new (name: string, options: object) => QueueEvents;
}

/** Redis with BullMQ: a process for each slot, results by the queue's events. */
export const bullmq: System = {
  ...{ name: 'Redis, BullMQ', language: 'node', apt: ['redis-server'], npm: ['bullmq', 'ioredis'] },
  kinds: ['touch', 'instant', 'busy', 'rare', 'slow', 'traced'],
  missing: (bed) =>
    isThere('redis-server') ? missingOf(bed, ['bullmq', 'ioredis']) : 'redis-server',
  start: async (bed, setting) => {
    const processes = new Processes();
    const redis = await Redis.start(bed.folder, processes);
    const script = fileURLToPath(new URL('./bullmq-worker.ts', import.meta.url));
    const env = {
      ...process.env,
      BENCH_TASK: JSON.stringify(taskOf(bed, setting)),
      BENCH_PACKAGES: bed.packages,
      BENCH_PORT: String(redis.port),
      // What returns at once is what many in hand are for.
      BENCH_AT_ONCE: setting.kind === 'instant' ? '50' : '1',
    };
    for (let k = 0; k < setting.slots; k += 1) {
      const stdio = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'];
      const child = processes.start(process.execPath, [script], { env, stdio });
      if (child.stdout !== null) await once(child.stdout, 'data');
    }
    const { Queue, QueueEvents } = packageOf(bed.packages, 'bullmq') as BullMq;
    const connection = { host: '127.0.0.1', port: redis.port };
    const queue = new Queue('bench', { connection });
    // From the first one on: it is connected before it listens, and what comes between is missed.
    const events = new QueueEvents('bench', { connection, lastEventId: '0-0' });
    for (const each of [queue, events]) each.on('error', () => undefined);
    await events.waitUntilReady();
    return new QueueRun(queue, events, redis, processes, setting.slots);
  },
};

class QueueRun implements Running {
  readonly #queue: Queue;
  readonly #events: QueueEvents;
  readonly #redis: Redis;
  readonly #processes: Processes;
  readonly #calls: Calls;

  constructor(
    queue: Queue,
    events: QueueEvents,
    redis: Redis,
    processes: Processes,
    slots: number,
  ) {
    this.#queue = queue;
    this.#events = events;
    this.#redis = redis;
    this.#processes = processes;
    const calls = new Calls({
      slots,
      // Four events each, and the queue keeps the last 10 000: who reads late would miss some.
      window: 1000,
      submit: async (indices) => {
        const options = { removeOnComplete: true };
        await queue.addBulk(indices.map((index) => ({ name: 'call', data: index, opts: options })));
      },
    });
    this.#calls = calls;
    events.on('completed', ({ returnvalue }) => {
      const [index, value] = asResult(returnvalue);
      calls.settle(index, value);
    });
  }

  run(order: Order): Promise<Outcome> {
    return this.#calls.run(order);
  }

  killHub(): Promise<void> {
    return this.#redis.kill();
  }

  restartHub(): Promise<void> {
    return this.#redis.restart();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A client whose server has gone would wait for it.
    const closed = Promise.allSettled([this.#queue.close(), this.#events.close()]);
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 1000))]);
    await this.#processes[Symbol.asyncDispose]();
  }
}

function asResult(returned: unknown): [number, unknown] {
  return (typeof returned === 'string' ? JSON.parse(returned) : returned) as [number, unknown];
}
