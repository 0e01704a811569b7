import { createHash, randomBytes } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MeshError } from '../../src/core/mesh-error.ts';
import { answerRequest } from '../../src/files/answer.ts';
import { copyOut } from '../../src/files/copy-out.ts';
import { describeFile } from '../../src/files/describe.ts';
import {
  CHUNK_BYTES,
  decodeDescription,
  encodeDescription,
  fileHash,
  MAX_FILE_BYTES,
} from '../../src/files/description.ts';
import { Fetcher, type FileSources } from '../../src/files/fetcher.ts';
import { FileStore } from '../../src/files/file-store.ts';
import { decodeRequest, type FileRequest } from '../../src/files/request.ts';

const never = { signal: new AbortController().signal };

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-files-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function userFile(name: string, bytes: Uint8Array, mode = 0o640): string {
  const path = join(folder, name);
  writeFileSync(path, bytes, { mode });
  return path;
}

/** A mesh of stores; `breakAfter` ends the answers of a peer after so many parts. */
class Stores implements FileSources {
  readonly stores = new Map<string, FileStore>();
  readonly asked: { readonly peer: string; readonly request: FileRequest }[] = [];
  readonly partsLeft = new Map<string, number>();

  async add(peer: string): Promise<FileStore> {
    const store = await FileStore.open(join(folder, peer));
    this.stores.set(peer, store);
    return store;
  }

  peers(): string[] {
    return [...this.stores.keys()];
  }

  async *ask(peer: string, bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    const request = decodeRequest(bytes);
    if (request !== null) this.asked.push({ peer, request });
    const store = this.stores.get(peer);
    if (store === undefined) throw broken(peer);
    for await (const part of answerRequest(store, bytes)) {
      const left = this.partsLeft.get(peer) ?? Number.POSITIVE_INFINITY;
      if (left <= 0) throw broken(peer);
      this.partsLeft.set(peer, left - 1);
      yield Uint8Array.from(part);
    }
  }

  /** Chunks that were asked for by number. */
  chunks(): number[] {
    return this.asked
      .flatMap(({ request }) => (request.ask === 'chunks' ? request.chunks : []))
      .sort((a, b) => a - b);
  }
}

function broken(peer: string): MeshError {
  return new MeshError('MESH_NO_PEER', `${peer} is gone`);
}

const SOLID = 40;

/** The publisher with a file of 40 random chunks and a bit, and a worker without. */
async function twoPeers(bytes: Uint8Array = randomBytes(SOLID * CHUNK_BYTES + 5)) {
  const mesh = new Stores();
  const publisher = await mesh.add('publisher');
  const path = userFile('a.bin', bytes);
  const hash = await publisher.offer(path, await describeFile(path));
  const own = await FileStore.open(join(folder, 'worker'));
  const fetcher = new Fetcher(own, mesh);
  const wanted = { hash, likely: [], owner: 'publisher' };
  return { mesh, publisher, path, bytes, hash, own, fetcher, wanted };
}

describe('a description', () => {
  test('has one encoding, which names the file', async () => {
    const bytes = randomBytes(CHUNK_BYTES + 3);
    const { description } = await describeFile(userFile('a', bytes));
    const sha = (part: Uint8Array) => createHash('sha256').update(part).digest();
    expect(description).toEqual({
      bytes: bytes.length,
      mode: 0o640,
      chunks: Uint8Array.from(
        Buffer.concat([sha(bytes.subarray(0, CHUNK_BYTES)), sha(bytes.subarray(CHUNK_BYTES))]),
      ),
    });
    const encoded = encodeDescription(description);
    expect(decodeDescription(encoded)).toEqual(description);
    expect(fileHash(description)).toBe(sha(encoded).toString('hex'));
    expect(decodeDescription(encoded.subarray(1))).toBe(null);
    expect(decodeDescription(encoded.subarray(0, -1))).toBe(null);
  });

  test('of a folder, of nothing, and of more than 4 GiB is refused in one line', async () => {
    await expect(describeFile(folder)).rejects.toThrow(/is a folder: only files are sent/);
    await expect(describeFile(join(folder, 'no'))).rejects.toThrow(/there is no such file/);
    const large = userFile('large', new Uint8Array());
    truncateSync(large, MAX_FILE_BYTES + 1);
    await expect(describeFile(large)).rejects.toThrow(/files of at most 4 GiB are sent/);
  });
});

describe('a file is fetched', () => {
  test('whole, with its mode, and is written out in one step', async () => {
    const { fetcher, wanted, own, hash, bytes } = await twoPeers();
    await fetcher.fetch(wanted, never);
    const out = join(folder, 'deep/er/out');
    await copyOut(own, hash, out, { sync: true });
    expect(Buffer.compare(readFileSync(out), bytes)).toBe(0);
    expect(statSync(out).mode & 0o777).toBe(0o640);
  });

  test.each([0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])('of %d bytes', async (size) => {
    const { fetcher, wanted, own, hash, bytes, mesh } = await twoPeers(randomBytes(size));
    await fetcher.fetch(wanted, never);
    const out = join(folder, 'out');
    await copyOut(own, hash, out, { sync: false });
    expect(Buffer.compare(readFileSync(out), bytes)).toBe(0);
    expect(mesh.asked.length).toBe(1);
  });

  test('once for all who want it at a time, and not at all when it is there', async () => {
    const { fetcher, wanted, mesh } = await twoPeers();
    await Promise.all([1, 2, 3].map(() => fetcher.fetch(wanted, never)));
    await fetcher.fetch(wanted, never);
    expect(mesh.chunks()).toEqual(Array.from({ length: SOLID + 1 }, (_, k) => k));
  });

  test('on from where it broke off, and no chunk twice', async () => {
    const { fetcher, wanted, mesh, own, hash, bytes } = await twoPeers();
    mesh.partsLeft.set('publisher', 2 + 17);
    await expect(fetcher.fetch(wanted, never)).rejects.toThrow(
      /no connected member has \d+ chunks/,
    );
    mesh.partsLeft.delete('publisher');
    mesh.asked.length = 0;
    // As after a new start.
    const again = new Fetcher(await FileStore.open(join(folder, 'worker')), mesh);
    await again.fetch(wanted, never);
    expect(mesh.chunks().length).toBe(SOLID + 1 - 17);
    const out = join(folder, 'out');
    await copyOut(own, hash, out, { sync: false });
    expect(Buffer.compare(readFileSync(out), bytes)).toBe(0);
  });

  test('from others when the one that was asked dies on the way', async () => {
    const { fetcher, wanted, mesh, path } = await twoPeers();
    const other = await mesh.add('other');
    await other.offer(path, await describeFile(path));
    mesh.partsLeft.set('publisher', 2 + 10);
    await fetcher.fetch(wanted, never);
    expect(new Set(mesh.asked.map(({ peer }) => peer))).toEqual(new Set(['publisher', 'other']));
  });

  test('from who has some of it, and the rest from who has all', async () => {
    const first = await twoPeers();
    first.mesh.partsLeft.set('publisher', 2 + 20);
    await expect(first.fetcher.fetch(first.wanted, never)).rejects.toThrow(/no connected member/);
    first.mesh.partsLeft.delete('publisher');
    first.mesh.stores.set('worker', first.own);
    const third = await FileStore.open(join(folder, 'third'));
    const wanted = { ...first.wanted, likely: ['worker'] };
    await new Fetcher(third, first.mesh).fetch(wanted, never);
    await copyOut(third, first.hash, join(folder, 'out'), { sync: false });
    expect(Buffer.compare(readFileSync(join(folder, 'out')), first.bytes)).toBe(0);
  });

  test('not, when its owner changed it, and that is told from nobody having it', async () => {
    const { fetcher, wanted, path, mesh } = await twoPeers();
    utimesSync(path, 1, 1);
    await expect(fetcher.fetch(wanted, never)).rejects.toMatchObject({ code: 'MESH_NO_FILE' });
    mesh.stores.delete('publisher');
    await expect(fetcher.fetch(wanted, never)).rejects.toMatchObject({ code: 'MESH_NO_PEER' });
  });

  test('with holes as holes: they are not sent and take no disk', async () => {
    const mesh = new Stores();
    const publisher = await mesh.add('publisher');
    const path = userFile('holes', randomBytes(CHUNK_BYTES));
    truncateSync(path, 64 * CHUNK_BYTES);
    const hash = await publisher.offer(path, await describeFile(path));
    const own = await FileStore.open(join(folder, 'worker'));
    const wanted = { hash, likely: [], owner: 'publisher' };
    await new Fetcher(own, mesh).fetch(wanted, never);
    const out = join(folder, 'out');
    await copyOut(own, hash, out, { sync: false });
    expect(mesh.chunks()).toEqual([]);
    expect(Buffer.compare(readFileSync(out), readFileSync(path))).toBe(0);
    expect(statSync(out).blocks * 512).toBeLessThan(3 * CHUNK_BYTES);
    expect((await own.usage()).bytes).toBeLessThan(3 * CHUNK_BYTES);
  });
});

describe('a chunk altered on disk', () => {
  async function altered() {
    const peers = await twoPeers();
    await peers.fetcher.fetch(peers.wanted, never);
    const data = join(folder, 'worker', `${peers.hash}.data`);
    const bytes = readFileSync(data);
    bytes[5 * CHUNK_BYTES + 7] = (bytes[5 * CHUNK_BYTES + 7] ?? 0) ^ 1;
    writeFileSync(data, bytes);
    peers.mesh.asked.length = 0;
    return peers;
  }

  test('is found when the file is used, and it alone is fetched again', async () => {
    const { fetcher, wanted, mesh, own, hash, bytes } = await altered();
    const out = join(folder, 'out');
    await expect(copyOut(own, hash, out, { sync: false })).rejects.toThrow(/was altered/);
    expect(statSync(out, { throwIfNoEntry: false })).toBe(undefined);
    await fetcher.fetch(wanted, { ...never, again: true });
    expect(mesh.chunks()).toEqual([5]);
    await copyOut(own, hash, out, { sync: false });
    expect(Buffer.compare(readFileSync(out), bytes)).toBe(0);
  });

  test('is not given to others', async () => {
    const { own, mesh, wanted } = await altered();
    mesh.stores.delete('publisher');
    mesh.stores.set('worker', own);
    const third = await FileStore.open(join(folder, 'third'));
    await expect(new Fetcher(third, mesh).fetch(wanted, never)).rejects.toThrow(
      /no connected member has 1 chunk/,
    );
  });
});

test('a request that is none is refused', async () => {
  const store = await FileStore.open(join(folder, 'store'));
  for (const text of ['', '{}', '[]', '{"ask":"file","hash":"../../x","content":true}']) {
    await expect(
      Array.fromAsync(answerRequest(store, new TextEncoder().encode(text))),
    ).rejects.toMatchObject({ code: 'MESH_REFUSED' });
  }
});

test('a store that cannot write leaves nothing half written', async () => {
  const path = userFile('made', randomBytes(10));
  const described = await describeFile(path);
  const store = await FileStore.open(join(folder, 'store'));
  const hash = await store.learn(described.description);
  mkdirSync(join(folder, 'store', `${hash}.made`));
  await expect(store.adopt(path, described)).rejects.toThrow();
  expect(readdirSync(join(folder, 'store')).sort()).toEqual([`${hash}.file`, `${hash}.made`]);
});
