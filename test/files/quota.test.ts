import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeFile } from '../../src/files/describe.ts';
import { CHUNK_BYTES, type FileHash } from '../../src/files/description.ts';
import { FileStore } from '../../src/files/file-store.ts';
import { takeMade } from '../../src/files/take-made.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-quota-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function userFile(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes, { mode: 0o640 });
  return path;
}

/** Lets a number of turns of the event loop pass. */
async function turns(count: number): Promise<void> {
  for (let k = 0; k < count; k += 1) await turn();
}

describe('the quota', () => {
  async function three() {
    const store = await FileStore.open(join(folder, 'store'));
    const hashes: string[] = [];
    for (const [k, name] of ['old', 'middle', 'new'].entries()) {
      const path = userFile(name, randomBytes(CHUNK_BYTES));
      const hash = await store.adopt(path, await describeFile(path));
      store.fetched(hash, '');
      utimesSync(join(folder, 'store', `${hash}.file`), 1000 + k, 1000 + k);
      hashes.push(hash);
    }
    return { store, hashes };
  }
  const left = async (store: FileStore, hashes: readonly string[]) =>
    Promise.all(hashes.map((hash) => store.has(hash)));

  test('drops what was used longest ago', async () => {
    const { store, hashes } = await three();
    const { bytes, freedBytes, files } = await store.sweep(2.5 * CHUNK_BYTES);
    expect(await left(store, hashes)).toEqual([false, true, true]);
    expect(freedBytes).toBeGreaterThanOrEqual(CHUNK_BYTES);
    expect(bytes).toBeLessThanOrEqual(2.5 * CHUNK_BYTES);
    expect(files).toBe(2);
  });

  test('drops neither what is in use nor what its publisher still waits for', async () => {
    const { store, hashes } = await three();
    const unpin = store.pin(hashes[0] ?? '');
    const path = userFile('made', randomBytes(CHUNK_BYTES));
    const made = await store.adopt(path, await describeFile(path));
    await store.sweep(0);
    expect(await left(store, [...hashes, made])).toEqual([true, false, false, true]);
    unpin();
    store.fetched(made, '');
    expect(await store.sweep(0)).toMatchObject({ bytes: 0, files: 0 });
  });

  test('keeps what two commands made alike until it was fetched for both', async () => {
    const own = await FileStore.open(join(folder, 'own'));
    const paths = ['one', 'other'].map((name) => userFile(name, Buffer.from('same')));
    let hash = '';
    for (const path of paths) hash = await own.adopt(path, await describeFile(path));
    const [computation, store] = ['c'.repeat(64), await FileStore.open(join(folder, 'store'))];
    takeMade(join(folder, 'own'), join(folder, 'store'), folder, computation);
    for (const isLeft of [true, false]) {
      store.fetched(hash, computation);
      await store.drop(hash);
      expect(await store.has(hash)).toBe(isLeft);
    }
  });

  test.each([
    ['dropped', (store: FileStore, hash: FileHash) => store.drop(hash)],
    ['swept away', (store: FileStore) => store.sweep(0)],
  ])('keeps what a command makes again at the moment when it is %s', async (_, remove) => {
    const computation = 'c'.repeat(64);
    const [store, own] = [join(folder, 'store'), join(folder, 'own')];
    const kept = await FileStore.open(store);
    for (let time = 0; time < 20; time += 1) {
      const path = userFile('again', Buffer.from('same'));
      const hash = await (await FileStore.open(own)).adopt(path, await describeFile(path));
      const removed = time === 0 ? null : remove(kept, hash);
      await turns(time - 1);
      takeMade(own, store, folder, computation);
      await removed;
      expect(await kept.has(hash), `time ${time}`).toBe(true);
      kept.fetched(hash, computation);
    }
  });

  test('keeps what is made again for another job at the moment when it is released', async () => {
    const store = await FileStore.open(join(folder, 'store'));
    for (let time = 0; time < 20; time += 1) {
      const path = userFile('made', Buffer.from('same'));
      const hash = await store.adopt(path, await describeFile(path));
      const made = join(folder, 'store', `${hash}.made`);
      writeFileSync(made, 'over\n');
      const released = store.release((maker) => maker === 'over');
      await turns(time);
      appendFileSync(made, 'goes on\n');
      await released;
      expect(readFileSync(made, 'utf8'), `time ${time}`).toContain('goes on');
      rmSync(made);
    }
  });

  test('drops a copy of what the user’s own file has, and goes on offering that', async () => {
    const store = await FileStore.open(join(folder, 'store'));
    const path = userFile('original', randomBytes(CHUNK_BYTES));
    const described = await describeFile(path);
    const hash = await store.offer(path, described);
    const copy = userFile('copy', readFileSync(path));
    expect(await store.adopt(copy, described)).toBe(hash);
    store.fetched(hash, '');
    const { freedBytes, bytes, files } = await store.sweep(0);
    expect([freedBytes, bytes < 1000, files]).toEqual([CHUNK_BYTES, true, 1]);
    expect(await store.has(hash)).toBe(true);
  });

  test('drops what commands made and nobody fetches, once all whose it was are over', async () => {
    const store = await FileStore.open(join(folder, 'store'));
    const adopt = async (name: string, ...makers: string[]): Promise<string> => {
      const path = userFile(name, randomBytes(CHUNK_BYTES));
      const hash = await store.adopt(path, await describeFile(path));
      const mark = join(folder, 'store', `${hash}.made`);
      writeFileSync(mark, makers.map((maker) => `${maker}\n`).join(''));
      return hash;
    };
    const hashes = [await adopt('one', 'a'), await adopt('two', 'a', 'b'), await adopt('three')];
    await store.release((maker) => maker === 'a');
    await store.sweep(0);
    expect(await left(store, hashes)).toEqual([false, true, true]);
    await store.release(() => true);
    await store.sweep(0);
    expect(await left(store, hashes)).toEqual([false, false, true]);
  });

  test('counts use: a file that was used goes last', async () => {
    const { store, hashes } = await three();
    await store.touch(hashes[0] ?? '');
    await store.sweep(1.5 * CHUNK_BYTES);
    expect(await left(store, hashes)).toEqual([true, false, false]);
  });
});
