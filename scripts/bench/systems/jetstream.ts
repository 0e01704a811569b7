import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Calls } from './calls.ts';
import { missingOf, packageOf } from './piscina.ts';
import { answers, freePort, isThere, Processes } from './processes.ts';
import type { Order, Outcome, Running, System } from './system.ts';
import { taskOf } from './task.ts';

/** What is used of the packages. */
interface Connection {
  subscribe(subject: string): AsyncIterable<{ json(): unknown }>;
  close(): Promise<void>;
}
interface Stream {
  publish(subject: string, text: string): Promise<unknown>;
}
interface Manager {
  readonly streams: { add(options: object): Promise<unknown> };
  readonly consumers: { add(stream: string, options: object): Promise<unknown> };
}
interface Transport {
  connect(options: object): Promise<Connection>;
}
interface JetStream {
  jetstream(connection: Connection): Stream;
  jetstreamManager(connection: Connection): Promise<Manager>;
}

/** Messages that a worker has in hand. */
const IN_HAND = 50;
const PACKAGES = ['@nats-io/transport-node', '@nats-io/jetstream'];

/** NATS JetStream: a stream on disk, explicit acknowledgement, results on a subject. */
export const jetstream: System = {
  ...{ name: 'NATS JetStream', language: 'node', apt: ['nats-server'], npm: PACKAGES },
  kinds: ['touch', 'instant', 'busy', 'rare', 'slow', 'traced'],
  missing: (bed) => (isThere('nats-server') ? missingOf(bed, PACKAGES) : 'nats-server'),
  start: async (bed, setting) => {
    const processes = new Processes();
    const port = await freePort();
    const folder = join(bed.folder, `nats-${port}`);
    const args = ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', String(port)];
    const serve = async (): Promise<ChildProcess> => {
      const child = processes.start('nats-server', args);
      await answers(port);
      return child;
    };
    const server = await serve();
    const { connect } = packageOf(bed.packages, '@nats-io/transport-node') as Transport;
    const { jetstream: streamOf, jetstreamManager } = packageOf(
      bed.packages,
      '@nats-io/jetstream',
    ) as JetStream;
    const options = { servers: `127.0.0.1:${port}`, maxReconnectAttempts: -1 };
    const connection = await connect(options);
    const manager = await jetstreamManager(connection);
    const stream = { name: 'bench', subjects: ['work'], retention: 'workqueue', storage: 'file' };
    await manager.streams.add(stream);
    await manager.consumers.add('bench', {
      ...{ durable_name: 'workers', ack_policy: 'explicit', max_ack_pending: 1000 },
    });
    const env = {
      ...process.env,
      BENCH_TASK: JSON.stringify(taskOf(bed, setting)),
      ...{ BENCH_PACKAGES: bed.packages, BENCH_PORT: String(port) },
      BENCH_AT_ONCE: setting.kind === 'instant' || setting.kind === 'busy' ? `${IN_HAND}` : '1',
    };
    const script = fileURLToPath(new URL('./jetstream-worker.ts', import.meta.url));
    for (let k = 0; k < setting.slots; k += 1) {
      const stdio = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'];
      const child = processes.start(process.execPath, [script], { env, stdio });
      if (child.stdout !== null) await once(child.stdout, 'data');
    }
    return new StreamRun(connection, streamOf(connection), setting.slots, processes, {
      serve,
      server,
    });
  },
};

interface Hub {
  readonly serve: () => Promise<ChildProcess>;
  server: ChildProcess;
}

class StreamRun implements Running {
  readonly #connection: Connection;
  readonly #calls: Calls;
  readonly #processes: Processes;
  readonly #hub: Hub;

  constructor(
    connection: Connection,
    stream: Stream,
    slots: number,
    processes: Processes,
    hub: Hub,
  ) {
    this.#connection = connection;
    this.#processes = processes;
    this.#hub = hub;
    const calls = new Calls({
      slots,
      submit: async (indices) => {
        await Promise.all(indices.map((index) => stream.publish('work', String(index))));
      },
    });
    this.#calls = calls;
    const listen = async (): Promise<void> => {
      for await (const message of connection.subscribe('results')) {
        const [index, value] = message.json() as [number, unknown];
        calls.settle(index, value);
      }
    };
    listen().catch((error: Error) => calls.fail(error));
  }

  run(order: Order): Promise<Outcome> {
    return this.#calls.run(order);
  }

  killHub(): Promise<void> {
    return this.#processes.kill(this.#hub.server);
  }

  async restartHub(): Promise<void> {
    this.#hub.server = await this.#hub.serve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
    await this.#processes[Symbol.asyncDispose]();
  }
}
