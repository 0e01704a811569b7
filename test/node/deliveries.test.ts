import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JobState } from '../../src/core/job-state.ts';
import { describeFile } from '../../src/files/describe.ts';
import { returnPattern } from '../../src/files/return-pattern.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import { Deliveries } from '../../src/node/files/deliveries.ts';
import { DeliveryLog } from '../../src/node/files/delivery-log.ts';
import { FileService } from '../../src/node/files/file-service.ts';
import type { CommandValue } from '../../src/node/reports/command-result.ts';
import { Recorder } from '../net/recorder.ts';

let folder = '';
let hub: MemoryHub;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-deliveries-'));
  mkdirSync(join(folder, 'user'));
  hub = new MemoryHub();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const PUBLISHER = 'publisher';
const DONE: CommandValue = { exit: 0, signal: 0, started: 1, seconds: 1, tries: 1 };

/** A peer's files on the network of the test. */
async function peer(name: string): Promise<{ files: FileService; network: MemoryNetwork }> {
  const files = await FileService.open(join(folder, name), name);
  const network = new MemoryNetwork(hub, name, new Recorder());
  files.connect(network);
  return { files, network };
}

/** The publisher and a worker, who are linked, and a command that was to make what this says. */
async function made(...patterns: string[]) {
  const [publisher, worker] = [await peer(PUBLISHER), await peer('worker')];
  hub.link(PUBLISHER, 'worker');
  await Promise.resolve();
  const program = { directory: join(folder, 'user'), transfer: true };
  const item = { command: 'true', returns: patterns.map(returnPattern) };
  const warnings: string[] = [];
  const options = {
    ...{ self: PUBLISHER, files: publisher.files, outputs: join(folder, 'outputs') },
    log: new DeliveryLog(join(folder, 'told')),
    inputs: async () => ({
      ...{ computation: 'c', params: '{}', seed: 0, commands: true },
      program: new TextEncoder().encode(JSON.stringify(program)),
      items: async () => [JSON.stringify(item)],
    }),
    nameOf: (id: string) => id,
    isDead: () => true,
    warn: (event: string) => void warnings.push(event),
  };
  const deliveries = new Deliveries(options);
  const spec = { commandsOf: PUBLISHER };
  const computation = { id: 'c', spec, recordAt: () => ({ origin: 'worker' }) };
  const job = { id: 'j', computation } as unknown as JobState;
  /** What the worker says that it made, with its content. */
  const output = async (bytes: Uint8Array) => {
    const path = join(folder, randomBytes(6).toString('hex'));
    writeFileSync(path, bytes, { mode: 0o644 });
    const described = await describeFile(path);
    const hash = await worker.files.store.adopt(path, described);
    return [hash, bytes.length, 0o644] as const;
  };
  const deliver = (outputs: NonNullable<CommandValue['outputs']>, index = 0) =>
    deliveries.deliver({ job, index, value: { ...DONE, outputs } });
  return { publisher, worker, deliveries, options, job, output, deliver, warnings };
}

/** Names of all that lies below a folder. */
function below(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
}

test('outputs are written under the names that the publisher gave', async () => {
  const { output, deliver } = await made('out/./*.txt');
  const value = await deliver({ 'a.txt': await output(Buffer.from('a')) });
  expect(readFileSync(join(folder, 'user/out/a.txt'), 'utf8')).toBe('a');
  expect(value.files).toEqual({ 'out/a.txt': [1, expect.any(Number)] });
  expect(value.ended).toBe(undefined);
});

test('a worker that lies writes nothing under a name that was not asked for', async () => {
  const { output, deliver, warnings } = await made('out/*.txt', '{}.up');
  const bytes = await output(Buffer.from('evil'));
  const names = [
    ...['../evil', '/evil', 'out/../../evil.txt', 'out/../evil.txt', '.ssh/authorized_keys'],
    ...['out/.hidden.txt', 'out/a/b.txt', 'other', 'out/', '', '..', 'out/\0.txt'],
  ];
  for (const [index, name] of names.entries()) {
    const value = await deliver({ [name]: bytes }, index);
    expect([value.ended, value.problem]).toEqual([
      'files',
      expect.stringMatching(/^worker sent a file that was not asked for/),
    ]);
  }
  expect(below(join(folder, 'user'))).toEqual([]);
  expect(existsSync(join(folder, 'evil'))).toBe(false);
  expect(warnings.length).toBe(names.length);
});

test('an output under what is no hash is none', async () => {
  const { deliver } = await made('a');
  const value = await deliver({ a: ['../../user/x', 1, 0o644] });
  expect(value.problem).toBe('worker sent a file that was not asked for: a');
});

test('long standard output comes too, to a place of its own', async () => {
  const { output, deliveries, job } = await made();
  const bytes = randomBytes(300_000);
  const [hash] = await output(bytes);
  const long = { file: '/there', bytes: bytes.length, hash };
  const value = await deliveries.deliver({ job, index: 0, value: { ...DONE, stdoutFile: long } });
  expect(Buffer.compare(readFileSync(value.stdoutFile?.file ?? ''), bytes)).toBe(0);
});

test('what was written once is not written again, also after a new start', async () => {
  const { output, deliver, options, job } = await made('a');
  const outputs = { a: await output(Buffer.from('a')) };
  const first = await deliver(outputs);
  rmSync(join(folder, 'user/a'));
  expect(await deliver(outputs)).toEqual(first);
  const log = new DeliveryLog(join(folder, 'told'));
  const again = new Deliveries({ ...options, log });
  const value = { ...DONE, outputs };
  expect(again.recall({ job, index: 0, value })).toEqual(first);
  expect(again.recall({ job, index: 1, value })).toBe(null);
  expect(existsSync(join(folder, 'user/a'))).toBe(false);
});

test('a worker that died with an output nobody fetched: the command says so', async () => {
  const { output, deliver, worker, options, job } = await made('a', 'b');
  const outputs = { a: await output(randomBytes(3e6)) };
  worker.network.drop();
  const value = await deliver(outputs);
  expect([value.ended, value.problem]).toEqual([
    'files',
    'its output a is lost: worker, which made it, is gone',
  ]);
  expect(below(join(folder, 'user'))).toEqual([]);
  // The next run finds it failed, and runs it again.
  const recalled = new Deliveries(options).recall({ job, index: 0, value: { ...DONE, outputs } });
  expect(recalled?.ended).toBe('files');
});

test('a worker keeps an output until it was fetched, whatever its quota, and then lets it go', async () => {
  const { output, deliver, worker } = await made('a');
  const [hash, ...rest] = await output(randomBytes(2e6));
  await worker.files.store.sweep(0);
  expect(await worker.files.store.has(hash)).toBe(true);
  await deliver({ a: [hash, ...rest] });
  await expect
    .poll(async () => (await worker.files.store.sweep(0)).files, { timeout: 5000 })
    .toBe(0);
});
