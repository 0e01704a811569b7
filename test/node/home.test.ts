import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ringOf } from '../../src/net/secret-ring.ts';
import { Home } from '../../src/node/home.ts';

const PEER = '12D3KooWE3toA6kgXjGqGmTWTJVQ7g9K4NVLYTWJzHKiqRsyHTUq';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-home-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

test('what is written at the same time is written one after the other, the last one last', async () => {
  const home = await Home.open(folder);
  const rings = Array.from({ length: 12 }, (_, k) => ringOf(new Uint8Array(32).fill(k)));
  await Promise.all(rings.map((ring) => home.enter(ring)));
  expect(await home.ring()).toEqual(rings.at(-1));
  expect((await readdir(folder)).filter((name) => name.endsWith('.new'))).toEqual([]);
});

test('a write that fails does not keep the next one from its turn', async () => {
  const home = await Home.open(folder);
  await rm(folder, { recursive: true });
  await expect(home.keepTrusted(['one'])).rejects.toMatchObject({ code: 'MESH_HOME_UNUSABLE' });
  await Home.open(folder);
  await home.keepTrusted([PEER]);
  expect(await home.trusted()).toEqual([PEER]);
});

test.each([
  ['empty', ''],
  ['cut', PEER.slice(0, 20)],
  ['of something else', 'no peer\n'],
])('a list of trusted publishers that is %s is refused, and widens nothing', async (_, text) => {
  const home = await Home.open(folder);
  await home.keepTrusted([PEER]);
  await writeFile(join(folder, 'trust'), text);
  await expect(home.trusted()).rejects.toMatchObject({ code: 'MESH_HOME_UNUSABLE' });
});

test('without a list of trusted publishers those of all members are trusted', async () => {
  const home = await Home.open(folder);
  expect(await home.trusted()).toEqual([]);
  await home.keepTrusted([PEER]);
  await home.keepTrusted([]);
  expect(await home.trusted()).toEqual([]);
});

test('a list that is emptied and written at the same time is the one written last', async () => {
  const home = await Home.open(folder);
  await Promise.all([home.keepTrusted([PEER]), home.keepTrusted([]), home.keepTrusted([PEER])]);
  expect(await home.trusted()).toEqual([PEER]);
});

test.runIf(process.platform === 'linux')('a folder that takes none is no home', async () => {
  const opening = Home.open('/proc/meshd/home');
  await expect(opening).rejects.toMatchObject({ code: 'MESH_HOME_UNUSABLE' });
});

test('of outputs that commands left, a start removes those of killed shells and the old ones', async () => {
  const home = await Home.open(folder);
  expect(await readdir(folder)).not.toContain('outputs');
  const outputs = await home.outputFolder();
  await mkdir(outputs);
  const old = Date.now() / 1000 - 15 * 86_400;
  for (const name of ['0123456789abcdef.stdout', '0123456789abcdef-7.stdout', 'old-1.stderr']) {
    await writeFile(join(outputs, name), 'x');
  }
  await utimes(join(outputs, 'old-1.stderr'), old, old);
  await home.outputFolder();
  expect(await readdir(outputs)).toEqual(['0123456789abcdef-7.stdout']);
});
