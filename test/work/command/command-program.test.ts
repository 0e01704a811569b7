import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoadedProgram, ProgramError } from '../../../src/work/candidate/load-program.ts';
import { type CommandProgram, loadCommands } from '../../../src/work/command/command-program.ts';
import type { CommandSpec } from '../../../src/work/command/command-spec.ts';
import type { CommandValue } from '../../../src/work/command/command-value.ts';

let root: string;
let outputs: string;
let open: CommandProgram[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meshd-program-'));
  outputs = join(root, 'outputs');
  mkdirSync(outputs);
  mkdirSync(join(root, 'work'));
});
afterEach(async () => {
  for (const program of open) await program.close();
  open = [];
  rmSync(root, { recursive: true, force: true });
});

async function load(spec: Partial<CommandSpec> = {}): Promise<CommandProgram> {
  const program = await loadCommands(
    {
      ...{ directory: join(root, 'work'), environment: {}, tries: 1 },
      ...{ timeoutMs: null, outputBytes: null, delayMs: 0, ...spec },
    },
    outputs,
  );
  open.push(program);
  return program;
}

function evaluate({ evaluate }: LoadedProgram, item: unknown, index = 0): Promise<CommandValue> {
  const input = { index, item, params: undefined, state: undefined, log: () => {} };
  return evaluate(input as unknown as Parameters<typeof evaluate>[0]) as Promise<CommandValue>;
}

const outcome = async (command: string, spec?: Partial<CommandSpec>): Promise<CommandValue> =>
  evaluate(await load(spec), { command });

test('each try finds its inputs as they were sent, and nothing that a try before left', async () => {
  const program = await load({ transfer: true, tries: 3 });
  const sent = join(root, 'sent');
  mkdirSync(join(sent, 'sub'), { recursive: true });
  writeFileSync(join(sent, 'a'), 'input', { mode: 0o444 });
  writeFileSync(join(sent, 'sub', 'b'), 'deep');
  const place = { folder: sent, store: join(root, 'made'), mostBytes: 1e6 };
  const tried = join(root, 'tried');
  const look = `{ ls -R; cat a sub/b; stat -c ' %a' a; echo ====; } >> '${tried}'`;
  const use = 'mv a a.gz; echo x > sub/b; mkdir left; chmod 0 left';
  const command = `${look}; ${use}; test $(grep -c ==== '${tried}') = 3`;
  const value = await evaluate(program, { command, place });
  expect(value).toMatchObject({ exit: 0, tries: 3 });
  const once = '.:\na\nsub\n\n./sub:\nb\ninputdeep 444\n====\n';
  expect(readFileSync(tried, 'utf8')).toBe(once.repeat(3));
  expect(readdirSync(root).sort()).not.toContain('kept');
});

test('a command that fills its working folder has no value: another machine may have room', async () => {
  const program = await load({ transfer: true, tries: 3 });
  const place = { folder: join(root, 'work'), store: join(root, 'made'), mostBytes: 1e6 };
  const command = 'echo x >> tries; head -c 2000000 /dev/zero > big; sleep 1000';
  await expect(evaluate(program, { command, place })).rejects.toMatchObject({
    ...{ code: 'EDQUOT', message: 'more than 1 MB in its working folder' },
  });
  expect(readFileSync(join(root, 'work', 'tries'), 'utf8')).toBe('x\n');
});

describe('a block of stdin', () => {
  const place = (): object => ({
    ...{ folder: join(root, 'sent'), store: join(root, 'made'), mostBytes: 1e6 },
  });
  const block = { name: '.block', isFile: false };
  beforeEach(() => {
    mkdirSync(join(root, 'sent'));
    writeFileSync(join(root, 'sent', '.block'), 'a\nb\n');
  });

  test('is read by each try, in the publisher’s folder', async () => {
    const program = await load({ transfer: true, inPlace: true, tries: 2 });
    const command = 'pwd >> tried; cat >> tried; test $(wc -l < tried) = 6';
    const value = await evaluate(program, { command, place: place(), block });
    expect(value).toMatchObject({ exit: 0, tries: 2 });
    const once = `${join(root, 'work')}\na\nb\n`;
    expect(readFileSync(join(root, 'work', 'tried'), 'utf8')).toBe(once + once);
    // A file that the command names counts, as of any command there.
    expect(Object.keys(value.files ?? {})).toContain('tried');
  });

  test('is read where its peer keeps it, and the command is not told where', async () => {
    const program = await load({ transfer: true, inPlace: true });
    const kept = join(root, 'kept');
    writeFileSync(kept, 'kept\n');
    const command = 'cat; echo "<$PARALLEL_TMP>"';
    const value = await evaluate(program, { command, place: { ...place(), block: kept }, block });
    expect(value.stdout).toBe('kept\n<>\n');
  });

  test('is a file that the command finds by a variable, when it is no stdin', async () => {
    const program = await load({ transfer: true });
    const item = { command: 'cat "$PARALLEL_TMP"; wc -c', place: place() };
    const value = await evaluate(program, { ...item, block: { ...block, isFile: true } });
    expect(value.stdout?.replaceAll(' ', '')).toBe('a\nb\n0\n');
  });

  test('that would lie elsewhere is refused', async () => {
    const program = await load({ transfer: true });
    const item = { command: 'cat', place: place(), block: { ...block, name: '../made/x' } };
    expect(() => evaluate(program, item)).toThrow('malformed block');
  });
});

describe('the value of a command', () => {
  test('tells its exit, outputs, times and tries, and leaves out what is empty', async () => {
    const before = Date.now() / 1000;
    const value = await outcome('echo out; echo err >&2; exit 3');
    const { started, seconds, ...rest } = value;
    expect(rest).toEqual({ exit: 3, signal: 0, stdout: 'out\n', stderr: 'err\n', tries: 1 });
    expect(started).toBeGreaterThanOrEqual(before - 0.001);
    expect(started).toBeLessThanOrEqual(Date.now() / 1000);
    expect(seconds).toBe(Number(seconds.toFixed(3)));
    expect(JSON.parse(JSON.stringify(value))).toEqual(value);
    expect(Object.keys(await outcome('true'))).toEqual([
      ...['exit', 'signal', 'started', 'seconds', 'tries'],
    ]);
  });

  test('has the numbers of its candidate in the environment', async () => {
    const program = await load();
    const item = { command: 'echo $MESHD_INDEX $PARALLEL_SEQ', inputs: ['ignored'] };
    expect(await evaluate(program, item, 41)).toMatchObject({ stdout: '41 42\n' });
    expect(await evaluate(program, item, 7)).toMatchObject({ stdout: '7 8\n' });
  });

  test('sees of the peer what describes the machine, and what is declared over it', async () => {
    process.env['MESHD_TEST_SECRET'] = 'of the peer';
    try {
      const command = 'echo "$MESHD_TEST_SECRET|$TZ|$PATH"';
      const value = await outcome(command, { environment: { TZ: 'Asia/Tokyo' } });
      expect(value.stdout).toBe(`|Asia/Tokyo|${process.env['PATH']}\n`);
    } finally {
      delete process.env['MESHD_TEST_SECRET'];
    }
  });

  test('has what is no UTF-8 as base64, and a byte order mark as text', async () => {
    expect(await outcome(`printf '\\377\\000'`)).toMatchObject({ stdoutBase64: '/wA=' });
    expect(await outcome(`printf '\\377' >&2`)).toMatchObject({ stderrBase64: '/w==' });
    expect(await outcome(`printf '\\357\\273\\277x'`)).toMatchObject({ stdout: '\ufeffx' });
  });

  test('stays below 900 KiB, whatever is written', async () => {
    const both = (command: string): string => `${command}; ${command} >&2`;
    const escapes = await outcome(both('head -c 262144 /dev/zero'));
    expect(Buffer.from(escapes.stdoutBase64 ?? '', 'base64')).toEqual(Buffer.alloc(262_144));
    const quotes = await outcome(both(`head -c 200000 /dev/zero | tr '\\0' '"'`));
    expect(quotes.stdout).toBe('"'.repeat(200_000));
    const noise = await outcome(both(`head -c 262144 /dev/zero | tr '\\0' '\\377'`));
    for (const value of [escapes, quotes, noise]) {
      expect(JSON.stringify(value).length).toBeLessThan(900 * 1024);
    }
  });

  test('names the file of an output of more than 256 KiB', async () => {
    const { stdout, stdoutFile } = await outcome('seq 1 100000');
    expect(stdout).toBeUndefined();
    expect(readFileSync(stdoutFile?.file ?? '', 'utf8').length).toBe(stdoutFile?.bytes);
    expect(stdoutFile?.bytes).toBe(588_895);
  });

  test('tells the limit that ended it', async () => {
    expect(await outcome('sleep 1000', { timeoutMs: 100 })).toMatchObject({
      ...{ exit: -1, signal: 15, ended: 'timeout' },
    });
    expect(await outcome('yes', { outputBytes: 4 })).toMatchObject({
      ...{ exit: -1, signal: 15, ended: 'output', stdout: 'y\ny\n' },
    });
  });

  test('tells which files it wrote', async () => {
    const { files: written } = await outcome('echo four > one.txt');
    expect(written).toEqual({ 'one.txt': [5, expect.any(Number)] });
  });
});

describe('a command that fails', () => {
  const third = 'echo x >> count; seq 1 100000; [ $(wc -l < count) -ge 3 ]';

  test('is tried until it succeeds, and only the last try leaves its output', async () => {
    const value = await outcome(third, { tries: 5 });
    expect(value).toMatchObject({ exit: 0, tries: 3 });
    const long = readdirSync(outputs).filter((name) => /-\d+\.stdout$/.test(name));
    expect(long).toEqual([value.stdoutFile?.file.slice(outputs.length + 1)]);
  });

  test('is tried no more often than that', async () => {
    expect(await outcome(third, { tries: 2 })).toMatchObject({ exit: 1, tries: 2 });
    expect(await outcome(`sh -c 'kill -9 $$'`, { tries: 2 })).toMatchObject({
      ...{ exit: 0, signal: 9, tries: 2 },
    });
    expect(await outcome('true', { tries: 2 })).toMatchObject({ exit: 0, tries: 1 });
    const late = await outcome('sleep 1000', { tries: 2, timeoutMs: 100 });
    expect(late).toMatchObject({ ended: 'timeout', tries: 2 });
  });
});

describe('a program of commands', () => {
  test('starts its commands no closer together than its delay', async () => {
    const program = await load({ delayMs: 150, tries: 2 });
    const first = await evaluate(program, { command: 'true' });
    const second = await evaluate(program, { command: 'false' });
    expect(second.started - first.started).toBeGreaterThanOrEqual(0.295);
  });

  test('is refused where its folder is none', async () => {
    const directory = join(root, 'nowhere');
    const line = `there is no folder ${directory} on this machine`;
    await expect(load({ directory })).rejects.toThrow(new ProgramError(line));
    const { stdout } = await outcome('echo > file; pwd');
    expect(stdout).toBe(`${join(root, 'work')}\n`);
    const file = join(root, 'work', 'file');
    await expect(load({ directory: file })).rejects.toThrow(ProgramError);
  });

  test.each([null, 'true', {}, { command: 5 }])('refuses the item %j', async (item) => {
    const program = await load();
    await expect(async () => evaluate(program, item)).rejects.toThrow('no text named command');
  });
});
