import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Context } from '../../src/cli/context.ts';
import { logTo } from '../../src/cli/log-line.ts';
import { nowhere } from './captured-io.ts';

/** What is told of failed candidates. */
function told(level: 'warn' | 'info', json: boolean, env: NodeJS.ProcessEnv = {}): string[] {
  const stderr = new PassThrough();
  const io = { ...nowhere(), env, stderr };
  const context: Context = { io, home: '/h', homeWords: '', json };
  const log = logTo(context, level);
  const computation = 'ab'.repeat(32);
  for (let index = 0; index < 9; index++) {
    const detail = `${300 + index} MiB resident, the limit is 256 MB`;
    log('warn', 'candidate.failed', { computation, index, kind: 'memory', detail });
  }
  const refused = 'the sandbox refuses FileSystemRead of /data: --allow-read opens it';
  log('warn', 'candidate.failed', { computation, index: 4, kind: 'system', detail: refused });
  return String(stderr.read() ?? '')
    .trimEnd()
    .split('\n');
}

test('why candidates fail is told once for each cause, in words', () => {
  expect(told('warn', false)).toEqual([
    'warning: candidate 0 came to no outcome: memory: 300 MiB resident, the limit is 256 MB ' +
      '(told once)',
    'warning: candidate 4 came to no outcome: the sandbox refuses FileSystemRead of /data: ' +
      '--allow-read opens it (told once)',
  ]);
});

test('as events, and in the log of a peer, it is told once for each cause as well', () => {
  const events = told('warn', true).map((line) => JSON.parse(line));
  expect(events.map(({ event, index }) => [event, index])).toEqual([
    ['candidate.failed', 0],
    ['candidate.failed', 4],
  ]);
  expect(told('info', false)).toHaveLength(2);
  expect(told('info', false)[0]).toMatch(
    /^warn: candidate.failed computation=abababababab index=0/,
  );
  expect(told('info', false, { MESHD_LOG: 'debug' })).toHaveLength(10);
});

test.each(['warn', 'info'] as const)(
  'at %s an answer without stuck candidates is told in words',
  (level) => {
    const stderr = new PassThrough();
    const io = { ...nowhere(), stderr };
    const fields = { job: 'ab'.repeat(32), successor: 'cd'.repeat(32), skipped: 1 };
    for (const json of [false, true]) {
      logTo({ io, home: '/h', homeWords: '', json }, level)('warn', 'job.successor', fields);
    }
    const [text, event] = String(stderr.read()).trimEnd().split('\n');
    expect(text).toBe(
      'warning: job abababababab ends without 1 candidate that was stuck or skipped: ' +
        'the answer is its successor’s, cdcdcdcdcdcd',
    );
    expect(JSON.parse(event ?? '')).toMatchObject({ event: 'job.successor', ...fields });
  },
);

test('outcomes that differ at index after index are told once', () => {
  const stderr = new PassThrough();
  const io = { ...nowhere(), stderr };
  const log = logTo({ io, home: '/h', homeWords: '', json: false }, 'warn');
  for (let index = 0; index < 5; index++) {
    log('warn', 'outcome.disputed', { computation: 'ab'.repeat(32), index });
    log('error', 'certificate.disputed', { job: 'cd'.repeat(32), index });
  }
  expect(String(stderr.read()).trimEnd().split('\n')).toEqual([
    'warn: outcome.disputed computation=abababababab index=0',
    'error: certificate.disputed job=cdcdcdcdcdcd index=0',
  ]);
});
