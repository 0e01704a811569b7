import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { inputsOf, openBench } from './work-bench.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-no-executor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('why no executor can be started is told once, and again when it was otherwise between', async () => {
  await using bench = await openBench({ folder });
  const [work = ''] = readdirSync(folder);
  const scratch = join(folder, work, 'scratch');
  const ran = (): Promise<string> =>
    bench.execute({ hi: 1 }, inputsOf('export default () => 1')).ended;
  const told = (): number => bench.events.filter((one) => one.startsWith('executor.none')).length;
  rmSync(scratch, { recursive: true, force: true });
  // No folder can be made in its place, as on a full disk.
  writeFileSync(scratch, '');
  expect(await Promise.all([ran(), ran()])).toEqual(['stopped', 'stopped']);
  expect(await ran()).toBe('stopped');
  expect(told()).toBe(1);
  rmSync(scratch);
  expect(await ran()).toBe('finished');
  renameSync(scratch, join(folder, work, 'aside'));
  writeFileSync(scratch, '');
  expect(await ran()).toBe('stopped');
  expect(told()).toBe(2);
  rmSync(scratch);
  renameSync(join(folder, work, 'aside'), scratch);
});

test('an executor that dies while its items are fetched is started three times in all', async () => {
  await using bench = await openBench();
  let asked = 0;
  const source = `export const setup = () => { setTimeout(() => process.exit(3), 50); };
    export default () => 1;`;
  const items = async (): Promise<string[]> => {
    asked += 1;
    return new Promise(() => undefined);
  };
  const told = bench.execute({ lo: 4, hi: 9 }, inputsOf(source, { items }));
  expect(await told.ended).toBe('stopped');
  expect(told.failed).toEqual([
    { index: 4, failure: { kind: 'died', detail: 'the executor died: exit code 3' } },
  ]);
  expect(asked).toBe(3);
});
