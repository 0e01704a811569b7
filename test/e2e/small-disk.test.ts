import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ENTRY } from './built.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-small-disk-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program beside a disk of 24 MB of its own, which nobody else sees. */
function withSmallDisk(
  argv: readonly string[],
  input = '',
): { status: number | null; out: string } {
  const mounted = 'mount -t tmpfs -o size=24m tmpfs "$1" && shift && exec "$@"';
  const inside = ['-rm', 'sh', '-c', mounted, 'sh', folder, ...argv];
  const { status, stdout } = spawnSync('unshare', inside, {
    ...{ input, encoding: 'utf8', timeout: 60_000, cwd: tmpdir() },
  });
  return { status, out: stdout };
}

const hasDisk = withSmallDisk(['true']).status === 0;
if (!hasDisk) console.warn('a small disk is not tested: `unshare -rm` cannot mount one here');

test.skipIf(!hasDisk)('--pipe takes a stdin that is larger than the disk of its home', () => {
  // 40 MB, in lines of 99 digits: no two blocks are the same, which would be one file.
  const lines = Array.from({ length: 400_000 }, (_, k) => `${String(k).padStart(99, '0')}\n`);
  const stdin = lines.join('');
  const words = ['run', '--home', join(folder, 'home'), '-j', '2', '--pipe', '--block', '1000000'];
  const { status, out } = withSmallDisk(
    [process.execPath, ENTRY, ...words, 'sleep 0.1; wc -lc'],
    stdin,
  );
  expect(status).toBe(0);
  const counts = out
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  expect(counts).toEqual(Array.from({ length: 40 }, () => [10_000, 1_000_000]));
});
