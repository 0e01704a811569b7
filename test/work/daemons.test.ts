import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Limits } from '../../src/core/limits.ts';
import { isAlive } from '../e2e/process-state.ts';
import { inputsOf, openBench, type Told, type WorkBench } from './work-bench.ts';

let folder: string;
let bench: WorkBench;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-daemons-'));
  bench = await openBench({ folder });
});
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
  const path = join(folder, 'pid');
  if (existsSync(path) && isAlive(pid())) process.kill(pid(), 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

const NO_TIME: Limits = { timeoutMs: null, memoryBytes: null };

/** Leaves its session and its group, and writes who it is. */
const DAEMON = `setsid -f sh -c 'echo $$ > new; mv new pid; exec sleep 1000' > /dev/null 2>&1`;

const pid = (): number => Number(readFileSync(join(folder, 'pid'), 'utf8'));

/** Runs a command in the test's folder. */
function run(command: string, limits: Limits = NO_TIME): Told & { readonly id: number } {
  const fields = { environment: {}, tries: 1, timeoutMs: null, outputBytes: null, delayMs: 0 };
  const inputs = inputsOf(JSON.stringify({ ...fields, directory: folder }), {
    ...{ commands: true, params: '{}', items: async () => [JSON.stringify({ command })] },
  });
  return bench.execute({ limits }, inputs);
}

async function daemon(): Promise<number> {
  await expect.poll(() => existsSync(join(folder, 'pid')), { timeout: 10_000 }).toBe(true);
  expect(isAlive(pid())).toBe(true);
  return pid();
}

const GONE = { timeout: 5000, interval: 10 };

/** Elsewhere nothing tells what a command started. */
const onLinux = test.runIf(process.platform === 'linux');

onLinux.each([
  ['that is cancelled', ({ id }: { id: number }) => bench.workforce.stop(id, 'kill')],
  ['whose peer stops', () => bench.workforce.close()],
])('the daemon of a command %s ends with it', async (_, stop) => {
  const told = run(`${DAEMON}; sleep 1000`);
  const started = await daemon();
  void stop(told);
  await expect.poll(() => isAlive(started), GONE).toBe(false);
});

onLinux('the daemon of a command that is over a limit ends with it', async () => {
  const told = run(`${DAEMON}; sleep 1000`, { timeoutMs: 1000, memoryBytes: null });
  const started = await daemon();
  await told.ended;
  expect(told.failed).toMatchObject([{ index: 0, failure: { kind: 'timeout' } }]);
  await expect.poll(() => isAlive(started), GONE).toBe(false);
});

onLinux('the daemon of a command that came to its end is left alone', async () => {
  const told = run(DAEMON);
  await told.ended;
  const started = await daemon();
  await bench.workforce.close();
  expect(isAlive(started)).toBe(true);
});
