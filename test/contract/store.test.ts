import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Scope, Start } from '../../src/core/ids.ts';
import { LIMITS } from '../../src/core/register-codec.ts';
import { LevelStore } from '../../src/store/level-store.ts';
import { MemoryStore } from '../../src/store/memory-store.ts';
import type { Store, Write } from '../../src/store/store.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);
const START: Start = { incarnation: 1_700_000_000, nonce: '00ff00ff00ff00ff' };
const LATER: Start = { incarnation: 1_700_000_001, nonce: '0000000000000000' };

function record(n: number, options: { scope?: Scope; start?: Start; body?: string } = {}): Write {
  const { scope = A, start = START, body = `body ${n}` } = options;
  return { kind: 'record', scope, origin: 'p1', start, n, body: Buffer.from(body) };
}

function local(key: string, text: string | null): Write {
  return { kind: 'local', key, bytes: text === null ? null : Buffer.from(text) };
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function recordNames(store: Store): Promise<string[]> {
  const records = await all(store.records());
  return records.map(({ scope, start, n, body }) => {
    return `${scope.slice(0, 7)} ${start.incarnation % 10} ${n} ${Buffer.from(body)}`;
  });
}

async function group(store: Store, ranges: [number, number][], maxBytes: number) {
  const read = await store.read(A, 'p1', START, ranges, maxBytes);
  expect(read).toMatchObject({ scope: A, origin: 'p1', start: START });
  return read.records.map(([n, body]) => `${n} ${Buffer.from(body)}`);
}

describe.each(['LevelStore', 'MemoryStore'])('%s', (twin) => {
  let folder: string;
  let store: Store;

  async function restart(): Promise<void> {
    await store.close();
    const level = () => LevelStore.open(join(folder, 'db'));
    store = store instanceof MemoryStore ? store.reopen() : await level();
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'meshd-store-'));
    const level = () => LevelStore.open(join(folder, 'db'));
    store = twin === 'LevelStore' ? await level() : new MemoryStore();
  });

  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  test('records come control scope first, then by scope, log and rising n', async () => {
    await store.write([
      record(300, { scope: B }),
      record(2, { start: LATER }),
      record(2 ** 40),
      record(16),
      record(9),
      record(1, { scope: 'control' }),
    ]);
    expect(await recordNames(store)).toEqual([
      'control 0 1 body 1',
      'aaaaaaa 0 9 body 9',
      'aaaaaaa 0 16 body 16',
      `aaaaaaa 0 ${2 ** 40} body ${2 ** 40}`,
      'aaaaaaa 1 2 body 2',
      'bbbbbbb 0 300 body 300',
    ]);
    const [first] = await all(store.records());
    expect(first).toMatchObject({ scope: 'control', origin: 'p1', start: START, n: 1 });
  });

  test('what was written is there after a restart', async () => {
    await store.write([record(1), { kind: 'blob', hash: B, bytes: Buffer.from('blob') }]);
    await store.write([local('own/register', 'mine')]);
    await restart();
    expect(await recordNames(store)).toEqual(['aaaaaaa 0 1 body 1']);
    expect(Buffer.from((await store.blob(B)) ?? []).toString()).toBe('blob');
    expect(await all(store.blobs())).toEqual([B]);
    expect(await all(store.locals())).toEqual([['own/register', expect.anything()]]);
  });

  test('a log is read in ranges, each half-open', async () => {
    await store.write([1, 2, 3, 5, 8].map((n) => record(n)));
    await store.write([record(2, { start: LATER, body: 'other log' })]);
    expect(
      await group(
        store,
        [
          [0, 2],
          [3, 8],
        ],
        1e6,
      ),
    ).toEqual(['1 body 1', '3 body 3', '5 body 5']);
    expect(
      await group(
        store,
        [
          [6, 8],
          [9, 2 ** 53 - 1],
        ],
        1e6,
      ),
    ).toEqual([]);
  });

  test('a read ends at its bytes, but gives one record at least', async () => {
    await store.write([1, 2, 3].map((n) => record(n, { body: 'x'.repeat(100) })));
    expect(await group(store, [[0, 9]], 1)).toHaveLength(1);
    expect(
      await group(
        store,
        [
          [0, 2],
          [2, 9],
        ],
        101,
      ),
    ).toHaveLength(2);
  });

  test('a read gives no more records than a message may carry', async () => {
    await store.write(Array.from({ length: LIMITS.records + 5 }, (_, n) => record(n)));
    expect(await group(store, [[0, 10_000]], 1e9)).toHaveLength(LIMITS.records);
  });

  test('a record written again replaces the first', async () => {
    await store.write([record(1, { body: 'first' })]);
    await store.write([record(1, { body: 'second' }), record(1, { body: 'third' })]);
    expect(await recordNames(store)).toEqual(['aaaaaaa 0 1 third']);
  });

  test('dropping a scope takes its records and no others', async () => {
    await store.write([record(1), record(2, { scope: B }), record(3, { scope: 'control' })]);
    await store.write([record(4), { kind: 'drop-scope', scope: A }, record(5)]);
    expect(await recordNames(store)).toEqual([
      'control 0 3 body 3',
      'aaaaaaa 0 5 body 5',
      'bbbbbbb 0 2 body 2',
    ]);
  });

  test('writes take effect in the order in which they were called', async () => {
    await Promise.all([
      store.write([record(1)]),
      store.write([{ kind: 'drop-scope', scope: A }]),
      store.write([record(2), local('k', 'first')]),
      store.write([local('k', 'second')]),
    ]);
    expect(await recordNames(store)).toEqual(['aaaaaaa 0 2 body 2']);
    const [entry] = await all(store.locals());
    expect(Buffer.from(entry?.[1] ?? []).toString()).toBe('second');
  });

  test('blobs and local entries are deleted one by one', async () => {
    await store.write([
      { kind: 'blob', hash: A, bytes: Buffer.from('a') },
      { kind: 'blob', hash: B, bytes: new Uint8Array() },
      local('x', '1'),
      local('x/y', '2'),
    ]);
    await store.write([{ kind: 'drop-blob', hash: A }, local('x', null), local('gone', null)]);
    expect(await store.blob(A)).toBeUndefined();
    expect(await store.blob(B)).toHaveLength(0);
    expect(await all(store.blobs())).toEqual([B]);
    expect((await all(store.locals())).map(([key]) => key)).toEqual(['x/y']);
  });

  test('any text may be an origin or a local key', async () => {
    const origin = 'a/b %2F ü 1';
    await store.write([{ ...record(1), origin } as Write, local('ü/\u{1F600}', 'x')]);
    expect(await all(store.records())).toMatchObject([{ origin, n: 1 }]);
    expect((await all(store.locals())).map(([key]) => key)).toEqual(['ü/\u{1F600}']);
    const read = await store.read(A, origin, START, [[0, 9]], 100);
    expect(read.records).toHaveLength(1);
  });

  test('a closed store refuses to work, and closing twice is fine', async () => {
    await store.close();
    await store.close();
    const stopped = expect.objectContaining({ code: 'MESH_STOPPED' });
    await expect(store.write([record(1)])).rejects.toEqual(stopped);
    await expect(store.blob(A)).rejects.toEqual(stopped);
    await expect(all(store.records())).rejects.toEqual(stopped);
  });
});
