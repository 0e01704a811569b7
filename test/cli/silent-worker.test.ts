import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { silentWorkerView } from '../../src/cli/silent-worker.ts';
import type { Progress } from '../../src/node/mesh.ts';

const SILENT: Progress = {
  ...{ job: 'ab'.repeat(32), status: 'running', lines: 0, accepted: 0, target: 1000 },
  ...{ errors: 0, evaluated: 0, rate: 0, rateError: 0, rateUpper: 1 },
  ...{ perSecond: 0, peers: 1, slots: 2, etaSeconds: null, waitsFor: null },
};

/** What is said where the nth of these comes n seconds after the start. */
function saidOf(progress: readonly Progress[]): string {
  const stderr = new PassThrough();
  const io = { stdout: stderr, stderr, stdin: stderr, env: {}, onInterrupt: () => () => undefined };
  let now = 0;
  const context = { io, home: '/nowhere', homeWords: '', json: false };
  const plain = { update: () => undefined, clear: () => undefined };
  const view = silentWorkerView(context, plain, () => now);
  for (const each of progress) {
    view.update(each);
    now += 1000;
  }
  return String(stderr.read() ?? '');
}

test('of workers that answer nothing for 5 s a line says once what may be the reason', () => {
  expect(saidOf(Array(5).fill(SILENT))).toBe('');
  expect(saidOf(Array(60).fill(SILENT))).toMatch(/^hint: no worker has answered for 5 s: .*\n$/);
});

test.each<[string, Partial<Progress>]>([
  ['answered', { evaluated: 1 }],
  ['is paused', { status: 'paused' }],
  ['waits for machines', { slots: 0 }],
])('nothing is said of a job that %s', (_, progress) => {
  expect(saidOf([SILENT, ...Array(60).fill({ ...SILENT, ...progress })])).toBe('');
});
