import { execFileSync } from 'node:child_process';
import {
  createWriteStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CommandFlags } from '../../src/cli/commands/flags.ts';
import { planCommands } from '../../src/cli/commands/plan.ts';
import type { JobReport } from '../../src/node/mesh.ts';
import {
  type Ran,
  type Running,
  type RunOptions,
  runCaptured,
  startCaptured,
} from './captured-io.ts';

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

/** The numbers of the commands of a job log, in its order. */
function numbersIn(log: string): (string | undefined)[] {
  const logged = readFileSync(log, 'utf8').trimEnd().split('\n').slice(1);
  return logged.map((line) => line.split('\t')[0]);
}

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
    expect(numbersIn(log)).toEqual(['1', '2', '3', '4', '5']);
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

describe('arguments that go on coming', () => {
  test('have the first commands run and printed, and their numbers go on', async () => {
    const stdin = new PassThrough();
    const log = join(folder, 'log');
    const command = 'echo ran >> runs; echo {} {#}-$PARALLEL_SEQ';
    const running = start(stdin, '--joblog', log, command);
    stdin.write('a\nb\n');
    await running.prints('b 2-2\n');
    stdin.write('b\nc');
    await running.prints('b 3-3\n');
    stdin.end('d\n');
    const { code, stdout, stderr } = await running.done;
    expect([code, stdout]).toEqual([0, 'a 1-1\nb 2-2\nb 3-3\ncd 4-4\n']);
    expect(stderr).toMatch(/^4 commands, [\d.]+ s$/m);
    expect(numbersIn(log)).toEqual(['1', '2', '3', '4']);
    const again = await run('a\nb\nb\ncd\n', command);
    expect(again.stdout).toBe(stdout);
    expect(again.stderr).toMatch(/^4 commands, all known before/);
    const rest = await run('a\nb\nb\ncd\ne\n', '--joblog', log, '--resume', command);
    expect(rest.stdout).toBe('e 5-5\n');
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('ran\n'.repeat(5));
  });

  test('that end soon are one job, the same as those of :::', async () => {
    const jobs: JobReport[][] = [];
    for (const [at, words, stdin] of [
      ['one', [':::', 'a', 'b', 'c'], []],
      ['two', [], ['a\n', 'b\n', 'c\n']],
    ] as const) {
      const inside = ['--home', join(folder, at)];
      await start(Readable.from(stdin), ...inside, 'echo {}', ...words).done;
      const { stdout } = await runCaptured(['jobs', '--json', ...inside]);
      const ids = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).job as string);
      const reports = ids.map(
        async (id) => (await runCaptured(['show', id, '--json', ...inside])).stdout,
      );
      jobs.push((await Promise.all(reports)).map((text) => JSON.parse(text) as JobReport));
    }
    expect(jobs.map((all) => all.length)).toEqual([1, 1]);
    const [[listed], [streamed]] = jobs as [[JobReport], [JobReport]];
    // Beside these and its owner, which is another one, only its commands tell it from others.
    const { name, params, program, target } = listed;
    expect(streamed).toMatchObject({ name, params, program, target, status: 'done' });
    expect(streamed.certificate).toMatch(/^[0-9a-f]{64}$/);
  });

  test('come from a pipe that :::: names as well, -N of them together', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const running = start('', '-N2', 'echo {1}-{2}', '::::', pipe);
    const to = createWriteStream(pipe);
    to.write('a\nb\nc\n');
    await running.prints('a-b\n');
    to.end('d\ne\n');
    expect(await running.done).toMatchObject({ code: 0, stdout: 'a-b\nc-d\ne-\n' });
  });

  test('run nothing if one that came at once is bad, and tell one that came later', async () => {
    const command = 'echo ran >> runs; echo {}';
    const stdin = Readable.from(['a\n', '\xff\n'].map((text) => Buffer.from(text, 'latin1')));
    expect(await start(stdin, command).done).toMatchObject({ code: 2, stdout: '' });
    expect(existsSync(join(folder, 'runs'))).toBe(false);
    const slow = new PassThrough();
    const running = start(slow, command);
    slow.write('a\n');
    await running.prints('a\n');
    slow.end('b\n\0\n');
    const { code, stderr } = await running.done;
    expect([code, stderr]).toEqual([2, expect.stringContaining('argument 3 has a NUL')]);
  });

  test('are read no further behind -E, at --halt and at a deadline', async () => {
    for (const [options, code] of [
      [['-E', 'b'], 0],
      [['--halt', 'now,fail=1'], 1],
      [['--deadline', '1'], 5],
    ] as const) {
      const stdin = new PassThrough();
      const running = start(stdin, ...options, 'echo {}; test {} != stop');
      stdin.write(code === 1 ? 'stop\n' : 'a\n');
      await running.prints('\n');
      if (code === 0) stdin.write('b\nc\n');
      expect((await running.done).code).toBe(code);
      expect(stdin.destroyed).toBe(true);
    }
  });

  test('are waited for no longer once they are interrupted', async () => {
    const stdin = new PassThrough();
    const running = start(stdin, 'echo {}');
    stdin.write('a\n');
    await running.prints('a\n');
    running.interrupt();
    expect(await running.done).toMatchObject({
      code: 130,
      stderr: 'interrupted; what was done is kept, and the same command continues\n',
    });
    expect(stdin.destroyed).toBe(true);
  });

  test('go on with the same command when they were interrupted', async () => {
    const command = 'echo ran >> runs; echo {}; test {} = a || test -e go || sleep 20';
    const stdin = new PassThrough();
    const running = start(stdin, command);
    stdin.write('a\n');
    await running.prints('a\n');
    stdin.write('b\n');
    await expect
      .poll(() => readFileSync(join(folder, 'runs'), 'utf8'), { timeout: 10_000 })
      .toBe('ran\n'.repeat(2));
    running.interrupt();
    const { code, stderr } = await running.done;
    expect(code).toBe(130);
    expect(stderr).toBe('interrupted; what was done is kept, and the same command continues\n');
    writeFileSync(join(folder, 'go'), '');
    const again = await run('a\nb\nc\n', command);
    expect(again).toMatchObject({ code: 0, stdout: 'a\nb\nc\n' });
    expect(again.stderr).toMatch(/^3 commands, 1 known before/);
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('ran\n'.repeat(4));
  });

  const one = ['echo {}'];
  const cases: [string, CommandFlags, string[]][] = [
    ['{##}', {}, ['echo {##}']],
    ['--shuf', { shuf: true }, one],
    ['-X', { X: true }, one],
    ['-m', { m: true }, one],
    ['--xargs', { xargs: true }, one],
    ['--bar', { bar: true }, one],
    ['--eta', { eta: true }, one],
    ['--header', { header: ':' }, one],
    ['--halt', { halt: 'soon,fail=10%' }, one],
    ['a second source', {}, [...one, '::::', '-', ':::', 'x']],
  ];
  test.each(cases)('are all read before anything runs for %s', async (_, flags, words) => {
    const plan = await planCommands(words, flags, Readable.from(['a\nb\n']));
    expect(plan.coming).toBeUndefined();
    const streamed = await planCommands(one, {}, Readable.from(['a\nb\n']));
    expect(streamed.coming).toBeDefined();
  });
});

test('a block of which --rrs leaves nothing has a number, and no command', async () => {
  // As GNU parallel 20221122.
  const { stdout } = await run('\n\n\na\n', '--pipe', '-k', '--rrs', '-N1', 'echo {#}; cat; echo');
  expect(stdout).toBe('2\na\n');
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
