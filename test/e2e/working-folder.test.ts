import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, startBuilt } from './built-command.ts';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'meshd-wd-')));
  mkdirSync(join(folder, 'work', 'in'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, 'work', name);

function run(...args: string[]): Promise<Ended> {
  const place = { home: join(folder, 'home'), cwd: join(folder, 'work') };
  return startBuilt(['run', ...args], place).ended;
}

describe('--wd', () => {
  test('commands run there, whose files and folder say what is known already', async () => {
    writeFileSync(at('in/a'), 'one\n');
    const count = ['--', 'echo >> ../ran; cat {}; pwd', ':::', 'a'];
    const first = await run('--wd', 'in', ...count);
    expect([first.code, first.stdout]).toEqual([0, `one\n${at('in')}\n`]);
    const ran = (): number => readFileSync(at('ran'), 'utf8').length;
    // The same folder, written otherwise.
    expect((await run('--workdir', at('in'), ...count)).stderr).toMatch(/all known before/);
    expect(ran()).toBe(1);
    writeFileSync(at('in/a'), 'two\n');
    expect((await run('--wd', './in/', ...count)).stdout).toBe(`two\n${at('in')}\n`);
    expect(ran()).toBe(2);
    mkdirSync(at('other'));
    writeFileSync(at('other/a'), 'two\n');
    expect((await run('--wd', 'other', ...count)).stdout).toBe(`two\n${at('other')}\n`);
    expect(ran()).toBe(3);
  });

  test('a file that a command made there and that is gone is made again', async () => {
    const make = ['--wd', 'in', '--', 'echo {} > {}.out', ':::', 'a', 'b'];
    expect((await run(...make)).code).toBe(0);
    rmSync(at('in/a.out'));
    expect((await run(...make)).stderr).toMatch(/^2 commands, 1 known before/);
    expect(readdirSync(at('in')).sort()).toEqual(['a.out', 'b.out']);
  });

  test('a folder that is not there is made, not by --dry-run', async () => {
    const there = ['--wd', 'new/one', 'pwd', ':::', 'a'];
    expect((await run('--dry-run', ...there)).code).toBe(0);
    expect(existsSync(at('new'))).toBe(false);
    const { code, stdout, stderr } = await run(...there);
    expect([code, stdout]).toEqual([0, `${at('new/one')}\n`]);
    expect(stderr).not.toMatch(/warning/);
  });

  test('... is an empty folder for each command, removed afterwards', async () => {
    writeFileSync(at('x'), '');
    const { stdout } = await run('--wd', '...', '--', 'pwd; touch {}; ls', ':::', 'a', 'b');
    const [one = '', a, two = '', b] = stdout.trimEnd().split('\n');
    expect([a, b]).toEqual(['a', 'b']);
    expect(one).not.toBe(two);
    expect([existsSync(one), existsSync(two), existsSync(at('a'))]).toEqual([false, false, false]);
  });

  test('what cannot be is refused in one line, and nothing is written', async () => {
    writeFileSync(at('file'), '');
    const words = [
      [['--wd', '{}'], /cd \{\} &&/],
      [['--wd', ''], /name a folder/],
      [['--wd', 'file'], /it is no folder/],
      [['--transfer', '--wd', 'in'], /folder of its own/],
    ] as const;
    for (const [flags, says] of words) {
      const { code, stderr } = await run(...flags, 'cat', ':::', 'file');
      expect([code, stderr.trimEnd().split('\n').length]).toEqual([2, 1]);
      expect(stderr).toMatch(says);
    }
    expect(existsSync(join(folder, 'home'))).toBe(false);
    const { code } = await run('--wd', '.', '--transfer', 'cat', ':::', 'file');
    expect(code).toBe(0);
  }, 15_000);
});
