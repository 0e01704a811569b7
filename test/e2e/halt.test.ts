import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, startBuilt } from './built-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-halt-'));
  mkdirSync(join(folder, 'work'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, 'work', name);
const lines = (name: string): string[] => readFileSync(at(name), 'utf8').trimEnd().split('\n');

function start(args: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const place = { home: join(folder, 'home'), cwd: join(folder, 'work'), stdin: '' };
  return startBuilt(['run', ...args], place);
}

const run = (args: readonly string[]): Promise<Ended> => start(args).ended;

test('--halt now prints nothing of what ended behind it, and never fails itself', async () => {
  const args = ['--force', '--halt', 'now,fail=1', '-j1', 'echo {}; exit {}'];
  for (let round = 0; round < 3; round++) {
    const { code, stdout, stderr } = await run([...args, ':::', '0', '0', '5', '0']);
    expect([code, stdout]).toEqual([1, '0\n0\n5\n']);
    expect(stderr).toMatch(/^4 commands, 1 failed, 1 (not run|ended by --halt), /);
    expect(stderr).toMatch(/first failure: command 3, index 2 \(exit 5\): echo 5; exit 5\n$/);
  }
});

test.each([[[]], [['--lb']]])(
  '--halt soon starts nothing more, and lets come to their end those that run %j',
  async (how) => {
    // The first fails only once the second runs; that one ends only once the halt is told.
    const script =
      'echo {} >> began; if [ {} = a ]; then until grep -q b began; do sleep 0.02; done; exit 1; ' +
      'fi; until [ -e halted ]; do sleep 0.02; done; echo end {} | tee -a ended';
    const args = [...how, '-j2', '--joblog', 'log', '--halt', 'soon,fail=1', script];
    const { child, ended } = start([...args, ':::', 'a', 'b', 'c', 'd', 'e', 'f']);
    child.stderr?.on('data', (data) => {
      if (String(data).includes('--halt soon')) writeFileSync(at('halted'), '');
    });
    const { code, stdout, stderr } = await ended;
    const began = lines('began').sort();
    // What a slot took on before the failure was known ran too.
    const later = began.slice(1);
    expect(later).toContain('b');
    expect(later.length).toBeLessThanOrEqual(2);
    expect(lines('ended').sort()).toEqual(later.map((name) => `end ${name}`));
    expect(stdout.trimEnd().split('\n').sort()).toEqual(later.map((name) => `end ${name}`));
    expect(lines('log')).toHaveLength(1 + began.length);
    expect(code).toBe(1);
    const counts = new RegExp(`6 commands, 1 failed, ${6 - began.length} not run, `);
    expect(stderr).toMatch(counts);
  },
);

test('--halt on success is a success', async () => {
  const args = ['-j1', '--halt', 'now,success=1', 'echo {}; exit {}', ':::', '1', '0', '2'];
  expect(await run(args)).toMatchObject({ code: 0, stdout: '1\n0\n' });
});

test('a command that --halt now ended is told as such, not as one that never ran', async () => {
  const script =
    'echo {} >> began; test {} = b && sleep 1000; until grep -q b began; do :; done; exit 1';
  const args = ['-j2', '--joblog', 'log', '--halt', 'now,fail=1', script, ':::', 'a', 'b'];
  const { code, stderr } = await run(args);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^2 commands, 1 failed, 1 ended by --halt, /);
  // As in GNU parallel's.
  expect(lines('log')).toHaveLength(2);
});
