import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LiveReader } from '../../../src/work/command/live-output.ts';
import { OutputFile } from '../../../src/work/command/output-file.ts';
import { ShellBench, textOf } from './shell-bench.ts';

let folder: string;
let file: OutputFile;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-live-'));
  file = new OutputFile(join(folder, 'output'));
});
afterEach(() => {
  file.close();
  rmSync(folder, { recursive: true, force: true });
});

const write = (text: string): void => appendFileSync(file.path, text);

/** All that a reader tells now, piece by piece. */
function told(reader: LiveReader): [at: number, text: string][] {
  const pieces: [number, string][] = [];
  for (let looks = 0; looks < 100; looks += 1) {
    const piece = reader.next();
    if (piece !== null) pieces.push([piece.at, Buffer.from(piece.bytes).toString()]);
  }
  return pieces;
}

describe('a reader of lines', () => {
  test('tells whole lines, once, and where they stand', () => {
    const reader = new LiveReader(file, 'lines', Number.POSITIVE_INFINITY);
    expect(told(reader)).toEqual([]);
    write('one\ntw');
    expect(told(reader)).toEqual([[0, 'one\n']]);
    write('o\nthree\nfo');
    expect(told(reader)).toEqual([[4, 'two\nthree\n']]);
  });

  test('finds the end of a line of half a mebibyte; a longer one is left for the result', () => {
    const reader = new LiveReader(file, 'lines', Number.POSITIVE_INFINITY);
    const long = `${'x'.repeat(500_000)}\n`;
    write(long);
    expect(told(reader)).toEqual([[0, long]]);
    write(`${'y'.repeat(1_100_000)}\nnext\n`);
    expect(told(reader)).toEqual([]);
  });

  test('tells nothing beyond what a command may write', () => {
    const reader = new LiveReader(file, 'lines', 8);
    write('one\ntwo\nthree\n');
    expect(told(reader)).toEqual([[0, 'one\ntwo\n']]);
  });
});

test('a reader of bytes tells all that is there', () => {
  const reader = new LiveReader(file, 'bytes', Number.POSITIVE_INFINITY);
  write('hal');
  expect(told(reader)).toEqual([[0, 'hal']]);
  write('f\n');
  expect(told(reader)).toEqual([[3, 'f\n']]);
});

test('a command is told while it runs, unless nobody is ready, and the result has all', async () => {
  await using bench = new ShellBench();
  const texts: string[] = [];
  let isReady = true;
  const released = Promise.withResolvers<void>();
  const running = bench.run('echo early; until test -e go; do sleep 0.01; done; echo late', {
    live: {
      form: 'lines',
      ready: () => isReady,
      tell({ name, bytes }) {
        texts.push(`${name} ${Buffer.from(bytes)}`);
        isReady = false;
        released.resolve();
      },
    },
  });
  await released.promise;
  appendFileSync(join(bench.directory, 'go'), '');
  expect(textOf(await running)).toBe('early\nlate\n');
  expect(texts).toEqual(['stdout early\n']);
});
