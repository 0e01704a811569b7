import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writtenFiles } from '../../../src/work/command/written-files.ts';

const STARTED_MS = 1_700_000_000_000;
const LATER = STARTED_MS / 1000 + 5;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-written-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file of 3 bytes that was changed at a time. */
function put(name: string, seconds: number = LATER): void {
  writeFileSync(join(folder, name), 'abc');
  utimesSync(join(folder, name), seconds, seconds);
}

const found = (command: string): string[] =>
  Object.keys(writtenFiles(command, folder, STARTED_MS)).sort();

test('files count that the command names and that changed after it began', () => {
  put('in.txt', STARTED_MS / 1000 - 60);
  put('out.txt');
  put('unnamed.txt');
  expect(writtenFiles('sort in.txt > out.txt', folder, STARTED_MS)).toEqual({
    'out.txt': [3, LATER * 1000],
  });
});

test('a name may stand in quotes, behind a redirection without a blank, or be a whole path', () => {
  put("it's a b.txt");
  put('plain');
  put('c d');
  expect(found(`sort x >'it'\\''s a b.txt'`)).toEqual(["it's a b.txt"]);
  expect(found('sort x>plain 2>"c d"')).toEqual(['c d', 'plain']);
  expect(found(`(cat a|sort)>${join(folder, 'plain')};true`)).toEqual([join(folder, 'plain')]);
});

test('what is appended to does not count: other commands write there too', () => {
  put('log');
  put('out');
  expect(found('make x >> log; cp x out')).toEqual(['out']);
  expect(found('make x >>log')).toEqual([]);
});

test('folders, missing files and words that are no names do not count', () => {
  expect(found(`ls . missing "" ${'x'.repeat(5000)} '\0'`)).toEqual([]);
});
