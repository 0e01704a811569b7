import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeBehind } from '../../src/work/sandbox/remove-tree.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-remove-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

test('a folder whose parent has become a file is nothing to remove, and no fault', async () => {
  writeFileSync(join(folder, 'work'), 'text');
  await expect(removeBehind(join(folder, 'work', 'executor'))).resolves.toBeUndefined();
});

test('a folder goes with all that is in it', async () => {
  const path = join(folder, 'executor');
  mkdirSync(join(path, 'a', 'b'), { recursive: true });
  writeFileSync(join(path, 'a', 'b', 'c'), 'text');
  await removeBehind(path);
  expect(() => rmSync(path)).toThrow('ENOENT');
});
