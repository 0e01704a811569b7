import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { describeFile } from '../../src/files/describe.ts';
import { CHUNK_BYTES } from '../../src/files/description.ts';
import { FileStore } from '../../src/files/file-store.ts';
import { decodeRequest } from '../../src/files/request.ts';
import type { Network } from '../../src/net/network.ts';
import { FileService } from '../../src/node/files/file-service.ts';
import { Libp2pPeers, soon, type TestPeer } from '../net/libp2p-peers.ts';

const CHUNKS = 48;

let folder = '';
let peers: Libp2pPeers;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-file-service-'));
  peers = new Libp2pPeers();
});
afterEach(async () => {
  await peers.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A network that counts the chunks asked for. */
function counting(network: Network): { network: Network; asked: number[] } {
  const asked: number[] = [];
  const ask: Network['ask'] = (peer, topic, request, options) => {
    const what = decodeRequest(request);
    if (what?.ask === 'chunks') asked.push(...what.chunks);
    return network.ask(peer, topic, request, options);
  };
  const connections = (): ReturnType<Network['connections']> => network.connections();
  const serve: Network['serve'] = (topic, handler) => network.serve(topic, handler);
  return { asked, network: { ...network, self: network.self, ask, connections, serve } as Network };
}

async function joined(): Promise<[TestPeer, TestPeer]> {
  const [a, b] = [await peers.start(), await peers.start()];
  await b.network.join(a.network.addresses(), soon());
  await b.told.until(({ ups }) => ups.length === 1);
  return [a, b];
}

test('a transfer goes on where it was when the peer that gave it was gone for a while', async () => {
  const bytes = randomBytes(CHUNKS * CHUNK_BYTES);
  const path = join(folder, 'file');
  writeFileSync(path, bytes);
  const [a, b] = await joined();
  const giver = await FileService.open(join(folder, 'a'), a.network.self);
  const hash = await giver.store.offer(path, await describeFile(path));
  const taker = await FileService.open(join(folder, 'b'), b.network.self);
  const { network, asked } = counting(b.network);
  taker.connect(network);
  // It closes after some chunks, in the middle of its answers.
  let given = 0;
  giver.connect({
    ...a.network,
    serve: (topic: string, handler: Parameters<Network['serve']>[1]) =>
      a.network.serve(topic, async function* (...question) {
        for await (const part of handler(...question)) {
          yield part;
          if (part.byteLength === CHUNK_BYTES && ++given === 20) void a.network.close();
        }
      }),
  } as Network);
  const wanted = { hash, likely: [], owner: a.network.self };
  await expect(taker.fetch(wanted)).rejects.toMatchObject({ code: 'MESH_NO_PEER' });
  expect((await taker.store.usage()).bytes).toBeGreaterThan(4 * CHUNK_BYTES);

  const again = await peers.start({ identity: a.identity });
  giver.connect(again.network);
  await b.network.join(again.network.addresses(), soon());
  asked.length = 0;
  await taker.bring(wanted, join(folder, 'copy'), { sync: false });
  // What was on its way when it broke off may have been lost: two answers of eight chunks.
  expect(asked.length).toBeLessThanOrEqual(CHUNKS - (20 - 16));
  expect(new Set(asked).size).toBe(asked.length);
  expect(Buffer.compare(readFileSync(join(folder, 'copy')), bytes)).toBe(0);
});

test('a peer keeps its files below what they may take', async () => {
  const home = join(folder, 'home');
  const store = await FileStore.open(home);
  for (const name of ['one', 'two', 'three']) {
    const path = join(folder, name);
    writeFileSync(path, randomBytes(CHUNK_BYTES));
    store.fetched(await store.adopt(path, await describeFile(path)), '');
  }
  const quotaBytes = 2.5 * CHUNK_BYTES;
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const service = await FileService.open(home, 'self', quotaBytes).finally(() => {
    vi.advanceTimersByTime(5000);
    vi.useRealTimers();
  });
  await expect
    .poll(() => service.usage(), { timeout: 10_000 })
    .toMatchObject({ files: 2, quotaBytes });
  service.close();
});
