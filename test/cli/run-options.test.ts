import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { secondsOrDurationMs, slotCount } from '../../src/cli/option-values.ts';
import { type Ran, runCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-run-options-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...argv: string[]): Promise<Ran> {
  return runCaptured(['run', ...argv, '--home', join(folder, 'home')].flatMap(atFront));
}

/** The home stands before the command's words. */
function atFront(word: string, k: number, all: readonly string[]): string[] {
  if (k === 0) return [word, ...all.slice(-2)];
  return k < all.length - 2 ? [word] : [];
}

const letters = join(folder, 'letters');
writeFileSync(letters, 'x\ny\n');
const three = ['echo {}', ':::', 'a', 'b', 'c'];

describe('options of GNU parallel', () => {
  test('slots are told as a number, or from the cores, and are at least 1', () => {
    const cores = availableParallelism();
    const told = ['8', '0', '200%', '1%', '+2', '-1', '-9999'].map(slotCount);
    expect(told).toEqual([8, 0, 2 * cores, 1, cores + 2, Math.max(1, cores - 1), 1]);
    for (const bad of ['1025', 'x', '', '2.5', '+', '%', '+5%x']) {
      expect(() => slotCount(bad)).toThrow(/a number up to 1024, or from the cores/);
    }
  });

  test.each([
    ['-P', '2'],
    ['-P2'],
    ['--max-procs', '50%'],
    ['-j', '0'],
    ['-j', '-1'],
    ['-j+1'],
    ['--progress'],
    ['--will-cite'],
    ['--no-notice'],
    ['--dryrun'],
    ['--linebuffer'],
    ['-v'],
    ['-t'],
    ['--jl', join(folder, 'no-log')],
    ['--halt-on-error', '2'],
    ['--keeporder'],
    ['--no-keep-order'],
    ['--total-jobs', '3'],
    ['-C', ' '],
    ['--xapply'],
    ['--dr'],
    ['--compress'],
  ])('%s is taken', async (...words) => {
    const ran = await run('--dry-run', ...words, ...three);
    expect(ran).toMatchObject({ code: 0, stdout: 'echo a\necho b\necho c\n' });
  });

  test.each([
    ['--tee', /< FILE/],
    ['-S host', /-S\/--sshlogin is not supported: .*meshd join/],
    ['--sshlogin=host', /-S\/--sshlogin is not supported/],
    ['--tmux', /--line-buffer/],
    ['--csv', /--colsep/],
    ['--semaphore', /flock/],
    ['--load 80%', /meshd slots/],
    ['--bg', /flock/],
    ['--wait', /flock/],
    ['--tempdir x', /--files/],
    ['--template a=b', /sed/],
    ['-i', /-I/],
    ['--parens ,,', /\{= and =\}/],
    ['--number-of-cores', /nproc/],
    ['--minversion 20130222', /meshd --version/],
    ['--retry-failed', /--resume-failed/],
    ['--header 2', /only : is supported/],
  ])('%s is refused in one line that says what to use', async (words, says) => {
    const { code, stdout, stderr } = await run('--dry-run', ...words.split(' '), ...three);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('the help has none of those that are not there', async () => {
    const { stdout } = await run('--help');
    expect(stdout).toContain('--header <:>');
    expect(stdout).not.toMatch(/--tee|--sshlogin|--will-cite|--max-procs/);
  });

  // What GNU parallel 20221122 printed.
  test.each([
    ['-E c', ['echo', ':::', 'a', 'b', 'c', 'd'], 'echo a\necho b\n'],
    ['--eof c', ['echo', ':::', 'a', 'c', 'd', ':::', 'x', 'c', 'y'], 'echo a x\n'],
    ['--trim n', ['echo {}', ':::', ' a b '], "echo ' a b '\n"],
    ['--trim l', ['echo {}', ':::', ' a b '], "echo 'a b '\n"],
    ['--trim r', ['echo {}', ':::', ' a b '], "echo ' a b'\n"],
    ['--trim lr', ['echo {}', ':::', ' a b '], "echo 'a b'\n"],
    ['--trim rl', ['echo {}', ':::', ' a b '], "echo 'a b'\n"],
    ['--arg-sep ,,', ['echo', ',,', 'a', ':::', ',,+', '1', '2'], "echo a 1\necho ':::' 2\n"],
    ['--arg-file-sep //', ['echo', ':::', 'a', '//', letters], 'echo a x\necho a y\n'],
    ['-l 2', ['echo', ':::', 'a', 'b', 'c'], 'echo a b\necho c\n'],
    ['--colsep ,', ['echo {1} {2}', ':::', ' a , b '], 'echo a b\n'],
    ['--colsep , --trim n', ['echo {1} {2}', ':::', ' a , b '], "echo ' a ' ' b '\n"],
  ])('%s %j gives the commands of GNU parallel', async (options, words, commands) => {
    const ran = await run('--dry-run', ...options.split(' '), ...words);
    expect(ran).toMatchObject({ code: 0, stdout: commands });
  });

  test.each([
    ['dir/a.b.c.d', 'dir | d | dir/a.b | c.d | a.b | dir/a | b.c.d | a | dir | dir/a.b'],
    ['x.y', "'' | y | x.y | '' | x.y | x.y | '' | x.y | '' | x.y"],
    ['./z', ". | /z | ./z | '' | z | ./z | '' | z | . | ./z"],
    ['/r.t', "'' | t | /r.t | '' | r.t | /r.t | '' | r.t | '' | /r.t"],
    ['d.e/f', "d.e | e/f | d.e/f | '' | f | d.e/f | '' | f | d.e | d.e/f"],
  ])('--plus takes the parts of %s as GNU parallel does', async (path, parts) => {
    const words =
      'echo {+/} | {+.} | {..} | {+..} | {/..} | {...} | {+...} | {/...} | {1+/} | {1..}';
    const { stdout } = await run('--dry-run', '--plus', words, ':::', path);
    expect(stdout).toBe(`echo ${parts}\n`);
    expect((await run('--dry-run', 'echo {..} {+/}', ':::', path)).stdout).toContain('{..} {+/}');
  });

  test.each(['{uniq}', '{0#}', '{%.*}', '{1#a+}'])(
    '--plus refuses %s in one line',
    async (text) => {
      const { code, stderr } = await run('--dry-run', '--plus', `echo ${text}`, ':::', 'a');
      expect(code).toBe(2);
      expect(stderr).toContain(text);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    },
  );

  // What GNU parallel 20221122 printed.
  test.each([
    [['--tag', 'echo {}\necho 2'], 'a\techo a\na\techo 2\nb\techo b\nb\techo 2\n'],
    [['--tagstring', 'x{}', 'echo {}'], 'xa\techo a\nxb\techo b\n'],
    [['--tag', '-u', 'echo'], 'a\techo a\nb\techo b\n'],
  ])('--dry-run has the tags of GNU parallel: %j', async (words, commands) => {
    const ran = await run('--dry-run', ...words, ':::', 'a', 'b');
    expect(ran).toMatchObject({ code: 0, stdout: commands });
  });

  test.each(['2', '0.5', '2s', '1h30m'])('--deadline %s is taken', async (deadline) => {
    expect((await run('--dry-run', '--deadline', deadline, ...three)).code).toBe(0);
  });

  test.each([
    ['2', 2000],
    ['.5', 500],
    ['1.', 1000],
    ['1h30m', 5_400_000],
  ])('%s, of which a number is seconds, lasts %d ms', (text, ms) => {
    expect(secondsOrDurationMs(text)).toBe(ms);
    for (const bad of ['', '0', '-1', '.', '1 s', 'x']) {
      expect(() => secondsOrDurationMs(bad)).toThrow(/a duration/);
    }
  });

  test('--env says of a function of bash that it is not passed on', async () => {
    const env = { 'BASH_FUNC_my-f%%': '() {  echo\n}' };
    const ran = (name: string): Promise<Ran> =>
      runCaptured(['run', '--home', join(folder, 'home'), '--env', name, ...three], { env });
    const [ofFunction, ofNothing] = [await ran('my-f'), await ran('other')];
    expect([ofFunction.code, ofNothing.code]).toEqual([2, 2]);
    expect(ofFunction.stderr).toMatch(/^meshd run: --env my-f: functions .* not passed on/);
    expect(ofNothing.stderr).toMatch(/--env other: this shell exports no such variable/);
  });

  test('--trim takes no other ends', async () => {
    const { code, stderr } = await run('--dry-run', '--trim', 'x', ...three);
    expect([code, stderr]).toEqual([2, expect.stringContaining('It is l, r, lr or n.')]);
  });

  test('--shuf runs the same in another order', async () => {
    const args = Array.from({ length: 40 }, (_, k) => String(k));
    const { stdout } = await run('--dry-run', '--shuf', 'echo {}', ':::', ...args);
    const lines = stdout.trimEnd().split('\n');
    const inOrder = args.map((argument) => `echo ${argument}`);
    // By chance once in 40! times.
    expect(lines).not.toEqual(inOrder);
    expect(lines.toSorted()).toEqual(inOrder.toSorted());
  });
});

describe('what they show', () => {
  test('-v prints each command before its output, -t on stderr, once with --line-buffer', async () => {
    const command = ['echo 1{}; echo 2{}', ':::', 'x', 'y'];
    const whole = await run('-v', '--tag', '--force', ...command);
    expect(whole.stdout).toBe(
      'x\techo 1x; echo 2x\nx\t1x\nx\t2x\ny\techo 1y; echo 2y\ny\t1y\ny\t2y\n',
    );
    const live = await run('-v', '--lb', '-k', '--force', ...command);
    expect(live.stdout).toBe('echo 1x; echo 2x\n1x\n2x\necho 1y; echo 2y\n1y\n2y\n');
    const told = await run('--verbose', '--force', ...command);
    expect(told.stdout).toBe('1x\n2x\n1y\n2y\n');
    expect(told.stderr).toMatch(/^echo 1x; echo 2x\necho 1y; echo 2y\n/);
  });

  // What GNU parallel 20221122 printed.
  test.each([
    ['x{/}', ['echo', ':::', 'd/a', 'b'], 'xa\td/a\nxb\tb\n'],
    ['T', ['echo', ':::', 'a'], 'T\ta\n'],
    ['n{#}', ['echo', ':::', 'a'], 'n1\ta\n'],
    ["it's {}", ['echo', ':::', 'a b'], "it's a b\ta b\n"],
  ])('--tagstring %s begins each line', async (tag, words, stdout) => {
    expect((await run('--tagstring', tag, '--force', ...words)).stdout).toBe(stdout);
    expect((await run('--tag', '--lb', '-k', '--tagstring', tag, '--force', ...words)).stdout).toBe(
      stdout,
    );
  });

  test('--resume without a job log leaves out what the results folder has, by its names', async () => {
    const results = join(folder, 'results');
    const args = ['--header', ':', '--results', results];
    const command = ['echo {size}', ':::', 'size', '1', '2', '3'];
    expect((await run(...args, ...command)).stderr).toMatch(/^3 commands/);
    rmSync(join(results, 'size', '2'), { recursive: true });
    const again = await run(...args, '--resume', '--dry-run', ...command);
    expect(again.stdout).toBe('echo 2\n');
  });
});
