import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ringOf } from '../../src/net/secret-ring.ts';
import { Home } from '../../src/node/home.ts';

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
  await home.keepTrusted(['two']);
  expect(await home.trusted()).toEqual(['two']);
});
