import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ENTRY } from './built.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-compiled-'));
});
afterEach(async () => await rm(folder, { recursive: true }));

async function version(cache: string): Promise<string> {
  const env = { ...process.env, XDG_CACHE_HOME: cache };
  const { stdout } = await promisify(execFile)(process.execPath, [ENTRY, '--version'], { env });
  return stdout.trim();
}

test('compiled code is kept in the cache folder of the user', async () => {
  expect(await version(folder)).toMatch(/^\d+\.\d+\.\d+$/);
  expect(await readdir(folder)).toEqual(['meshd']);
  expect((await readdir(join(folder, 'meshd'), { recursive: true })).length).toBeGreaterThan(2);
});

test('where nothing can be kept a command works all the same', async () => {
  await writeFile(join(folder, 'file'), '');
  expect(await version(join(folder, 'file', 'cache'))).toMatch(/^\d+\.\d+\.\d+$/);
});
