import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { coverageOf, inputsOf, openBench, textsOf } from '../work-bench.ts';

const COMMANDS = 400;

test('orders of quick commands that are drained again and again run each once', async () => {
  const root = mkdtempSync(join(tmpdir(), 'meshd-drained-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  const work = join(root, 'work');
  mkdirSync(work);
  await using bench = await openBench({ outputs: join(root, 'outputs') });
  const spec = { directory: work, environment: {}, tries: 1, delayMs: 0 };
  const program = JSON.stringify({ ...spec, timeoutMs: null, outputBytes: null });
  // Each third leaves a file in its scratch folder, where the next one may not begin before.
  const commandOf = (index: number): string =>
    `echo ${index} >> counted; [ -z "$(ls -A "$MESHD_SCRATCH")" ] || echo left >> counted;` +
    (index % 3 === 0 ? ' touch "$MESHD_SCRATCH/left"' : '');
  const items = (lo: number, hi: number): Promise<string[]> => {
    const indices = Array.from({ length: hi - lo }, (_, k) => lo + k);
    return Promise.resolve(indices.map((index) => JSON.stringify({ command: commandOf(index) })));
  };
  const inputs = inputsOf(program, { params: '{}', commands: true, items });
  let [at, orders] = [0, 0];
  while (at < COMMANDS) {
    const order = bench.execute({ lo: at, hi: COMMANDS, tellMs: 1 }, inputs);
    await expect.poll(() => order.parts.length, { interval: 1, timeout: 20_000 }).not.toBe(0);
    bench.workforce.stop(order.id, 'drain');
    await order.ended;
    const told = coverageOf(order.parts);
    expect(told).toHaveLength(1);
    expect(order.failed).toEqual([]);
    expect(textsOf(order.parts)).toHaveLength((told[0]?.[1] ?? 0) - at);
    at = told[0]?.[1] ?? at;
    orders += 1;
    // Nothing runs that was not told.
    const counted = readFileSync(join(work, 'counted'), 'utf8');
    expect(counted).toBe(Array.from({ length: at }, (_, k) => `${k}\n`).join(''));
  }
  expect(orders).toBeGreaterThan(2);
  expect(readdirSync(work)).toEqual(['counted']);
});
