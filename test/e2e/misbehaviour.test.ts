import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { oracle } from '../oracle.ts';
import { InsideMesh, linesOf } from './inside-mesh.ts';
import { childrenOf, Lab, poll } from './lab.ts';

const MISBEHAVES = 'test/e2e/functions/misbehaves.js';

/** What a candidate does, and the kind of attempt that it is. */
const KINDS = {
  ...{ loop: 'timeout', regex: 'timeout', pending: 'timeout' },
  ...{ heap: 'memory', buffers: 'memory', stack: 'stack' },
  ...{ exit: 'died', abort: 'died', segfault: 'died' },
} as const;

test('whatever candidates do to their executors, the answer is the oracle’s without them', async () => {
  await using mesh = await InsideMesh.open();
  const [a, b] = [await mesh.join(1), await mesh.join(1)];
  await mesh.seeOneAnother();
  const deeds = Object.fromEntries(Object.keys(KINDS).map((deed, k) => [7 + 11 * k, deed]));
  const thrown = { 9: 'text', 21: 'number', 33: 'object' };
  const params = { deeds: { ...deeds, ...thrown } };
  const limits = { timeoutMs: 1000, memoryBytes: 256_000_000 };
  const job = await a.mesh.publish({ fn: MISBEHAVES, accept: 60, params, ...limits });
  const summary = await job.done();
  const skip = Object.keys(deeds).map(Number);
  const truth = await oracle({ fn: MISBEHAVES, accept: 60, params, skip });
  expect(summary.skipped).toEqual(skip);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  expect(await linesOf(job.results())).toBe(truth.stdout);
  expect(summary.errors).toBe(3);
  const { attempts, limits: shown } = await (await b.mesh.job(job.id)).show();
  expect(shown).toEqual(limits);
  for (const [index, deed] of Object.entries(deeds)) {
    const tried = attempts.filter((attempt) => attempt.index === Number(index));
    const kind = KINDS[deed as keyof typeof KINDS];
    expect(tried).toHaveLength(3);
    // A busy machine may take longer than its time to fill the heap.
    const kinds = deed === 'heap' ? [kind, 'timeout'] : [kind];
    for (const attempt of tried) expect(kinds).toContain(attempt.kind);
    expect(new Set(tried.map(({ peer }) => peer))).toEqual(new Set([a.id, b.id]));
    for (const attempt of tried) expect(attempt.limits).toEqual(limits);
  }
});

test('a job with a higher limit tries again, and one with the same does not', async () => {
  await using mesh = await InsideMesh.open();
  const { mesh: solo } = await mesh.solo(2);
  const fn = 'test/e2e/functions/slow-at-five.js';
  const limited = await solo.publish({ fn, accept: 10, timeoutMs: 300 });
  expect((await limited.done()).skipped).toEqual([5]);
  const attempts = async (): Promise<number> => (await limited.show()).attempts.length;
  expect(await attempts()).toBe(3);
  const same = await solo.publish({ fn, accept: 10, timeoutMs: 300 });
  expect(await same.done()).toMatchObject({ skipped: [5], ran: 0 });
  expect(await attempts()).toBe(3);
  const more = await solo.publish({ fn, accept: 10, timeoutMs: 20_000 });
  const summary = await more.done();
  const truth = await oracle({ fn, accept: 10 });
  expect(summary).toMatchObject({ skipped: [], ran: 1 });
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
});

test('a leak of 10 MB a candidate ends with its executors, and no index is skipped', async () => {
  await using mesh = await InsideMesh.open();
  const [a] = [await mesh.join(1), await mesh.join(1)];
  await mesh.seeOneAnother();
  const fn = 'test/e2e/functions/leaks.js';
  const job = await a.mesh.publish({
    ...{ fn, accept: 500, params: { leak: true }, memoryBytes: 256_000_000 },
  });
  const summary = await job.done();
  const truth = await oracle({ fn, accept: 500, params: { leak: false } });
  expect(summary).toMatchObject({ skipped: [], accepted: 500 });
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  expect((await job.show()).attempts).toEqual([]);
});

test('--fresh gives the same answer, each candidate in a process of its own', async () => {
  await using mesh = await InsideMesh.open();
  const { mesh: solo } = await mesh.solo(2);
  const fn = 'test/e2e/functions/counts-calls.js';
  const job = await solo.publish({ fn, accept: 8, fresh: true });
  expect(await linesOf(job.results())).toBe(
    Array.from({ length: 8 }, (_, index) => `{"index":${index},"value":1}\n`).join(''),
  );
  expect((await job.show()).fresh).toBe(true);
});

test('a mutated Array.prototype disturbs neither the runner nor another job', async () => {
  await using mesh = await InsideMesh.open();
  const [a] = [await mesh.join(1), await mesh.join(1)];
  await mesh.seeOneAnother();
  const fn = 'test/e2e/functions/mutates.js';
  for (const mutate of [true, false]) {
    const job = await a.mesh.publish({ fn, accept: 40, params: { mutate } });
    const summary = await job.done();
    const truth = await oracle({ fn, accept: 40, params: { mutate: false } });
    expect(summary).toMatchObject({ skipped: [], errors: 40 });
    expect(summary.certificate).toBe(truth.certificate(summary.computation));
    expect((await job.show()).attempts).toEqual([]);
  }
});

test('with more errors than it allows a job fails, exits 1 and says so', async () => {
  await using lab = await Lab.open();
  const thrown = { 4: 'text', 9: 'number', 21: 'object', 22: 'text' };
  const params = ['--params', JSON.stringify({ deeds: thrown })];
  const publish = ['publish', MISBEHAVES, '--accept', '30', ...params, '--max-errors'];
  const { code, stdout, stderr } = await lab.run('a', ...publish, '2');
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^failed: it allows 2 errors, and number 3 is at index 21; see meshd show [0-9a-f]{12}\b/m,
  );
  // What is known beyond that index differs from run to run.
  const below = { fn: MISBEHAVES, accept: 30, params: { deeds: thrown }, maxEvals: 22 };
  const { accepted, stdout: lines } = await oracle(below);
  expect(stdout).toBe(lines);
  expect(stderr).toContain(`failed: ${accepted} accepted of 22 evaluated (`);
  expect(stderr).toContain(' %), 3 errors, ');
  expect((await lab.run('a', ...publish, '4')).code).toBe(0);
});

test('of a killed peer whose executor loops for ever nothing is left after a second', async () => {
  await using lab = await Lab.open();
  const peer = await lab.start('a');
  const params = JSON.stringify({ deeds: { 3: 'loop' } });
  await lab.run('a', 'publish', MISBEHAVES, '--accept', '9', '--detach', '--params', params);
  let executors: number[] = [];
  await poll('an executor works', async () => {
    executors = await childrenOf(peer.pid);
    return executors.length > 0 && (await lab.status('a')).busy === 1;
  });
  await peer.kill();
  const state = async (pid: number): Promise<string> => {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') gone');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0] ?? '';
  };
  // Z: dead, and nobody has waited for it yet.
  await poll(
    'all have ended',
    async () => (await Promise.all(executors.map(state))).every((now) => 'Z gone'.includes(now)),
    1000,
  );
});
