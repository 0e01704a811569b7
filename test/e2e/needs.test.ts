import { expect, test } from 'vitest';
import { oracle } from '../oracle.ts';
import { jsonLines, Lab } from './lab.ts';

const STEADY = 'test/e2e/functions/steady.js';

test('a job runs where its tag is, takes its slots there, and elsewhere it is said why not', async () => {
  await using lab = await Lab.open();
  const a = await lab.start('a', '--slots', '2');
  const b = await lab.join('b', [a], '--slots', '2', '--tag', 'gpu', '--tag', 'ssd');
  await lab.sees('a', 2);
  const needs = ['--needs', 'gpu', '--cpus', '2'];
  const job = await lab.publish('a', STEADY, '--accept', '30', ...needs);
  const { stdout, summary } = await job.end();
  const truth = await oracle({ fn: STEADY, accept: 30 });
  expect(stdout).toBe(truth.stdout);
  expect(summary.certificate).toBe(truth.certificate(summary.computation));
  expect(summary.peers).toBe(1);
  const { peer } = await b.ready;
  expect((await lab.peers('a')).find((each) => each.peer === peer)?.tags).toEqual(['gpu', 'ssd']);

  const alien = ['--needs', 'tpu', '--allow-read', '/data', '--detach', '--seed', '1'];
  const { stdout: id } = await lab.run('a', 'publish', STEADY, '--accept', '5', ...alien);
  const [{ notHere }] = jsonLines(await lab.run('b', 'show', id.trim(), '--json')) as [
    { notHere: string },
  ];
  // This user's own machines grant what they have.
  expect(notHere).toBe('it needs tag tpu, which this machine does not have');
});

test('a job with a rate takes its time', async () => {
  await using lab = await Lab.open();
  const startedAt = performance.now();
  const job = await lab.publish('solo', STEADY, '--accept', '8', '--rate', '60/s');
  const { stdout } = await job.end();
  expect(stdout).toBe((await oracle({ fn: STEADY, accept: 8 })).stdout);
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { index: number };
  // The bucket holds a second's worth at first.
  const leastMs = ((last.index - 60) / 60) * 1000;
  expect(leastMs).toBeGreaterThan(500);
  expect(performance.now() - startedAt).toBeGreaterThan(leastMs);
});
