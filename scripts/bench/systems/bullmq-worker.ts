// A worker of BullMQ: the function of the task for each job, whose result is [index, value].
import { evaluator, taskOfProcess } from '../evaluator.ts';
import { packageOf } from './piscina.ts';

interface BullMq {
  readonly Worker: new (
    name: string,
    process: (job: { data: number }) => Promise<unknown>,
    options: object,
  ) => { on(name: 'error', listener: () => void): void; waitUntilReady(): Promise<unknown> };
}

const { Worker } = packageOf(process.env['BENCH_PACKAGES'] ?? '', 'bullmq') as BullMq;
const evaluate = await evaluator(taskOfProcess());
const worker = new Worker('bench', async ({ data }) => [data, (await evaluate(data)) ?? null], {
  connection: { host: '127.0.0.1', port: Number(process.env['BENCH_PORT']) },
  concurrency: Number(process.env['BENCH_AT_ONCE']),
});
worker.on('error', () => undefined);
await worker.waitUntilReady();
process.stdout.write('ready\n');
