import type { ChildProcess } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ended, startBuilt } from './built-command.ts';
import { startBuiltPeer } from './built-peer.ts';
import { isAlive } from './process-state.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-commands-'));
  mkdirSync(join(folder, 'work'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, 'work', name);
/** A daemon that says which process it is. */
const DAEMON = 'echo $$ > daemon; exec sleep 1000';
const text = (name: string): string => readFileSync(at(name), 'utf8');
const lines = (name: string): string[] => text(name).trimEnd().split('\n');

/** `meshd run` in the work folder. */
function start(
  args: readonly string[],
  stdin = '',
): { child: ChildProcess; ended: Promise<Ended> } {
  const place = { home: join(folder, 'home'), cwd: join(folder, 'work'), stdin };
  return startBuilt(['run', ...args], { ...place, env: { COLOUR: 'blue sky' } });
}

const run = (args: readonly string[], stdin?: string): Promise<Ended> => start(args, stdin).ended;

/** Each line that a counting command appended, with how often. */
function counts(name: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of existsSync(at(name)) ? lines(name) : []) {
    found.set(line, (found.get(line) ?? 0) + 1);
  }
  return found;
}

describe('meshd run', () => {
  test('prints each output whole, in the order of the arguments', async () => {
    const script = 'sleep 0.{}; echo one {}; echo two {}';
    const { code, stdout, stderr } = await run(['--', script, ':::', '4', '1', '2']);
    expect([code, stdout]).toEqual([0, 'one 4\ntwo 4\none 1\ntwo 1\none 2\ntwo 2\n']);
    expect(stderr).toMatch(/3 commands, /);
  });

  test('runs in the folder of its caller, with quoted arguments and declared variables', async () => {
    writeFileSync(at("it's $HOME.txt"), 'here\n');
    const { code, stdout } = await run([
      ...['--env', 'COLOUR', '--', 'cat {}; echo "$COLOUR" {#} {.}', ':::', "it's $HOME.txt"],
    ]);
    expect([code, stdout]).toEqual([0, "here\nblue sky 1 it's $HOME\n"]);
  });

  test('--line-buffer prints whole lines of commands that still run', async () => {
    const script = 'echo a{}; printf b; while ! test -e go; do sleep 0.02; done; echo {}';
    const { child, ended } = start(['-j', '2', '--lb', '--', script, ':::', '1', '2']);
    let soFar = '';
    child.stdout?.on('data', (piece: string) => {
      soFar += piece;
    });
    const sorted = (): string[] => soFar.split('\n').sort();
    await expect.poll(sorted, { timeout: 20_000 }).toEqual(['', 'a1', 'a2']);
    writeFileSync(at('go'), '');
    await ended;
    expect(sorted()).toEqual(['', 'a1', 'a2', 'b1', 'b2']);
  });

  test('takes arguments from stdin, and marks lines with them', async () => {
    const { stdout } = await run(['--tag', '--', 'echo a{}; printf b'], '1\n2\n');
    expect(stdout).toBe('1\ta1\n1\tb2\ta2\n2\tb');
  });

  test('a command that fails makes exit code 1, and all others run', async () => {
    const { code, stdout, stderr } = await run(['--', 'echo {}; exit {}', ':::', '0', '3', '0']);
    expect([code, stdout]).toEqual([1, '0\n3\n0\n']);
    expect(stderr).toMatch(/3 commands, 1 failed/);
    expect(stderr).toMatch(/first failure: command 2, index 1 \(exit 3\): echo 3; exit 3\n/);
  });

  test('--json tells of each what it left, of a failed one the error too', async () => {
    const { stdout } = await run(['--json', '--', 'echo {}; exit {}', ':::', '0', '7']);
    const [good, bad] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(good).toMatchObject({ index: 0, value: { exit: 0, stdout: '0\n' } });
    expect(bad).toMatchObject({ index: 1, error: 'exit 7', value: { exit: 7, stdout: '7\n' } });
  });

  test('what succeeded is not run again, what failed is', async () => {
    const args = ['--', 'echo {} >> ran; test {} != bad', ':::', 'a', 'bad', 'c'];
    expect((await run(args)).code).toBe(1);
    const { code, stderr } = await run(args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/1 failed, 2 known before/);
    expect(counts('ran')).toEqual(
      new Map([
        ['a', 1],
        ['bad', 2],
        ['c', 1],
      ]),
    );
    await run(['--force', ...args]);
    expect(counts('ran')).toEqual(
      new Map([
        ['a', 2],
        ['bad', 3],
        ['c', 2],
      ]),
    );
  });

  test('runs again what a changed input or a missing output needs, and nothing else', async () => {
    for (const name of ['a', 'b', 'c', 'd']) writeFileSync(at(name), `${name}\n`);
    const args = ['--', 'echo {} >> ran; cat {} > {}.out', ':::', 'a', 'b', 'c', 'd'];
    await run(args);
    rmSync(at('b.out'));
    writeFileSync(at('c'), 'changed\n');
    await run(args);
    expect(counts('ran')).toEqual(
      new Map([
        ['a', 1],
        ['b', 2],
        ['c', 2],
        ['d', 1],
      ]),
    );
    expect([text('b.out'), text('c.out')]).toEqual(['b\n', 'changed\n']);
    expect((await run(args)).stderr).toMatch(/4 commands, all known before/);
  });

  test('all that follows the first word of the command is its own', async () => {
    writeFileSync(at('f'), 'a\n');
    const { code, stdout } = await run(['gzip', '-k', ':::', 'f']);
    expect([code, stdout, existsSync(at('f')), existsSync(at('f.gz'))]).toEqual([
      0,
      '',
      true,
      true,
    ]);
    expect((await run(['echo', ':::', '--force', '-k'])).stdout).toBe('--force\n-k\n');
    const home = join(folder, 'home');
    expect((await run(['--home', home, 'echo', '-e', ':::', '--json'])).stdout).toMatch(
      /--json\n$/,
    );
  });

  test('runs again what names another file than it read, or a file that it removed', async () => {
    writeFileSync(at('script'), 'echo one\n');
    writeFileSync(at('gone'), 'x');
    const scripts = ['sh', 'script', ':::', '1'];
    const removes = ['rm', ':::', 'gone'];
    const copies = ['dd', 'if=script', 'of=copy', ':::', 'status=none'];
    for (const args of [scripts, removes, copies]) expect((await run(args)).code).toBe(0);
    writeFileSync(at('script'), 'echo two\n');
    writeFileSync(at('gone'), 'x');
    rmSync(at('copy'));
    expect((await run(scripts)).stdout).toBe('two\n');
    await run(removes);
    await run(copies);
    expect([existsSync(at('gone')), text('copy')]).toEqual([false, 'echo two\n']);
  });

  test('a long output that was removed from the home is made again', async () => {
    const args = ['head', '-c', '400000', ':::', '/dev/zero'];
    expect((await run(args)).stdout.length).toBe(400_000);
    rmSync(join(folder, 'home', 'outputs'), { recursive: true });
    expect((await run(args)).stdout.length).toBe(400_000);
  });

  test('results and attach print the lines of run --json', async () => {
    const { stdout } = await run([
      '--json',
      '--name',
      'same',
      '--',
      'echo {}; exit {}',
      ':::',
      '0',
      '3',
    ]);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { index: 0, command: 'echo 0; exit 0', value: { exit: 0 } },
      { index: 1, command: 'echo 3; exit 3', error: 'exit 3', value: { exit: 3 } },
    ]);
    const place = { home: join(folder, 'home'), cwd: folder };
    for (const verb of ['results', 'attach']) {
      expect((await startBuilt([verb, 'same'], place).ended).stdout).toBe(stdout);
    }
  });

  test('--dry-run prints the commands and runs none; --joblog and --resume go on', async () => {
    const args = (more: string[]): string[] => [
      ...more,
      '--',
      'touch {}; exit {}',
      ':::',
      '0',
      '1',
    ];
    expect((await run(args(['--dry-run']))).stdout).toBe('touch 0; exit 0\ntouch 1; exit 1\n');
    expect(existsSync(at('0'))).toBe(false);
    await run(args(['--joblog', 'log']));
    const [title, first, second] = lines('log').map((line) => line.split('\t'));
    expect(title?.join(' ')).toMatch(/^Seq Host Starttime JobRuntime Send Receive Exitval Signal/);
    expect([first?.[0], first?.[6], first?.[8]]).toEqual(['1', '0', 'touch 0; exit 0']);
    expect([second?.[0], second?.[6]]).toEqual(['2', '1']);
    expect((await run(args(['--joblog', 'log', '--resume']))).stderr).toMatch(/nothing to run/);
    const again = await run(args(['--joblog', 'log', '--resume-failed']));
    expect(again.stderr).toMatch(/1 command, 1 failed/);
  });

  test('a command over its time is ended with all that it started', async () => {
    const script = "trap '' TERM; echo $$ > pid; sleep 100 & echo $! > child; wait; sleep 100";
    const { code, stderr } = await run(['--timeout', '1', '--', script, ':::', 'x']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/timeout/);
    expect(isAlive(Number(text('child')))).toBe(false);
  });

  test('--retries tries again, --halt ends early', async () => {
    const script = 'echo {} >> tries; test $(wc -l < tries) = 3';
    expect((await run(['--retries', '3', '--', script, ':::', '1'])).code).toBe(0);
    expect(lines('tries')).toHaveLength(3);
    const many = Array.from({ length: 200 }, (_, k) => String(k));
    const halted = await run([
      '-j',
      '1',
      '--halt',
      'now,fail=1',
      '--',
      'sleep 0.05; false',
      ':::',
      ...many,
    ]);
    expect(halted.code).toBe(1);
    expect(halted.stderr).toMatch(/not run/);
  });

  test('what an interrupted run left is done by the same run, and by no other', async () => {
    const script = 'echo {} >> ran; test {} -lt 3 || exec sleep {}';
    const wrong = start(['-j1', '--', script, ':::', '1', '2', '300', '400']);
    await expect.poll(() => counts('ran').has('300'), { timeout: 20_000 }).toBe(true);
    wrong.child.kill('SIGINT');
    const { code, stderr } = await wrong.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('End it: meshd cancel');
    const other = await run(['-j1', '--', 'sleep 0.3; echo {}', ':::', 'x', 'y']);
    expect(other).toMatchObject({ code: 0, stdout: 'x\ny\n' });
    expect(other.stderr).toMatch(/an earlier job is not done: .*meshd cancel/);
    const part = await run(['-j1', '--', script, ':::', '1', '2']);
    expect(part.stderr).toContain('all known before');
    expect([...counts('ran')]).toEqual([
      ['1', 1],
      ['2', 1],
      ['300', 1],
    ]);
    const again = start(['-j1', '--', script, ':::', '1', '2', '300', '400']);
    await expect.poll(() => counts('ran').get('300'), { timeout: 20_000 }).toBe(2);
    again.child.kill('SIGINT');
    await again.ended;
  });

  test('output of any size and kind comes through', async () => {
    const script = 'head -c 30000000 /dev/zero | tr "\\0" {}; printf "\\377\\n"';
    const { code, stdout } = await run(['--', script, ':::', 'a', 'b']);
    expect(code).toBe(0);
    expect(stdout.length).toBe(2 * 30_000_002);
    expect(stdout.slice(30_000_002, 30_000_012)).toBe('bbbbbbbbbb');
  });

  test('an output over its cap ends its command', async () => {
    const { code, stderr } = await run(['--max-output', '128MB', '--', 'yes', ':::', 'x']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/output/);
  });

  test('--results writes the outputs to files', async () => {
    const ran = await run(['--results', 'out', '--', 'echo {}; echo {} >&2', ':::', 'a', 'b/c']);
    expect(ran.stdout).toBe('');
    expect(text('out/1/a/stdout')).toBe('a\n');
    expect(text('out/1/b\\_c/stderr')).toBe('b/c\n');
    expect(readdirSync(at('out/1')).sort()).toEqual(['a', 'b\\_c']);
  });

  test('bad options say in one line what is wrong, and nothing runs', async () => {
    const wrong: [string[], RegExp][] = [
      [['--halt', 'often', '--', 'touch x', ':::', '1'], /--halt often/],
      [['--timeout', 'soon', '--', 'touch x', ':::', '1'], /--timeout soon/],
      [['--env', 'NOT_SET', '--', 'touch x', ':::', '1'], /--env NOT_SET/],
      [['--resume', '--', 'touch x', ':::', '1'], /--joblog/],
      [['--', 'touch x', '::::', 'nowhere'], /nowhere/],
      [['--max-output', 'much', '--', 'touch x', ':::', '1'], /--max-output/],
      [['touch', ':::', '\uFFFD'], /no UTF-8/],
    ];
    for (const [args, line] of wrong) {
      const { code, stderr } = await run(args);
      expect([args.join(' '), code]).toEqual([args.join(' '), 2]);
      expect(stderr).toMatch(line);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect(existsSync(at('x'))).toBe(false);
  });
});

describe('on a mesh', () => {
  test('a command runs once although a peer is killed, but for what it had in hand', async () => {
    const peers: ChildProcess[] = [];
    try {
      const first = await startBuiltPeer(join(folder, 'home'), ['start', '--slots', '1']);
      peers.push(first.child);
      const second = await startBuiltPeer(join(folder, 'other'), [
        'join',
        first.invite,
        '--slots',
        '2',
      ]);
      peers.push(second.child);
      const all = Array.from({ length: 600 }, (_, k) => String(k));
      const script = 'echo {} $PPID >> ran; sleep 0.02';
      const { child, ended } = start(['--', script, ':::', ...all]);
      expect(child.exitCode).toBeNull();
      const shells = (): Set<string> =>
        new Set([...counts('ran').keys()].map((line) => line.split(' ')[1] ?? ''));
      await expect.poll(() => shells().size, { timeout: 60_000 }).toBe(3);
      second.child.kill('SIGKILL');
      const { code } = await ended;
      expect(code).toBe(0);
      const runs = new Map<string, number>();
      for (const line of lines('ran')) {
        const [command = ''] = line.split(' ');
        runs.set(command, (runs.get(command) ?? 0) + 1);
      }
      expect(runs.size).toBe(600);
      const twice = [...runs.values()].filter((times) => times > 1);
      // Two slots, and what was told less than a moment before.
      expect(twice.length).toBeLessThanOrEqual(12);
      expect(Math.max(...runs.values())).toBeLessThanOrEqual(2);
    } finally {
      for (const peer of peers) peer.kill('SIGKILL');
    }
  }, 120_000);

  test('nothing of a command is left a second after its peer was killed', async () => {
    // The second one leaves its session, and its parent is the system's first process.
    const lines = ['sleep 1000 &', 'echo $! > child', `setsid -f sh -c '${DAEMON}'`, 'wait'];
    writeFileSync(at('both.sh'), `${lines.join('\n')}\n`);
    const { child, ended } = start(['--', 'sh both.sh', ':::', 'x']);
    const isStarted = (name: string): boolean => existsSync(at(name)) && text(name) !== '';
    await expect
      .poll(() => isStarted('child') && isStarted('daemon'), { timeout: 30_000 })
      .toBe(true);
    child.kill('SIGKILL');
    await ended;
    const left = (): string[] => ['child', 'daemon'].filter((name) => isAlive(Number(text(name))));
    await expect.poll(left, { timeout: 1000, interval: 20 }).toEqual([]);
  });
});
