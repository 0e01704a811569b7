import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { measureTree } from '../../src/work/sandbox/measure-tree.ts';

const MOST = 1e6;
/** Anybody who is not root, whom no rights hold. */
const NOBODY = 65_534;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-measure-'));
});
afterEach(() => {
  chmodSync(join(folder, 'tree'), 0o755);
  rmSync(folder, { recursive: true, force: true });
});

function makeTree(): string {
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), Buffer.alloc(10_000, 1));
  return tree;
}

test('a tree takes the blocks of its files, and something for each entry', () => {
  const tree = makeTree();
  mkdirSync(join(tree, 'deeper'));
  writeFileSync(join(tree, 'deeper', 'empty'), '');
  const bytes = Number([...measureTree(tree, MOST)].at(-1));
  expect(bytes).toBeGreaterThan(10_000);
  expect(bytes).toBeLessThan(30_000);
});

test('one that is not there takes nothing', () => {
  makeTree();
  expect([...measureTree(join(folder, 'none'), MOST)]).toEqual([0]);
});

test('a folder that nobody may look into counts as too much', () => {
  const tree = makeTree();
  chmodSync(tree, 0o000);
  chmodSync(folder, 0o755);
  const module = new URL('../../src/work/sandbox/measure-tree.ts', import.meta.url).href;
  const code = `import { measureTree } from ${JSON.stringify(module)};
    if (process.getuid?.() === 0) process.setuid(${NOBODY});
    console.log([...measureTree(${JSON.stringify(tree)}, ${MOST})].at(-1));`;
  const words = ['--input-type=module-typescript', '-e', code];
  const told = execFileSync(process.execPath, words, { encoding: 'utf8' });
  expect(Number(told)).toBeGreaterThan(MOST);
});
