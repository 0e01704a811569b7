import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { oracle } from '../oracle.ts';
import { afterMs } from './inside-mesh.ts';
import { Lab, poll } from './lab.ts';

const TRACED = 'test/e2e/functions/traced.js';
const ACCEPT = '60';

function writtenTo(trace: string): string {
  return existsSync(trace) ? readFileSync(trace, 'utf8') : '';
}

test('cancel ends a job on all peers, on one that was away too; the command runs again', async () => {
  await using lab = await Lab.open();
  const [, , c] = await lab.three();
  const trace = join(lab.folder, 'trace');
  const params = JSON.stringify({ trace, ms: 25 });
  const args = ['--accept', ACCEPT, '--params', params, '--allow-write', trace];
  const published = await lab.publish('a', TRACED, ...args);
  const job = await published.job();
  await published.firstLine();
  await poll('c knows the job', async () => (await lab.show('c', job)).evaluated > 0);
  await c.kill();
  expect((await lab.run('b', 'cancel', job)).code).toBe(0);
  expect((await published.command.done).code).toBe(4);
  for (const name of ['a', 'b']) expect((await lab.show(name, job)).status).toBe('cancelled');
  for (const name of ['a', 'b']) {
    await poll(`${name} is idle`, async () => (await lab.status(name)).busy === 0);
  }
  const written = writtenTo(trace);
  await lab.restart('c');
  await lab.shows('c', job, ({ status }) => status === 'cancelled');
  await afterMs(1000);
  expect((await lab.status('c')).busy).toBe(0);
  expect(writtenTo(trace)).toBe(written);

  const again = await (await lab.publish('a', TRACED, ...args)).end();
  const truth = await oracle({ fn: TRACED, accept: Number(ACCEPT) });
  expect(again.stdout).toBe(truth.stdout);
  expect(again.code).toBe(0);
  expect(again.summary.status).toBe('done');
  expect(again.summary.certificate).toBe(truth.certificate(again.summary.computation));
}, 120_000);

test('rerun and verify as commands: the line’s outcome, and exit 1 for an impure function', async () => {
  await using lab = await Lab.open();
  const { stdout } = await (await lab.publish('solo', TRACED, '--accept', '3')).end();
  const [line = ''] = stdout.split('\n').slice(2);
  const { index, value } = JSON.parse(line) as { index: number; value: number };
  const rerun = await lab.run('solo', 'rerun', 'traced', `${index}`, '--json');
  expect(JSON.parse(rerun.stdout)).toMatchObject({
    ...{ index, log: [`x is ${value}`] },
    outcome: { kind: 'accepted', value },
  });
  const pure = await lab.run('solo', 'verify', 'traced', '--sample', '100%');
  expect(pure).toMatchObject({ code: 0, stdout: `${index + 1} of ${index + 1} equal\n` });
  const counts = await lab.publish('solo', 'test/e2e/functions/counts.js', '--accept', '40');
  const certified = await counts.end();
  const impure = await lab.run('solo', 'verify', 'counts', '--sample', '100%');
  expect(impure.code).toBe(1);
  expect(impure.stdout).toMatch(/^\d+ of \d+ equal\n\d+: known value \d+, now value \d+/);
  expect((await lab.run('solo', 'results', 'counts')).stdout).toBe(certified.stdout);
});
