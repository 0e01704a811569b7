import type { Libp2p } from '@libp2p/interface';
import { afterEach, expect, test, vi } from 'vitest';
import { parseAddress } from '../../src/net/addresses.ts';
import { Bootstrap } from '../../src/net/bootstrap.ts';
import { faultError } from '../../src/net/dial-error.ts';
import { Dialer } from '../../src/net/dialer.ts';
import { Libp2pPeers, soon } from './libp2p-peers.ts';

const GONE = '12D3KooWGoVi5yitSPBWQUNs1SuGedNgMZ5Kh4PBHVvWmJ7R3gqd';
const peers = new Libp2pPeers();
afterEach(async () => {
  vi.useRealTimers();
  await peers.close();
});

test('a removed peer is not dialed, where its address was given by name', async () => {
  const [a, b] = await Promise.all([peers.start(), peers.start()]);
  a.gate.deny(b.network.self);
  const failed = a.network.join(b.network.addresses().slice(0, 1), soon());
  await expect(failed).rejects.toThrow('was removed from the mesh');
  expect([...b.gate.met]).toEqual([]);
});

test('what is heard of a removed peer nearby is not taken up', async () => {
  const dialer = new Dialer({
    node: { peerId: { toString: () => 'self' }, services: {} } as unknown as Libp2p,
    loopbackOnly: true,
    wayTo: () => 'no',
    nowMs: () => 0,
    isDenied: (peer) => peer === GONE,
    refused: () => undefined,
    otherSecret: () => undefined,
    log: () => undefined,
  });
  const address = parseAddress('/ip4/127.0.0.1/tcp/1');
  expect(dialer.hear(GONE, address === null ? [] : [address], false)).toBe(false);
  expect(dialer.addressesOf(GONE)).toEqual([]);
  await dialer.close();
});

test('a bootstrap address of a removed peer is not tried again', async () => {
  vi.useFakeTimers();
  const dial = vi.fn(() => Promise.reject(faultError('denied', `${GONE} was removed`)));
  const bootstrap = new Bootstrap(dial);
  const joined = bootstrap.join([`/ip4/127.0.0.1/tcp/1/p2p/${GONE}`], new AbortController().signal);
  await expect(joined).rejects.toMatchObject({ code: 'MESH_NO_BOOTSTRAP' });
  await vi.advanceTimersByTimeAsync(600_000);
  expect(dial).toHaveBeenCalledOnce();
  bootstrap.close();
});
