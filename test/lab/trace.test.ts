import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStreams } from '../../src/work/candidate/rng.ts';
import { startBuilt } from '../e2e/built-command.ts';

/** Candidate 3 throws two calls below; the columns are those of this text. */
const SOURCE = `interface Input {
  readonly index: number;
  readonly rng: { uniform(): number; normal(mu?: number, sigma?: number): number };
  readonly log: (...values: unknown[]) => void;
}

function check(index: number, x: number): number {
  if (index === 3) throw new RangeError('three');
  return x;
}

export default function evaluate({ index, rng, log }: Input): number {
  const x = rng.uniform();
  log('x', x);
  return check(index, x + rng.normal(0, 2) + Math.random());
}
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-trace-'));
  await writeFile(join(folder, 'model.ts'), SOURCE);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function meshd(...args: string[]) {
  return startBuilt(args, { home: join(folder, 'home'), cwd: folder, stdin: '' }).ended;
}

test('rerun --trace has the draws of the candidate’s own stream, its log, and the stack by the user’s lines', async () => {
  await meshd('publish', 'model.ts', '--accept', '5', '--seed', '7');
  const { code, stdout } = await meshd('rerun', 'model', '3', '--trace');
  expect(code).toBe(0);
  const { rng, open } = createStreams(7);
  open(3);
  const [x, normal] = [rng.uniform(), rng.normal(0, 2)];
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toBe(`draw   0 uniform() ${x}`);
  expect(lines[1]).toBe(`log    info x ${x}`);
  expect(lines[2]).toMatch(/^draw {3}1–\d+ normal\(0, 2\) /);
  expect(lines[2]?.endsWith(` ${normal}`)).toBe(true);
  expect(lines[3]?.endsWith(` Math.random() ${rng.uniform()}`)).toBe(true);
  expect(lines[4]).toMatch(/^took {3}\d+ doubles of its stream, [\d.]+ MiB, [\d.]+ s of processor/);
  expect(lines.slice(5)).toEqual([
    expect.stringMatching(/^3: error RangeError \(/),
    'RangeError: three',
    '    at check (model.ts:8:26)',
    '    at model.ts:15:10',
  ]);
  const last = (await meshd('rerun', 'model', '3', '--trace', '--json')).stdout.trimEnd();
  const end = JSON.parse(last.split('\n').at(-1) ?? '') as object;
  expect(end).toMatchObject({ kind: 'end', index: 3, outcome: { kind: 'error' } });
});

test('rerun runs a command again: its output and exit code, and nothing of it counts', async () => {
  const name = ['--name', 'twice'];
  const command = 'echo {} >> runs; echo out {}; echo err {} >&2; exit {}';
  await meshd('run', ...name, command, ':::', '0', '3');
  const good = await meshd('rerun', 'twice', '0');
  expect([good.code, good.stdout]).toEqual([0, 'out 0\n']);
  expect(good.stderr).toMatch(/^err 0\n0: done \(.*; this run counts for nothing$/m);
  const bad = await meshd('rerun', 'twice', '1');
  expect([bad.code, bad.stdout]).toEqual([1, 'out 3\n']);
  expect(bad.stderr).toMatch(/^1: exit 3 \(/m);
  const traced = (await meshd('rerun', 'twice', '0', '--trace')).stdout;
  expect(traced).toMatch(
    /^took {3}[\d.]+ MiB, .* beside the command’s own; a command has no draws$/m,
  );
  expect(traced).not.toContain('doubles');
  const beyond = await meshd('rerun', 'twice', '2');
  expect([beyond.code, beyond.stdout]).toEqual([2, '']);
  expect(beyond.stderr).toMatch(/twice has 2 items: no index 2/);
  const lines = (await meshd('results', 'twice')).stdout.trimEnd().split('\n');
  expect(
    lines.map((line) => (JSON.parse(line) as { value: { tries: number } }).value.tries),
  ).toEqual([1, 1]);
});

test('--log-if keeps what it says, is in no certificate, and a bad one publishes nothing', async () => {
  const publish = ['publish', 'model.ts', '--accept', '30', '--seed', '8'];
  const first = await meshd(...publish, '--log-if', "outcome === 'error' || index === 9");
  expect(first.code).toBe(0);
  const texts = (await meshd('logs', 'model', '--json')).stdout.trimEnd().split('\n');
  const indices = texts.map((line) => (JSON.parse(line) as { index: number }).index);
  expect(new Set(indices)).toEqual(new Set([3, 9]));
  // The same question: it is known already.
  const again = await meshd(...publish);
  expect(again.stderr).toMatch(/all known before/);
  const bad = await meshd(...publish, '--log-if', 'value >');
  expect([bad.code, bad.stdout]).toEqual([2, '']);
  expect(bad.stderr).toMatch(
    /^meshd publish: logIf "value >": Expected expression after > at character 8; it may use .*\n$/,
  );
});
