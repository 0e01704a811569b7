import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileStore } from '../../../src/files/file-store.ts';
import { returnPattern } from '../../../src/files/return-pattern.ts';
import { lookForOutputs, takeOutputs } from '../../../src/work/command/returned-files.ts';

const isPosix = process.platform !== 'win32';
const OUT = Buffer.from('.out');

let root = '';
let folder = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'meshd-returned-'));
  folder = join(root, 'work');
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.out'), 'a', { mode: 0o644 });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** What is wrong with outputs, and the names of those that are taken all the same. */
async function taken(...patterns: string[]): Promise<[problem: string | undefined, string[]]> {
  const place = { folder, store: join(root, 'made'), mostBytes: 1e9 };
  const { problem, outputs } = await takeOutputs(place, patterns.map(returnPattern));
  return [problem, Object.keys(outputs ?? {})];
}

describe('of what matches a declared output, and is none that can be sent', () => {
  const cases: [what: string, make: (path: string) => void, name: string, problem: string][] = [
    ['a folder', (path) => mkdirSync(path), 'b.out', 'is a folder: only files are outputs'],
    ['a pipe', (path) => void execFileSync('mkfifo', [path]), 'b.out', 'is no file'],
    ['a broken link', (path) => symlinkSync('nowhere', path), 'b.out', 'is a link to no file'],
  ];
  for (const [what, make, name, problem] of cases) {
    test.runIf(isPosix)(`${what} fails its command, by name`, async () => {
      make(join(folder, name));
      const line = `its output ${name} ${problem}`;
      // By a pattern, where the file beside is kept, and by its name.
      expect(await taken('*.out')).toEqual([line, ['a.out']]);
      expect(await taken(name)).toEqual([line, []]);
      writeFileSync(join(folder, 'a.out'), 'a');
      const look = await lookForOutputs(root, [returnPattern('work/*.out')]);
      expect(look.problem).toBe(`its output work/${name} ${problem}`);
    });
  }

  // Others refuse such names, or change them.
  test.runIf(process.platform === 'linux')('a name that is no UTF-8, too', async () => {
    writeFileSync(Buffer.concat([Buffer.from(join(folder, 'b')), Buffer.from([0xe9]), OUT]), 'b');
    const problem = 'its output b\\xe9.out has a name that is no UTF-8';
    expect(await taken('*.out')).toEqual([problem, ['a.out']]);
    expect(await taken('b?.out')).toEqual([problem, []]);
    mkdirSync(Buffer.concat([Buffer.from(join(folder, 'sub')), Buffer.from([0xe9])]));
    expect(await taken('sub*/c')).toEqual(['none of its files matches sub*/c', []]);
  });
});

test('a folder that other outputs are declared in is none itself', async () => {
  mkdirSync(join(folder, 'sub', 'deep'), { recursive: true });
  writeFileSync(join(folder, 'sub', 'deep', 'x'), 'x');
  expect(await taken('*', 'sub/deep/x')).toEqual([undefined, ['a.out', 'sub/deep/x']]);
});

test('outputs whose names are UTF-8 are taken in the order of their bytes', async () => {
  for (const name of ['ä.out', '日.out', 'B.out']) writeFileSync(join(folder, name), name);
  expect(await taken('*.out')).toEqual([undefined, ['B.out', 'a.out', 'ä.out', '日.out']]);
});

test('a file that two patterns name is taken once, and no pattern misses it', async () => {
  expect(await taken('a.out', '*.out', 'a.out')).toEqual([undefined, ['a.out']]);
  expect(await taken('a.out')).toEqual(['its output a.out is missing', []]);
});

describe.runIf(isPosix)('a file that is an output under two names', () => {
  beforeEach(() => symlinkSync('a.out', join(folder, 'link.out')));

  test.each([[['*.out']], [['a.out', 'link.out']], [['link.out', 'a.out']]])(
    'is there under both: %j',
    async (patterns) => {
      const [problem, names] = await taken(...patterns);
      expect([problem, names.sort()]).toEqual([undefined, ['a.out', 'link.out']]);
    },
  );

  test('is kept until it was fetched for both, and so for what else has its content', async () => {
    await taken('*.out');
    writeFileSync(join(folder, 'other'), 'a', { mode: 0o644 });
    const store = await FileStore.open(join(root, 'made'));
    const place = { folder, store: join(root, 'made'), mostBytes: 1e9 };
    const { outputs = {} } = await takeOutputs(place, [returnPattern('other')]);
    const hash = outputs['other']?.[0] ?? '';
    const kept: number[] = [];
    for (let told = 0; told < 3; told++) {
      kept.push((await store.sweep(0)).files);
      store.fetched(hash, '');
    }
    expect([kept, (await store.sweep(0)).files]).toEqual([[1, 1, 1], 0]);
  });
});
