import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, startBuilt } from './built-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-failed-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const meshd = (...args: readonly string[]): Promise<Ended> =>
  startBuilt(args, { home: join(folder, 'home'), cwd: folder }).ended;

test('show, jobs and attach tell afterwards which commands failed', async () => {
  // The last one's result is too long to be at hand: it lies in a blob.
  const script = 'test {#} = 4 && printf %500d 1; echo no {} >&2; exit {}';
  await meshd('run', '--name', 'some', '--', script, ':::', '0', '3', '3', '3');
  const shown = await meshd('show', 'some', '--errors');
  expect(shown.stdout).toBe(
    '3 × at index 1, 2, 3; 1: test 2 = 4 && printf %500d 1; echo no 3 >&2; exit 3\n' +
      'exit 3: no 3\n',
  );
  expect((await meshd('show', 'some')).stdout).toMatch(/^error +3: exit 3: no 3$/m);
  const jobs = await meshd('jobs', '--json');
  expect(JSON.parse(jobs.stdout)).toMatchObject({ accepted: 4, failed: 3 });
  const { code, stderr } = await meshd('attach', 'some', '--json');
  const events = stderr.trimEnd().split('\n');
  const end = events.find((line) => line.includes('"event":"ended"')) ?? '{}';
  expect(code).toBe(1);
  expect(JSON.parse(end)).toMatchObject({ accepted: 1, errors: 3, evaluated: 4 });
});

const isLinux = process.platform === 'linux';
if (!isLinux)
  console.warn('without /proc no command finds its executor: that one dies is not tried');

test.skipIf(!isLinux)(
  'a command that took its executor down is told by its text, too',
  async () => {
    const script = "test {} = 0 || kill -KILL $(cut -d' ' -f4 /proc/$PPID/stat)";
    const ran = await meshd('run', '--name', 'deadly', '--', script, ':::', '0', '2');
    expect(ran.stderr).toMatch(/first failure: command 2, index 1 \(died /);
    const shown = await meshd('show', 'deadly', '--errors');
    expect(shown.stdout).toMatch(
      /^3 tries without an outcome: at index 1: test 2 = 0 \|\| kill -KILL \$\(cut .*\)\n/,
    );
  },
);

test('the first failure is told by the index that rerun takes', async () => {
  const command = ['--', 'echo {}; exit {}', ':::', '0', '3', '0'];
  const first = await meshd('run', ...command);
  expect(first.stderr).toMatch(/first failure: command 2, index 1 \(exit 3\)/);
  // What is known is not in the next job.
  const next = await meshd('run', '--name', 'next', ...command);
  expect(next.stderr).toMatch(/first failure: command 2, index 0 \(exit 3\)/);
  expect(await meshd('rerun', 'next', '0')).toMatchObject({ code: 1, stdout: '3\n' });
});
