import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { OutputWriter } from '../../src/cli/commands/writer.ts';
import type { Io } from '../../src/cli/context.ts';
import type { OutputPiece } from '../../src/node/mesh.ts';
import type { CommandValue } from '../../src/node/reports/command-result.ts';

const STARTED_MS = 1_700_000_000_123;

let io: Io;
beforeEach(() => {
  const env = {};
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  io = { stdout, stderr, stdin: Readable.from([]), env, onInterrupt: () => () => undefined };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-writer-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const written = (): string => String((io.stdout as PassThrough).read() ?? '');

function piece(at: number, text: string, startedMs = STARTED_MS): OutputPiece {
  const base64 = Buffer.from(text).toString('base64');
  return { index: 0, name: 'stdout', at, base64, startedMs };
}

function value(more: Partial<CommandValue>): CommandValue {
  return { exit: 0, signal: 0, started: STARTED_MS / 1000, seconds: 1, tries: 1, ...more };
}

test('a result adds what its pieces did not say, with tags at the beginnings of lines', async () => {
  const writer = new OutputWriter(io, { tag: (args) => args.join(' ') });
  await writer.piece(1, ['a', 'b'], piece(0, 'one\ntwo\n'));
  await writer.write(1, ['a', 'b'], value({ stdout: 'one\ntwo\nthree\n' }));
  expect(written()).toBe('a b\tone\na b\ttwo\na b\tthree\n');
});

test('what follows on a piece that is missing, or comes again or late, is left out', async () => {
  const writer = new OutputWriter(io, { tag: null });
  for (const one of [piece(0, 'one\n'), piece(0, 'one\n'), piece(8, 'three\n')]) {
    await writer.piece(1, [], one);
  }
  await writer.write(1, [], value({ stdout: 'one\ntwo\nthree\n' }));
  await writer.piece(1, [], piece(0, 'one\n'));
  expect(written()).toBe('one\ntwo\nthree\n');
});

test('of another run than was shown a result is written whole', async () => {
  const writer = new OutputWriter(io, { tag: null });
  await writer.piece(1, [], piece(0, 'first try\n', STARTED_MS - 1000));
  await writer.write(1, [], value({ stdout: 'second try\n' }));
  expect(written()).toBe('first try\nsecond try\n');
});

test('of a long output in a file the rest is written; of one that is elsewhere, where', async () => {
  const writer = new OutputWriter(io, { tag: null });
  const file = join(folder, 'output');
  writeFileSync(file, 'one\ntwo\n');
  await writer.piece(1, [], piece(0, 'one\n'));
  await writer.write(1, [], value({ stdoutFile: { file, bytes: 8 } }));
  const elsewhere = { file: join(folder, 'other'), bytes: 3 * 2 ** 20 };
  await writer.write(2, [], value({ stdoutFile: elsewhere }));
  expect(written()).toBe('one\ntwo\n');
  const told = String((io.stderr as PassThrough).read());
  expect(told).toMatch(
    /^command 2: its stdout of 3.* MiB is in .*other on the machine where it ran\n$/,
  );
});
