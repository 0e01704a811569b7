import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { bundleWorker } from '../../src/work/exec/bundle-worker.ts';
import type { Probe } from '../../src/work/workforce.ts';
import { inputsOf, openBench, type WorkBench } from './work-bench.ts';

let folder: string;
let bench: WorkBench;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-worker-start-'));
  writeFileSync(join(folder, 'plain'), 'echo');
  bench = await openBench();
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function probe(command: string): Promise<Probe> {
  const program = await bundleWorker(command, folder);
  return bench.workforce.probe({ ...inputsOf(''), program }, NO_LIMITS);
}

test.each([
  ['is not there', 'no-such-worker', /exit code 127: .*no-such-worker: not found/],
  ['is no program', './plain', /exit code 126: .*Permission denied/],
  ['ends', 'true', /exit code 0 /],
  ['ends with words', 'echo why >&2; echo no end >&2; exit 3', /exit code 3: no end /],
])('a worker that %s is told before anything is published', async (_, command, why) => {
  const error = await probe(command).catch((reason) => reason);
  expect(error).toMatchObject({ code: 'MESH_BAD_FUNCTION' });
  expect(error.message).toMatch(/^the worker does not start: /);
  expect(error.message).toMatch(why);
});

test('a worker that dies of what it was asked may start', async () => {
  const { hi, failure } = await probe('read line; echo "too much" >&2; exit 4');
  expect([hi, failure?.kind]).toEqual([0, 'died']);
  expect(failure?.detail).toMatch(/ended: exit code 4: too much$/);
});

test('a worker that closes its stdout counts as ended', async () => {
  const { hi, failure } = await probe('read line; exec >&-; echo "no more" >&2; exec sleep 60');
  expect([hi, failure?.kind]).toEqual([0, 'died']);
  expect(failure?.detail).toMatch(/ended: it closed its stdout: no more$/);
});

test('so does one that is a program of its own, without the shell that started it', async () => {
  const code =
    "process.stdin.once('data', () => { require('fs').closeSync(1); setTimeout(String, 6e4); });";
  writeFileSync(join(folder, 'closes.cjs'), code);
  const { failure } = await probe(`${process.execPath} closes.cjs`);
  expect(failure?.detail).toMatch(/ended: it closed its stdout/);
});

test('a command of the shell’s own is one still', async () => {
  await expect(probe('exit 7')).rejects.toThrow(/exit code 7/);
});

const ASKED = 'while read line; do';

test.each([
  ['at once with its answer', `${ASKED} printf '{"value":1}\\nstep done\\n'; echo log >&2; done`],
  ['a moment later', `${ASKED} echo '{"value":1}'; sleep 0.03; echo step done; done`],
])(
  'a worker that writes a line too many, %s, is told before anything is published',
  async (_, command) => {
    await expect(probe(command)).rejects.toMatchObject({
      code: 'MESH_BAD_FUNCTION',
      message: expect.stringMatching(
        /^the worker writes more than one line .*: step done \(.* stderr\)$/,
      ),
    });
  },
);

test('a worker that answers each line with one is tried, and its outcomes count', async () => {
  const { hi, accepted, errors, differs } = await probe(`${ASKED} echo '{"value":1}'; done`);
  expect(hi).toBeGreaterThan(1);
  const indices = accepted.flatMap((column) => [...column.indices]);
  expect(indices).toEqual([...Array(hi).keys()]);
  expect([errors, differs]).toEqual([[], undefined]);
});
