import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { runCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-median-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Exit codes and signals of a job log, as GNU parallel 20221122 writes them for the same line. */
test('a command that takes longer than others of its run is ended, also one that began first', async () => {
  const log = join(folder, 'log');
  const options = ['--home', join(folder, 'home'), '-j2', '--timeout', '500%', '--joblog', log];
  const args = ['30', '0.2', '0.2', '0.2', '0.2', '30', '0.5'];
  const { code } = await runCaptured(['run', ...options, 'sleep', ':::', ...args]);
  expect(code).toBe(1);
  const rows = readFileSync(log, 'utf8').trimEnd().split('\n').slice(1);
  const ends = rows.map((row) => row.split('\t').slice(6, 8).join(' '));
  expect(ends).toEqual(['-1 15', '0 0', '0 0', '0 0', '0 0', '-1 15', '0 0']);
});
