import { mkdtemp, readdir, readFile, rm, unlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Home } from '../../src/node/home.ts';
import { membersEntry } from '../../src/node/members.ts';
import { dialMembers, rememberedMembers } from '../../src/node/reports/health-probe.ts';
import { LevelStore } from '../../src/store/level-store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-probe-'));
});
afterEach(async () => await rm(folder, { recursive: true, force: true }));

/** A home whose peer knew one member and ended. */
async function homeWithMember(): Promise<Home> {
  const home = await Home.open(join(folder, 'home'));
  await using store = await LevelStore.open(home.database);
  await store.write([membersEntry(new Map([['P1', ['/ip4/192.0.2.1/tcp/4001']]]))]);
  return home;
}

test('members of the last run are read from the database of a home', async () => {
  const home = await homeWithMember();
  expect([...(await rememberedMembers(home))]).toEqual([['P1', ['/ip4/192.0.2.1/tcp/4001']]]);
});

test('a damaged database is left as it is: its repair is the peer’s', async () => {
  const home = await homeWithMember();
  await unlink(join(home.database, 'CURRENT'));
  const tables = async (): Promise<string[]> =>
    (await readdir(home.database)).filter((name) => /^(\d+\.|MANIFEST)/.test(name)).sort();
  const before = { names: await readdir(home.path), tables: await tables() };
  const log = before.tables.find((name) => name.endsWith('.log')) ?? '';
  const bytes = await readFile(join(home.database, log));
  expect((await rememberedMembers(home)).size).toBe(0);
  expect({ names: await readdir(home.path), tables: await tables() }).toEqual(before);
  expect(await readFile(join(home.database, log))).toEqual(bytes);
});

test('a machine that listens on loopback alone dials nothing beyond itself', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const members = new Map([['P1', [`/ip4/127.0.0.1/tcp/${port}`, '/ip4/192.0.2.1/tcp/4001']]]);
  const tries = await dialMembers(members, ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0']);
  expect(tries).toEqual([{ peer: 'P1', host: '127.0.0.1', port, fault: null }]);
  await new Promise((resolve) => server.close(resolve));
});
