// A worker of JetStream: the function of the task for each message, then the result, then the ack.
import { evaluator, taskOfProcess } from '../evaluator.ts';
import { packageOf } from './piscina.ts';

interface Message {
  string(): string;
  ack(): void;
}
interface Consumer {
  consume(options: object): Promise<AsyncIterable<Message>>;
}
interface Connection {
  publish(subject: string, text: string): void;
}

const packages = process.env['BENCH_PACKAGES'] ?? '';
const { connect } = packageOf(packages, '@nats-io/transport-node') as {
  connect(options: object): Promise<Connection>;
};
const { jetstream } = packageOf(packages, '@nats-io/jetstream') as {
  jetstream(connection: Connection): {
    consumers: { get(stream: string, name: string): Promise<Consumer> };
  };
};
const evaluate = await evaluator(taskOfProcess());
const servers = `127.0.0.1:${process.env['BENCH_PORT']}`;
const connection = await connect({ servers, maxReconnectAttempts: -1 });
const consumer = await jetstream(connection).consumers.get('bench', 'workers');
const messages = await consumer.consume({ max_messages: Number(process.env['BENCH_AT_ONCE']) });
process.stdout.write('ready\n');
for await (const message of messages) {
  const index = Number(message.string());
  const value = (await evaluate(index)) ?? null;
  connection.publish('results', JSON.stringify([index, value]));
  message.ack();
}
