import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { oracle } from '../oracle.ts';
import { childrenOf, Lab, type PeerProcess, type Published, poll } from './lab.ts';

const STEADY = 'test/e2e/functions/steady.js';
const TRACED = 'test/e2e/functions/traced.js';

/** Of a job that goes on for some seconds with two slots. */
const LONG = 2000;

/** A candidate that is not over when anything else is, in ms. */
const ENDLESS_MS = 300_000;

async function expectOracle(published: Published, accept: number): Promise<number> {
  const { stdout, summary } = await published.end();
  const truth = await oracle({ fn: STEADY, accept });
  expect(stdout).toBe(truth.stdout);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  return summary.peers;
}

/** Lines of a traced function's file that begin with a word. */
function traced(path: string, word: string): string[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines.filter((line) => line.startsWith(word)).map((line) => line.slice(word.length + 1));
}

async function worksOn(lab: Lab, name: string): Promise<void> {
  await poll(`${name} evaluates`, async () => (await lab.status(name)).busy > 0);
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, signal);
}

describe('a peer of a batch queue', () => {
  test('leaves before its time is over, and the others come to the oracle’s answer', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const published = await lab.publish('a', STEADY, '--accept', `${LONG}`);
    await published.firstLine();
    const b = await lab.join('b', [a], '--for', '12s');
    const { code, stderr } = await b.command.done;
    expect(code).toBe(0);
    expect(stderr).toContain('"why":"time"');
    expect(await expectOracle(published, LONG)).toBe(2);
  }, 180_000);

  test('ends when it had nothing to evaluate for some time', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const b = await lab.join('b', [a], '--idle-exit', '500ms');
    const { code, stderr } = await b.command.done;
    expect(code).toBe(0);
    expect(stderr).toContain('"why":"idle"');
  });

  test('that is there for one job evaluates no other, and ends with it', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const other = await lab.publish('a', TRACED, '--accept', '1000000', '--name', 'other');
    const id = await other.job();
    const b = await lab.join('b', [a], '--job', 'wanted', '--exit-when-done');
    const wanted = await lab.publish('a', STEADY, '--accept', '600', '--name', 'wanted');
    expect(await expectOracle(wanted, 600)).toBe(2);
    expect((await b.command.done).code).toBe(0);
    expect((await lab.show('a', id)).status).toBe('running');
    await lab.run('a', 'cancel', id);
    await other.command.done;
    const summary = JSON.parse(readFileSync(other.summaryFile, 'utf8'));
    expect(summary).toMatchObject({ status: 'cancelled', peers: 1 });
  });

  test('without a job of its own ends when all that are known have ended', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a');
    const b = await lab.join('b', [a], '--exit-when-done');
    const first = await lab.publish('a', STEADY, '--accept', '100', '--seed', '1');
    const second = await lab.publish('a', STEADY, '--accept', '300', '--seed', '2');
    await first.end();
    expect(b.command.child.exitCode).toBe(null);
    await second.end();
    const { code, stderr } = await b.command.done;
    expect(code).toBe(0);
    expect(stderr).toContain('"why":"done"');
  });
});

describe('SIGTERM', () => {
  test('to a peer and all its executors drains it: what runs comes to its outcome', async () => {
    await using lab = await Lab.open();
    const a = await lab.start('a', '--slots', '0');
    const trace = join(lab.folder, 'trace');
    const params = JSON.stringify({ trace, ms: 1500 });
    const args = ['--accept', '1', '--params', params, '--allow-write', trace];
    const published = await lab.publish('a', TRACED, ...args);
    const b = await lab.join('b', [a]);
    await poll('a candidate runs', async () => traced(trace, 'begin').length > 0);
    signalAll([b.pid, ...(await childrenOf(b.pid))], 'SIGTERM');
    const { code, stderr } = await b.command.done;
    expect(code).toBe(0);
    expect(stderr).toContain('"event":"draining"');
    const begun = traced(trace, 'begin');
    expect(traced(trace, 'end')).toEqual(begun);
    const job = await published.job();
    await lab.shows('a', job, ({ evaluated }) => evaluated === new Set(begun).size);
    expect((await lab.show('a', job)).attempts).toEqual([]);
    expect((await lab.show('a', job)).leases).toEqual([]);
  });

  test('ends a peer within its grace, whatever runs there, and leaves nothing lost', async () => {
    await using lab = await Lab.open();
    const b = await endless(lab, '--grace', '2s');
    const job = (await lab.run('b', 'jobs', '--json')).stdout;
    b.command.kill('SIGTERM');
    expect((await b.command.done).code).toBe(0);
    await lab.restart('b', '--slots', '0');
    const { attempts } = await lab.show('b', (JSON.parse(job) as { job: string }).job);
    expect(attempts).toEqual([]);
  });

  test('a second time ends a peer at once', async () => {
    await using lab = await Lab.open();
    const b = await endless(lab);
    b.command.kill('SIGTERM');
    await b.command.until(({ stderr }) => stderr.includes('"event":"draining"'));
    b.command.kill('SIGTERM');
    expect((await b.command.done).code).toBe(130);
  });
});

/** A peer b with a candidate that does not end. */
async function endless(lab: Lab, ...args: string[]): Promise<PeerProcess> {
  const b = await lab.start('b', ...args);
  const params = JSON.stringify({ ms: ENDLESS_MS });
  await lab.publish('b', TRACED, '--accept', '1', '--params', params);
  await worksOn(lab, 'b');
  return b;
}
