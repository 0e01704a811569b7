import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BlockFolders } from '../../src/files/block-folders.ts';
import { copyOut } from '../../src/files/copy-out.ts';
import { describeFile } from '../../src/files/describe.ts';
import { CHUNK_BYTES, fileHash } from '../../src/files/description.ts';
import { FileStore } from '../../src/files/file-store.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-blocks-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const blocksIn = (): BlockFolders => new BlockFolders(join(folder, 'blocks'));
const never = (): boolean => false;

describe('blocks of stdin', () => {
  test.each([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])(
    'of %i bytes are named as a file is',
    async (n) => {
      const bytes = new Uint8Array(n).fill(7);
      const path = join(folder, 'same');
      writeFileSync(path, bytes, { mode: 0o600 });
      const { description } = await describeFile(path);
      const run = await blocksIn().make();
      expect(await run.keep(bytes)).toEqual({ hash: fileHash(description), bytes: n });
    },
  );

  test('are files of a store while any run keeps them', async () => {
    const store = await FileStore.open(join(folder, 'files'), blocksIn());
    const text = Buffer.from('a block\n');
    const [one, other] = [await blocksIn().make(), await blocksIn().make()];
    const { hash } = await one.keep(text);
    await other.keep(text);
    await one.remove();
    expect(await store.has(hash)).toBe(true);
    await copyOut(store, hash, join(folder, 'out'), { sync: false });
    await other.drop(hash);
    expect([await store.has(hash), await store.content(hash)]).toEqual([false, null]);
    // Nothing of it is left in the store either.
    expect(readdirSync(join(folder, 'files'))).toEqual([]);
  });

  test.each([8, CHUNK_BYTES])('of %i bytes are described by any process', async (n) => {
    const { hash } = await (await blocksIn().make()).keep(new Uint8Array(n).fill(7));
    const store = await FileStore.open(join(folder, 'files'), blocksIn());
    expect(await store.description(hash)).toMatchObject({ bytes: n, mode: 0o600 });
  });

  test('that are small are one file each', async () => {
    const run = await blocksIn().make();
    const names = [];
    for (const text of ['one', 'two']) names.push((await run.keep(Buffer.from(text))).hash);
    const [made = ''] = readdirSync(join(folder, 'blocks'));
    const expected = names.map((hash) => `${hash}.data`).sort();
    expect(readdirSync(join(folder, 'blocks', made)).sort()).toEqual(expected);
  });

  test('that are equal are kept once, until all of them were dropped', async () => {
    const run = await blocksIn().make();
    const { hash } = await run.keep(Buffer.from('same'));
    await run.keep(Buffer.from('same'));
    await run.drop(hash);
    expect(await blocksIn().find(hash)).not.toBeNull();
    await run.drop(hash);
    expect(await blocksIn().find(hash)).toBeNull();
  });

  test('that come again while an equal one goes are there', async () => {
    const run = await blocksIn().make();
    const { hash } = await run.keep(Buffer.from('same'));
    await Promise.all([run.drop(hash), run.keep(Buffer.from('same'))]);
    expect(await blocksIn().find(hash)).not.toBeNull();
  });

  test('of a process that is gone are swept, but for those of a job that goes on', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    const left = join(folder, 'blocks', `${child.pid}-0-000000000000`);
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, 'jobs'), 'one\nother\n');
    await blocksIn().make();
    writeFileSync(join(left, 'HASH.data'), '12345');
    const kept = await blocksIn().sweep((job) => job === 'other');
    expect(kept).toEqual({ bytes: 0, jobs: [] });
    expect(readdirSync(join(folder, 'blocks'))).toHaveLength(2);
    expect(await blocksIn().sweep(never)).toEqual({ bytes: 15, jobs: ['one', 'other'] });
    expect(readdirSync(join(folder, 'blocks'))).toEqual([
      expect.stringMatching(new RegExp(`^${process.pid}-`)),
    ]);
  });

  test('of a process whose number another one has now are swept', async () => {
    mkdirSync(join(folder, 'blocks', `${process.pid}-1-000000000000`), { recursive: true });
    await blocksIn().sweep(never);
    const isTold = process.platform === 'linux';
    expect(readdirSync(join(folder, 'blocks'))).toHaveLength(isTold ? 0 : 1);
  });
});
