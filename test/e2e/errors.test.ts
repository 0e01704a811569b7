import { expect, test } from 'vitest';
import { oracle } from '../oracle.ts';
import { InsideMesh, linesOf } from './inside-mesh.ts';

const THROWS = 'test/e2e/functions/throws.ts';

test('errors are grouped, with the lines of the user’s own files, on every peer', async () => {
  await using mesh = await InsideMesh.open();
  const [a, b] = [await mesh.join(1), await mesh.join(1)];
  await mesh.seeOneAnother();
  const job = await a.mesh.publish({ fn: THROWS, accept: 400 });
  const { certificate, computation, evaluated } = await job.done();
  const truth = await oracle({ fn: THROWS, accept: 400 });
  expect(await linesOf(job.results())).toBe(truth.stdout);
  expect(certificate).toBe(truth.certificate(computation));
  const there = await b.mesh.job(job.id);
  await there.done();
  const range = expect.stringMatching(/^RangeError: \d+ is one above .*\n {4}at throws\.ts:9:\d+$/);
  const type = expect.stringMatching(
    /^TypeError: no \d+\n {4}at checked \(checked\.ts:4:\d+\)\n {4}at throws\.ts:10:\d+$/,
  );
  for (const each of [job, there]) {
    const { errorGroups } = await each.show();
    expect(errorGroups).toHaveLength(2);
    expect(errorGroups).toContainEqual({
      ...{ name: 'RangeError', count: Math.floor((evaluated + 1) / 3), detail: range },
      indices: [1, 4, 7, 10, 13],
    });
    expect(errorGroups).toContainEqual({
      ...{ name: 'TypeError', count: Math.floor(evaluated / 3), detail: type },
      indices: [2, 5, 8, 11, 14],
    });
  }
});

test('a candidate that is evaluated again names the user’s line', async () => {
  await using mesh = await InsideMesh.open();
  const { mesh: solo } = await mesh.solo(1);
  const job = await solo.publish({ fn: THROWS, accept: 5 });
  await job.done();
  for (const index of [-3, 0.5, 2 ** 53])
    await expect(job.rerun(index)).rejects.toThrow('index must');
  const { outcome } = await job.rerun(4);
  expect(outcome).toMatchObject({ kind: 'error', name: 'RangeError' });
  expect(outcome).toMatchObject({ detail: expect.stringMatching(/ at throws\.ts:9:\d+$/) });
});
