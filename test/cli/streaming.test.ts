import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Ran, type Running, type RunOptions, startCaptured } from './captured-io.ts';

const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

let folder = '';
let home = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-streaming-'));
  home = join(folder, 'home');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(stdin: RunOptions['stdin'] & {}, ...argv: string[]): Running {
  return startCaptured(['run', '--home', home, '--wd', folder, ...argv], { stdin });
}

function run(stdin: string, ...argv: string[]): Promise<Ran> {
  return start(stdin, ...argv).done;
}

/** What is kept of stdin. */
function kept(): string[] {
  const blocks = join(home, 'blocks');
  return existsSync(blocks) ? readdirSync(blocks) : [];
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, k) => `${from + k}\n`).join('');

describe('a stdin that goes on', () => {
  test('has its first blocks’ commands run and printed, and their numbers go on', async () => {
    const stdin = new PassThrough();
    const log = join(folder, 'log');
    const options = ['--pipe', '--block', '4', '-N1', '--tagstring', '{#}', '--joblog', log];
    const running = start(stdin, ...options, 'cat');
    stdin.write('a\nb\n');
    await running.prints('2\tb\n');
    // Its blocks are given back meanwhile.
    await expect
      .poll(() => readdirSync(join(home, 'blocks', kept()[0] ?? '')).sort(), { timeout: 5000 })
      .toEqual(['jobs']);
    stdin.write('b\nc\n');
    await running.prints('4\tc\n');
    stdin.end('d\n');
    const { code, stdout, stderr } = await running.done;
    expect([code, stdout]).toEqual([0, '1\ta\n2\tb\n3\tb\n4\tc\n5\td\n']);
    expect(stderr).toMatch(/^5 commands, [\d.]+ s$/m);
    const logged = readFileSync(log, 'utf8').trimEnd().split('\n').slice(1);
    expect(logged.map((line) => line.split('\t')[0])).toEqual(['1', '2', '3', '4', '5']);
    expect(kept()).toEqual([]);
    // All of it was one run: the same stdin at once is known.
    const again = await run('a\nb\nb\nc\nd\n', ...options, 'cat');
    expect(again.stdout).toBe(stdout);
    expect(again.stderr).toMatch(/^5 commands, all known before/);
  });

  test('has a command run for each of its blocks, equal ones too', async () => {
    const stdin = new PassThrough();
    const running = start(stdin, '--pipe', '-N1', '--block', '5', 'echo ran >> runs; cat');
    for (const k of [1, 2, 3]) {
      stdin.write('same\n');
      await running.prints('same\n'.repeat(k));
    }
    stdin.end();
    expect((await running.done).stdout).toBe('same\n'.repeat(3));
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('ran\n'.repeat(3));
  });

  test.each(['soon', 'now'])('is read no further once --halt %s is reached', async (when) => {
    const stdin = new PassThrough();
    const options = ['--pipe', '-N1', '--block', '2', '--halt', `${when},fail=1`];
    const running = start(stdin, ...options, 'cat; exit 3');
    stdin.write('a\n');
    const { code, stdout, stderr } = await running.done;
    expect([code, stdout]).toEqual([1, 'a\n']);
    expect(stderr).toMatch(/^1 command, 1 failed/m);
    expect(stdin.destroyed).toBe(true);
    expect(kept()).toEqual([]);
  });

  test('is read no further at a deadline, and the answer is partial', async () => {
    const stdin = new PassThrough();
    const options = ['--pipe', '-N1', '--block', '2', '--deadline', '1s'];
    const running = start(stdin, ...options, 'cat');
    stdin.write('a\n');
    await running.prints('a\n');
    const late = setInterval(() => stdin.write('b\n'), 100);
    const { code } = await running.done.finally(() => clearInterval(late));
    expect(code).toBe(5);
  });

  test('has a block ended early by --block-timeout, with its last whole record', async () => {
    const stdin = new PassThrough();
    const running = start(stdin, '--pipe', '--bt', '1', '--tagstring', '{#}', 'cat');
    stdin.write('a\nb\nhalf');
    await running.prints('1\ta\n1\tb\n');
    stdin.end(' of it\n');
    expect(await running.done).toMatchObject({ code: 0, stdout: '1\ta\n1\tb\n2\thalf of it\n' });
  });

  test('is shown line by line, in order with -k', async () => {
    const stdin = new PassThrough();
    const running = start(stdin, '--lb', '-k', '--pipe', '-N1', '--block', '2', 'cat');
    for (const k of [1, 2, 3]) {
      stdin.write(`${k}\n`);
      await running.prints(lines(1, k));
    }
    stdin.end();
    expect(await running.done).toMatchObject({ code: 0, stdout: lines(1, 3) });
  });
});

describe('an interrupted run', () => {
  test('leaves nothing of its stdin, and the same command goes on from there', async () => {
    const command = 'echo ran >> runs; cat; test -e ./"$NO"go || sleep 20';
    writeFileSync(join(folder, 'go'), '');
    const stdin = new PassThrough();
    const running = start(stdin, '--pipe', '-N1', '--block', '2', command);
    stdin.write('a\n');
    await running.prints('a\n');
    rmSync(join(folder, 'go'));
    stdin.write('b\n');
    await expect
      .poll(() => readFileSync(join(folder, 'runs'), 'utf8'), { timeout: 10_000 })
      .toBe('ran\n'.repeat(2));
    running.interrupt();
    const { code, stderr } = await running.done;
    expect([code, kept()]).toEqual([130, []]);
    expect(stderr).toBe('interrupted; what was done is kept, and the same command continues\n');
    writeFileSync(join(folder, 'go'), '');
    const again = await run('a\nb\n', '--pipe', '-N1', '--block', '2', command);
    expect(again).toMatchObject({ code: 0, stdout: 'a\nb\n' });
    expect(again.stderr).toMatch(/^2 commands, 1 known before/);
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('ran\n'.repeat(3));
  });

  test('leaves nothing where it waits for the rest of a block, or for stdin', async () => {
    for (const text of ['', 'half']) {
      const stdin = new PassThrough();
      const running = start(stdin, '--pipe', 'cat');
      stdin.write(text);
      setImmediate(() => running.interrupt());
      expect((await running.done).code).toBe(130);
      expect(kept()).toEqual([]);
    }
  });
});

test('two runs at once with the same block do not take it away from each other', async () => {
  const slow = start(lines(1, 12), '-j1', '--force', '--pipe', '-N1', 'sleep 0.1; cat');
  await slow.prints('1\n');
  const quick = await run('12\n', '--force', '--priority', '10', '--pipe', '-N1', 'cat');
  expect(quick.stdout).toBe('12\n');
  expect(await slow.done).toMatchObject({ code: 0, stdout: lines(1, 12) });
});

test('a run goes on when an equal one at the same time is interrupted', async () => {
  const peer = startCaptured(['start', '--home', home, '--json', '--listen', LOOPBACK]);
  await peer.prints('"ready"');
  const command = 'until test -e ./"$NO"go; do sleep 0.1; done; cat';
  const one = start('a\nb\n', '--pipe', '-N1', command);
  const jobs = async (): Promise<number> => {
    const { stdout } = await startCaptured(['jobs', '--json', '--home', home]).done;
    return stdout
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '').length;
  };
  await expect.poll(jobs, { timeout: 20_000 }).toBe(1);
  const other = start('a\nb\n', '--pipe', '-N1', command);
  await expect.poll(jobs, { timeout: 20_000 }).toBe(2);
  one.interrupt();
  expect((await one.done).code).toBe(130);
  writeFileSync(join(folder, 'go'), '');
  expect(await other.done).toMatchObject({ code: 0, stdout: 'a\nb\n' });
  peer.interrupt();
  await peer.done;
});
