import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createStreams } from '../../src/work/candidate/rng.ts';
import { ENTRY } from './built.ts';
import { type Ended, startBuilt } from './built-command.ts';
import { isAlive } from './process-state.ts';

/** A worker for tests: accepts what its seed allows, and answers as it is told. */
const WORKER = `
import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { index, seed32, params, item } = JSON.parse(line);
  console.error('saw ' + index);
  if (item === 'throw') console.log(JSON.stringify({ error: 'no such item' }));
  else if (item === 'die') process.exit(3);
  else if (item === 'hang') continue;
  else if (item !== undefined) console.log(JSON.stringify({ value: item.length }));
  else if (seed32 % 3 === 0) console.log(JSON.stringify({ value: [seed32, params] }));
  else console.log(JSON.stringify({ reject: true }));
}
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-exec-'));
  writeFileSync(join(folder, 'worker.mjs'), WORKER);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const EXEC = `"${process.execPath}" worker.mjs`;

function meshd(args: readonly string[], cwd = folder, stdin = ''): Promise<Ended> {
  return startBuilt(args, { home: join(folder, 'home'), cwd, stdin }).ended;
}

/** The lines of a worker that is asked for one candidate after the other, without a mesh. */
function serial(command: string, args: readonly string[], accept: number, params: unknown): string {
  const { rng, open } = createStreams(7);
  const questions = Array.from({ length: accept * 8 }, (_, index) => {
    open(index);
    return JSON.stringify({ index, seed32: rng.seed32, params });
  });
  const input = `${questions.join('\n')}\n`;
  const answers = execFileSync(command, args, {
    input,
    cwd: folder,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = answers
    .toString()
    .trimEnd()
    .split('\n')
    .flatMap((line, index) => {
      const reply = JSON.parse(line) as { value?: unknown };
      return 'value' in reply ? [`${JSON.stringify({ index, value: reply.value })}\n`] : [];
    });
  return lines.slice(0, accept).join('');
}

describe('a lasting worker', () => {
  test('gives what it gives when it is asked for one candidate after the other', async () => {
    const args = [
      'publish',
      '--exec',
      EXEC,
      '--accept',
      '200',
      '--seed',
      '7',
      '--params',
      '{"a":1}',
    ];
    const { code, stdout } = await meshd(args);
    expect(code).toBe(0);
    expect(stdout).toBe(serial(process.execPath, ['worker.mjs'], 200, { a: 1 }));
    expect((await meshd(args)).stderr).toMatch(/all known before/);
  });

  test('takes items; its error is the item’s, and a death or a timeout leaves the item out', async () => {
    const items = 'one\nthrow\ndie\nhang\nthree\n';
    const args = ['map', '--exec', EXEC, '--items', '-', '--timeout', '400ms'];
    const { code, stdout, stderr } = await meshd(args, folder, items);
    expect(code).toBe(1);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { index: 0, value: 3 },
      { index: 1, error: 'Error' },
      { index: 4, value: 5 },
    ]);
    expect(stderr).toMatch(/2 skipped/);
  });

  test('that dies with many lines in hand costs the one that it dies of', async () => {
    writeFileSync(
      join(folder, 'ahead.mjs'),
      WORKER.replaceAll('JSON.stringify({', 'JSON.stringify({ index,').replace(/.*saw.*\n/, ''),
    );
    const words = Array.from({ length: 300 }, (_, k) => (k === 200 ? 'die' : 'x'.repeat(k + 6)));
    const args = ['map', '--exec', EXEC.replace('worker', 'ahead'), '--items', '-'];
    const { stdout, stderr } = await meshd(args, folder, `${words.join('\n')}\n`);
    const wanted = words.flatMap((word, index) =>
      index === 200 ? [] : [JSON.stringify({ index, value: word.length })],
    );
    expect(stdout.trimEnd().split('\n')).toEqual(wanted);
    expect(stderr).toMatch(/1 skipped/);
  });

  test('that does not start is no job, and a line says why', async () => {
    const exec = `sh -c 'echo one >&2; echo the model is missing >&2; exit 3'`;
    const { code, stdout, stderr } = await meshd(['publish', '--accept', '1', '--exec', exec]);
    expect([code, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1]);
    expect(stderr).toMatch(/the worker does not start: exit code 3: the model is missing/);
    expect((await meshd(['jobs', '--json'])).stdout).toBe('');
  });

  test('that dies of its first item alone is asked for the others', async () => {
    const { code, stdout, stderr } = await meshd(
      ['map', '--exec', EXEC, '--items', '-'],
      folder,
      'die\nfour\n',
    );
    expect([code, stdout]).toEqual([1, '{"index":1,"value":4}\n']);
    expect(stderr).toMatch(/1 skipped/);
  });

  test('is another question when a file that its command names has changed', async () => {
    const args = ['publish', '--exec', EXEC, '--accept', '3', '--json', '--detach'];
    const one = await meshd(args.slice(0, -1));
    writeFileSync(join(folder, 'worker.mjs'), WORKER.replace('% 3', '% 2'));
    const other = await meshd(args.slice(0, -1));
    expect(other.stderr).not.toMatch(/all known before/);
    expect(other.stdout).not.toBe(one.stdout);
  });

  test('may log: rerun shows what it wrote to stderr for a candidate', async () => {
    await meshd(['map', '--exec', EXEC, '--items', '-', '--name', 'logs'], folder, 'a\nbb\n');
    expect((await meshd(['rerun', 'logs', '1'])).stdout).toMatch(/^log {2}saw 1$/m);
  });

  test('needs a command that is one, and no function file beside it', async () => {
    const both = await meshd(['publish', 'worker.mjs', '--exec', EXEC, '--accept', '1']);
    const none = await meshd(['publish', '--accept', '1']);
    for (const { code, stderr } of [both, none]) {
      expect(code).toBe(2);
      expect(stderr).toMatch(/a function file or --exec COMMAND, one of the two/);
    }
  });
});

test('a worker that never ends is gone a second after its peer was killed', async () => {
  const env = { ...process.env, MESHD_HOME: join(folder, 'home') };
  const busy = `require('fs').writeFileSync('pid', String(process.pid)); for (;;);`;
  writeFileSync(join(folder, 'busy.cjs'), busy);
  const args = ['publish', '--exec', `"${process.execPath}" busy.cjs`, '--accept', '1'];
  const child = spawn(process.execPath, [ENTRY, ...args], { env, cwd: folder, stdio: 'ignore' });
  const pid = (): number => Number(readFileSync(join(folder, 'pid'), 'utf8'));
  const started = (): boolean => existsSync(join(folder, 'pid')) && pid() > 0;
  await expect.poll(started, { timeout: 30_000 }).toBe(true);
  const found = pid();
  expect(isAlive(found)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  await expect.poll(() => isAlive(pid()), { timeout: 1000, interval: 20 }).toBe(false);
});

const EXAMPLES: readonly (readonly [program: string, file: string])[] = [
  ['python3', 'examples/pi.py'],
  ['Rscript', 'examples/pi.R'],
];

for (const [program, file] of EXAMPLES) {
  const isThere = spawnSync(program, ['--version']).status === 0;
  if (!isThere) console.warn(`without ${program}: ${file} is not tried`);

  test.skipIf(!isThere)(`${file} gives what it gives in a pipe`, async () => {
    const args = ['publish', '--exec', `${program} ${file}`, '--accept', '300', '--seed', '7'];
    const { code, stdout } = await meshd(args, resolve('.'));
    expect(code).toBe(0);
    expect(stdout).toBe(serial(program, [resolve(file)], 300, null));
  });
}

test('the example in shell tells the length of each item, whatever JSON escapes of it', async () => {
  const args = ['map', '--exec', 'sh examples/length.sh', '--items', '-'];
  const items = ['one', 'banana "q"', 'C:\\u0041\\', 'a\tbell\x07', 'naïve', '"item":"x"'];
  const { stdout } = await meshd(args, resolve('.'), `${items.join('\n')}\n`);
  const lines = items.map((item, index) => ({ index, value: Buffer.byteLength(item) }));
  expect(stdout).toBe(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  expect(readFileSync('examples/length.sh', 'utf8')).toMatch(/^#!\/bin\/sh\n/);
});
