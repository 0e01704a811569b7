import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAX_PENDING } from '../../src/net/entrance.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { Libp2pPeers, soon, type TestPeer } from './libp2p-peers.ts';

const KINDS = {
  tcp: '/ip4/127.0.0.1/tcp/0',
  WebSocket: '/ip4/127.0.0.1/tcp/0/ws',
  'IPv6 tcp': '/ip6/::1/tcp/0',
};

let peers: Libp2pPeers;
beforeEach(() => {
  peers = new Libp2pPeers();
});
afterEach(async () => await peers.close());

function portIn(address: string): number {
  return Number(/\/tcp\/(\d+)/.exec(address)?.[1]);
}

async function hears(to: TestPeer, from: TestPeer): Promise<void> {
  const before = to.told.messages.length;
  expect(from.network.send(to.network.self, { kind: 'ask', hashes: ['a'.repeat(64)] })).toBe(true);
  await to.told.until(({ messages }) => messages.length > before);
}

describe.each(Object.entries(KINDS))('a peer that listens on %s', (_, listen) => {
  test('is joined there, and carries large values', async () => {
    const [a, b] = [await peers.start({ listen }), await peers.start({ listen: [] })];
    const [address = ''] = a.network.addresses();
    expect(address.replace(/\/tcp\/\d+/, '/tcp/0')).toBe(`${listen}/p2p/${a.network.self}`);
    await b.network.join([address], soon());
    await hears(a, b);
    await hears(b, a);
    const bytes = new Uint8Array(900_000).fill(7);
    const blob = { kind: 'blob', hash: 'b'.repeat(64), bytes } as const;
    expect(b.network.send(a.network.self, blob)).toBe(true);
    await a.told.until(({ messages }) => messages.some(({ message }) => message.kind === 'blob'));
  });

  test('refuses a stranger with another secret', async () => {
    const a = await peers.start({ listen });
    const stranger = await peers.start({ listen: [], secret: createMeshSecret() });
    await expect(stranger.network.join(a.network.addresses(), soon())).rejects.toMatchObject({
      code: 'MESH_NO_BOOTSTRAP',
    });
    expect(a.told.ups).toEqual([]);
  });

  test('relays for peers that only dial out', async () => {
    const relay = await peers.start({ listen });
    const [a, b] = [await peers.start({ listen: [] }), await peers.start({ listen: [] })];
    await Promise.all([a, b].map(({ network }) => network.join(relay.network.addresses(), soon())));
    await a.told.until(({ ups }) => ups.includes(b.network.self));
    await hears(b, a);
  });

  test('that closes and comes back at the same address is found', async () => {
    const [a, b] = [await peers.start({ listen }), await peers.start({ listen: [] })];
    await b.network.join(a.network.addresses(), soon());
    const [at = ''] = a.network.listening();
    await a.network.close();
    await b.told.until(({ downs }) => downs.length === 1);
    await peers.start({ listen: at, identity: a.identity });
    await b.told.until(({ ups }) => ups.length === 2);
  });
});

describe.each([KINDS.tcp, KINDS.WebSocket])('a flood of sockets at %s', (listen) => {
  test.each(['', 'GET / HTTP/1.1\r\n', '\x16\x03\x01rubbish'])(
    'that say %j is held to its share, and a member gets in',
    async (text) => {
      const a = await peers.start({ listen });
      const port = portIn(a.network.addresses()[0] ?? '');
      const open = new Set<Socket>();
      const flood = Array.from({ length: 600 }, async () => {
        const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
        socket.on('error', () => {}).once('close', () => open.delete(socket));
        await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
        if (socket.destroyed) return;
        open.add(socket);
        socket.write(text);
      });
      const b = await peers.start({ listen: [] });
      await b.network.join(a.network.addresses(), soon());
      await hears(a, b);
      await Promise.all(flood);
      while (open.size > MAX_PENDING) await delay(20);
      for (const socket of open) socket.destroy();
    },
  );
});

describe('a peer that announces a forwarded port', () => {
  test.each(['/dns4/mesh.example.org/tcp/443/ws', '/ip4/203.0.113.9/tcp/4001'])(
    'tells of %s alone, and still knows where it listens',
    async (announced) => {
      const a = await peers.start({ announce: [announced] });
      expect(a.network.addresses()).toEqual([`${announced}/p2p/${a.network.self}`]);
      expect(a.network.listening()).toEqual([
        expect.stringMatching(/^\/ip4\/127.0.0.1\/tcp\/\d+$/),
      ]);
    },
  );
});
