import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ringOf } from '../../src/net/secret-ring.ts';
import { Home } from '../../src/node/home.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { measureTree } from '../../src/work/sandbox/measure-tree.ts';

const PEER = '12D3KooWE3toA6kgXjGqGmTWTJVQ7g9K4NVLYTWJzHKiqRsyHTUq';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-home-'));
});
afterEach(() => void execFileSync('rm', ['-rf', folder]));

/** Makes folders in one another, deeper than any path may be long. */
function nest(place: string): void {
  const step = `fs.mkdirSync('${'d'.repeat(200)}'); process.chdir('${'d'.repeat(200)}');`;
  const script = `for (let depth = 0; depth < 30; depth += 1) { ${step} }`;
  execFileSync(process.execPath, ['-e', script], { cwd: place });
}

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

const hasModes = process.platform !== 'win32';

test.runIf(hasModes)('a home that others may write to becomes its user’s alone', async () => {
  const home = join(folder, 'home');
  const modeOf = async (...names: string[]): Promise<number> =>
    (await stat(join(home, ...names))).mode & 0o777;
  await mkdir(home);
  await chmod(home, 0o777);
  const open = async (): Promise<Home> => {
    const opened = await Home.open(home);
    await (await LevelStore.open(opened.database)).close();
    return opened;
  };
  await open();
  expect([await modeOf(), await modeOf('db')]).toEqual([0o700, 0o700]);
  await writeFile(join(home, 'identity'), '');
  for (const name of ['.', 'db']) await chmod(join(home, name), 0o777);
  await open();
  expect([await modeOf(), await modeOf('db')]).toEqual([0o700, 0o700]);
});

test.runIf(hasModes)(
  'a folder of other things, or of all users, is no home and stays',
  async () => {
    const refusal = {
      code: 'MESH_HOME_UNUSABLE',
      message: expect.stringContaining('others may write there: chmod 700 it'),
    };
    await chmod(folder, 0o1777);
    await expect(Home.open(folder)).rejects.toMatchObject(refusal);
    await writeFile(join(folder, 'notes'), '');
    await chmod(folder, 0o770);
    await expect(Home.open(folder)).rejects.toMatchObject(refusal);
    expect((await stat(folder)).mode & 0o777).toBe(0o770);
    expect(await readdir(folder)).toEqual(['notes']);
  },
);

test('no path that is too long keeps a peer from its start', async () => {
  const home = await Home.open(folder);
  const places = [join(folder, 'outputs', 'a'.repeat(16)), join(folder, 'work', 'meshd-work-a')];
  for (const place of places) {
    await mkdir(place, { recursive: true });
    nest(place);
  }
  const kept = join(places[0] ?? '', `${'b'.repeat(16)}-7.stdout`);
  await writeFile(kept, 'told');
  await home.outputFolder();
  await home.workFolder();
  expect(await readdir(places[0] ?? '')).toEqual([`${'b'.repeat(16)}-7.stdout`]);
  expect(await readdir(join(folder, 'work'))).toEqual([]);
});

test('a folder that has what nobody can look at has too much in it', async () => {
  nest(folder);
  const looks = [...measureTree(folder, 1e9)];
  expect(looks.at(-1)).toBeGreaterThan(1e9);
});
