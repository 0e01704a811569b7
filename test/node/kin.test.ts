import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadIdentity } from '../../src/net/identity.ts';
import { Kin } from '../../src/node/admission/kin.ts';

let folder: string;
let entries: string;
let told: (readonly string[])[];
let faults: string[];
const all: Kin[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-kin-'));
  entries = join(folder, 'peers');
  told = [];
  faults = [];
});
afterEach(async () => {
  for (const kin of all.splice(0)) kin.close();
  await rm(folder, { recursive: true, force: true });
});

/** A peer of this user, on a home of its own. */
async function peer(name: string): Promise<{ readonly id: string; readonly kin: Kin }> {
  const home = join(folder, name);
  const { peer: id } = await loadIdentity(join(home, 'identity'));
  const kin = new Kin({
    ...{ self: id, home, folder: entries },
    onChange: (peers) => told.push(peers),
    onFault: (error) => faults.push(String(error)),
  });
  all.push(kin);
  return { id, kin };
}

test('peers of one user find one another, by files that only this user can read', async () => {
  const [a, b] = [await peer('a'), await peer('b')];
  await a.kin.enter();
  expect(told).toEqual([]);
  await b.kin.enter();
  expect(told).toEqual([[a.id]]);
  await a.kin.look();
  expect(told).toEqual([[a.id], [b.id]]);
  expect((await stat(entries)).mode & 0o777).toBe(0o700);
  expect((await stat(join(entries, a.id))).mode & 0o777).toBe(0o600);
  expect(await readFile(join(entries, a.id), 'utf8')).toBe(`${join(folder, 'a')}\n`);
});

test('an entry whose home has another key, or none, counts for nothing and is removed', async () => {
  const [a, b] = [await peer('a'), await peer('b')];
  await a.kin.enter();
  await b.kin.enter();
  await rm(join(folder, 'a'), { recursive: true });
  await writeFile(join(entries, b.id), `${join(folder, 'c')}\n`, { mode: 0o600 });
  const c = await peer('c');
  told = [];
  await c.kin.enter();
  expect(told).toEqual([]);
  expect(await readdir(entries)).toEqual([c.id]);
  await expect(stat(join(folder, 'a'))).rejects.toThrow('ENOENT');
});

test('a folder that others may write to tells of nobody', async () => {
  const [a, b] = [await peer('a'), await peer('b')];
  await a.kin.enter();
  await chmod(entries, 0o777);
  await b.kin.enter();
  expect(told).toEqual([]);
  expect(faults).toEqual([`Error: ${entries} is not private to this user`]);
  await rm(entries, { recursive: true });
  await mkdir(entries, { mode: 0o700 });
  await b.kin.look();
  expect(told).toEqual([]);
});

test('a pipe, a folder or a long file among the entries is passed over, and nobody waits', async () => {
  const [a, b, c] = [await peer('a'), await peer('b'), await peer('c')];
  const { peer: d } = await loadIdentity(join(folder, 'd', 'identity'));
  const { peer: e } = await loadIdentity(join(folder, 'e', 'identity'));
  await a.kin.enter();
  execFileSync('mkfifo', ['-m', '600', join(entries, c.id)]);
  await mkdir(join(entries, d));
  await writeFile(join(entries, e), 'x'.repeat(100_000), { mode: 0o600 });
  await b.kin.enter();
  expect(told).toEqual([[a.id]]);
  expect(faults).toEqual([]);
});
