import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { namedFiles } from '../../../src/work/command/named-files.ts';

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

const naming = (inputs: Record<string, string> = {}) => ({
  ...{ directory: folder, startedMs: STARTED_MS, inputs },
});
const found = (command: string): string[] => Object.keys(namedFiles(command, naming())).sort();

const EARLIER = STARTED_MS / 1000 - 60;

test('files that the text names are told as they are, those that it read and those that it wrote', () => {
  put('script', EARLIER);
  put('out.txt');
  put('unnamed.txt');
  expect(namedFiles('./script in.txt > out.txt', naming())).toEqual({
    './script': [3, EARLIER * 1000],
    'out.txt': [3, LATER * 1000],
  });
});

test('of an input only that it is gone, or was changed', () => {
  put('same', EARLIER);
  put('changed');
  const inputs = { same: 'aa', changed: 'bb', gone: 'cc' };
  expect(namedFiles('work same changed gone missing', naming(inputs))).toEqual({
    changed: [3, LATER * 1000],
    gone: null,
  });
});

test('a name may stand behind an equals sign or an option, and be a folder', () => {
  put('a');
  put('b');
  mkdirSync(join(folder, 'sub'));
  const named = namedFiles('dd of=a; sort -ob; mkdir sub', naming());
  expect(Object.keys(named).sort()).toEqual(['a', 'b', 'sub']);
  expect(named['sub']).toBe('folder');
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

test('missing files and words that are no names do not count', () => {
  expect(found(`ls missing "" ${'x'.repeat(5000)} '\0'`)).toEqual([]);
});
