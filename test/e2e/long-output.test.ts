import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startBuilt } from './built-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-long-'));
  mkdirSync(join(folder, 'work'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Bytes on disk of the files in a folder and below; of what is gone meanwhile, none. */
async function bytesIn(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(path, name)).catch(() => null))?.blocks ?? 0),
  );
  return sizes.reduce((sum, blocks) => sum + blocks * 512, 0);
}

/** The most memory that a process ever had, in bytes; 0 when it is gone. */
function mostMemory(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

test('10 GB of output against a cap of 64 MB: ended soon, with little disk and memory', async () => {
  const place = { home: join(folder, 'home'), cwd: join(folder, 'work') };
  const script = ': {}; yes $(seq 100) | head -c 10000000000; echo through >&2';
  const args = ['run', '--json', '--max-output', '64MB', '--', script, ':::', '1'];
  const { child, ended } = startBuilt(args, place);
  const most = { disk: 0, memory: 0 };
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  const start = performance.now();
  while (!isOver) {
    most.disk = Math.max(most.disk, await bytesIn(folder));
    most.memory = Math.max(most.memory, mostMemory(child.pid ?? 0));
    await Promise.race([over, sleep(20)]);
  }
  const seconds = (performance.now() - start) / 1000;
  const { code, stdout } = await ended;
  const { error, value } = JSON.parse(stdout) as {
    error: string;
    value: { stdoutFile: { file: string; bytes: number }; stderr?: string };
  };
  console.log({ ...most, seconds });
  expect([code, error, value.stderr]).toEqual([1, 'too much output', undefined]);
  expect(value.stdoutFile.bytes).toBe(64_000_000);
  expect(statSync(value.stdoutFile.file).size).toBe(64_000_000);
  // It is looked at ten times a second, and some disks take gigabytes in one.
  expect(most.disk).toBeLessThan(2_000_000_000);
  expect(most.memory).toBeLessThan(400_000_000);
  expect(seconds).toBeLessThan(30);
});
