import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Level } from 'level';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { blobKey, recordKey } from '../../src/store/keys.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import type { StoredRecord } from '../../src/store/store.ts';

const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url));
const HASH = 'c'.repeat(64);
const COUNT = 300;

let folder: string;
let dir: string;
let told: string[];
let children: ChildProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'meshd-level-'));
  dir = join(folder, 'db');
  told = [];
  children = [];
});

afterEach(async () => {
  for (const child of children.filter(
    ({ exitCode, signalCode }) => (exitCode ?? signalCode) === null,
  )) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true });
});

function open(): Promise<LevelStore> {
  return LevelStore.open(dir, {
    onRot: (what) => told.push(`rot ${what}`),
    onRepair: (how) => told.push(how),
  });
}

function record(n: number): StoredRecord & { kind: 'record' } {
  const start = { incarnation: 1, nonce: '0123456789abcdef' };
  return { kind: 'record', scope: HASH, origin: 'p1', start, n, body: randomBytes(1000) };
}

/** A closed database whose records 0 … 299 are in a table, not in LevelDB's log. */
async function filled(): Promise<StoredRecord[]> {
  const records = Array.from({ length: COUNT }, (_, n) => record(n));
  await using store = await open();
  await store.write(records);
  await store.close();
  // Opening turns the log into a table.
  await (await open()).close();
  return records;
}

async function numbers(store: LevelStore): Promise<number[]> {
  const found: number[] = [];
  for await (const { n } of store.records()) found.push(n);
  return found;
}

async function fileLike(pattern: RegExp): Promise<string> {
  const name = (await readdir(dir)).find((one) => pattern.test(one));
  if (name === undefined) throw new Error(`no file like ${pattern}`);
  return join(dir, name);
}

function start(role: string, lifeMs = 0): { child: ChildProcess; lines: AsyncIterator<string> } {
  const child = spawn(process.execPath, [WRITER, dir, role, String(lifeMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines };
}

/** Longer than any file system allows. */
const longName = `${'x'.repeat(300)}\n`;

describe('a store on disk', () => {
  test('after kill -9 acknowledged batches are there, and each is whole', async () => {
    for (let lifeMs = 10; lifeMs < 50; lifeMs += 5) {
      const origin = `p${lifeMs}`;
      const { child, lines } = start(origin, lifeMs);
      let acknowledged = -1;
      for (let line = await lines.next(); !line.done; line = await lines.next()) {
        acknowledged = Number(line.value);
      }
      expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL');

      await using store = await open();
      const found: number[] = [];
      for await (const one of store.records()) if (one.origin === origin) found.push(one.n);
      expect(found).toEqual(found.map((_, k) => k));
      expect(found.length % 50).toBe(0);
      expect(found.length).toBeGreaterThanOrEqual((acknowledged + 1) * 50);
    }
    expect(told).toEqual([]);
  });

  test('a second process on the folder gets one clear line', async () => {
    await using store = await open();
    const { lines } = start('p1', 60_000);
    const line = (await lines.next()).value;
    expect(line).toBe(
      `MESH_HOME_IN_USE: ${dir} is in use by another meshd; stop that one or choose another --home`,
    );
    expect(await numbers(store)).toEqual([]);
  });

  test('a folder that another process let go of can be opened', async () => {
    const { child, lines } = start('hold');
    expect((await lines.next()).value).toBe('open');
    await expect(open()).rejects.toMatchObject({ code: 'MESH_HOME_IN_USE' });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await open()).close();
  });

  test('a place that is a file cannot be a home', async () => {
    await writeFile(dir, 'a file');
    await expect(open()).rejects.toMatchObject({ code: 'MESH_HOME_UNUSABLE' });
  });
});

describe('a rotten entry', () => {
  test('of which one bit flipped in the table is dropped, and told', async () => {
    const records = await filled();
    const table = await fileLike(/\.ldb$/);
    const bytes = await readFile(table);
    const at = bytes.indexOf(records[7]?.body ?? '');
    bytes.writeUInt8(bytes.readUInt8(at + 500) ^ 4, at + 500);
    await writeFile(table, bytes);

    await using store = await open();
    const found = await numbers(store);
    expect(found).toHaveLength(COUNT - 1);
    expect(found).not.toContain(7);
    expect(told).toEqual([`rot ${recordKey(record(7))}`]);
    expect(await numbers(store)).toHaveLength(COUNT - 1);
    expect(told).toHaveLength(1);
  });

  test('is absent from reads by range and by hash', async () => {
    const store = await open();
    await store.write([record(1), record(2), { kind: 'blob', hash: HASH, bytes: randomBytes(99) }]);
    await store.close();
    const raw = new Level<string, Uint8Array>(dir, { valueEncoding: 'view' });
    await raw.put(recordKey(record(1)), randomBytes(1016));
    await raw.put(blobKey(HASH), randomBytes(3));
    await raw.close();

    await using reader = await open();
    const { scope, origin, start } = record(1);
    const group = await reader.read(scope, origin, start, [[0, 9]], 1e6);
    expect(group.records.map(([n]) => n)).toEqual([2]);
    expect(await reader.blob(HASH)).toBeUndefined();
    expect(told).toEqual([`rot ${recordKey(record(1))}`, `rot ${blobKey(HASH)}`]);
  });

  test('moved to the place of another one is found', async () => {
    const store = await open();
    await store.write([record(1)]);
    await store.close();
    const raw = new Level<string, Uint8Array>(dir, { valueEncoding: 'view' });
    await raw.put(recordKey(record(2)), (await raw.get(recordKey(record(1)))) ?? new Uint8Array());
    await raw.close();

    await using reader = await open();
    expect(await numbers(reader)).toEqual([1]);
  });
});

describe('a damaged database', () => {
  const all = Array.from({ length: COUNT }, (_, n) => n);

  test.each<[string, () => Promise<void>]>([
    ['a corrupt MANIFEST', async () => writeFile(await fileLike(/^MANIFEST/), randomBytes(200))],
    ['no MANIFEST', async () => rm(await fileLike(/^MANIFEST/))],
    ['no CURRENT', () => rm(join(dir, 'CURRENT'))],
    ['an empty CURRENT', () => truncate(join(dir, 'CURRENT'))],
  ])('with %s is repaired without a loss', async (_, damage) => {
    await filled();
    await damage();
    await using store = await open();
    expect(await numbers(store)).toEqual(all);
    expect(told).toEqual([expect.stringMatching(/^database repaired \(.+\): 300 entries kept/)]);
    expect(await readdir(folder)).toEqual(['db', 'db.broken-1']);
  });

  test.each<[string, () => Promise<void>]>([
    ['a table cut short', async () => truncate(await fileLike(/\.ldb$/), 100_000)],
    ['a table lost', async () => rm(await fileLike(/\.ldb$/))],
    ['a CURRENT that names no possible file', () => writeFile(join(dir, 'CURRENT'), longName)],
    [
      'nothing but garbage',
      async () => {
        for (const name of await readdir(dir)) await writeFile(join(dir, name), randomBytes(5000));
      },
    ],
  ])('with %s opens and can be written', async (_, damage) => {
    await filled();
    await damage();
    await using store = await open();
    expect(told).toEqual([expect.stringContaining('database repaired')]);
    await store.write([record(1000)]);
    expect(await numbers(store)).toContain(1000);
  });

  test('with garbage in its log opens with what stands before it', async () => {
    await filled();
    await writeFile(await fileLike(/\.log$/), randomBytes(3000));
    await writeFile(join(dir, 'LOG'), randomBytes(3000));
    await using store = await open();
    expect(await numbers(store)).toEqual(all);
  });

  test('found unreadable in part while open is repaired, and reading goes on', async () => {
    await filled();
    const table = await fileLike(/\.ldb$/);
    const bytes = await readFile(table);
    randomBytes(6000).copy(bytes, 100_000);
    await writeFile(table, bytes);

    await using store = await open();
    const found = await numbers(store);
    expect(found.length).toBeGreaterThan(COUNT - 20);
    expect(found).toEqual([...new Set(found)].sort((a, b) => a - b));
    expect(found).toContain(COUNT - 1);
    expect(told).toContainEqual(expect.stringContaining('database repaired'));
    await store.write([record(1000)]);
    expect(await numbers(store)).toContain(1000);
  });

  test('leaves its last two originals and no more', async () => {
    for (let round = 0; round < 4; round++) {
      await (await open()).close();
      await writeFile(join(dir, 'CURRENT'), 'garbage');
    }
    await (await open()).close();
    expect(await readdir(folder)).toEqual(['db', 'db.broken-3', 'db.broken-4']);
  });
});
