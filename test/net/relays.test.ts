import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { Libp2pPeers, portOf, soon, type TestPeer } from './libp2p-peers.ts';

let peers: Libp2pPeers;
beforeEach(() => {
  peers = new Libp2pPeers();
});
afterEach(async () => await peers.close());

/** A peer that nobody can dial. */
async function dialOnly(): Promise<TestPeer> {
  return await peers.start({ listen: [] });
}

/** The relay through which a peer is connected to another one, or `direct`. */
function viaOf(from: TestPeer, to: TestPeer): string | undefined {
  const found = from.network.connections().find(({ peer }) => peer === to.network.self);
  return found && (found.relay ?? found.via);
}

async function joined(to: TestPeer, ...others: readonly TestPeer[]): Promise<void> {
  await Promise.all(others.map(({ network }) => network.join(to.network.addresses(), soon())));
}

async function meet(a: TestPeer, b: TestPeer, via?: string): Promise<void> {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    await one.told.until(() => {
      const now = viaOf(one, other);
      return now !== undefined && (via === undefined || now === via);
    }, 30_000);
  }
}

/** Resolves once a peer has a place on this relay. */
async function held(by: TestPeer, relay: TestPeer): Promise<void> {
  await by.told.until(() =>
    by.network.addresses().some((each) => each.includes(`/p2p/${relay.network.self}/p2p-circuit`)),
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function hears(to: TestPeer, from: TestPeer): Promise<void> {
  const before = to.told.messages.length;
  expect(from.network.send(to.network.self, { kind: 'ask', hashes: ['a'.repeat(64)] })).toBe(true);
  await to.told.until(({ messages }) => messages.length > before);
}

describe('two peers that only dial out', () => {
  let relay: TestPeer;
  let a: TestPeer;
  let b: TestPeer;
  beforeEach(async () => {
    [relay, a, b] = [await peers.start(), await dialOnly(), await dialOnly()];
    await joined(relay, a, b);
    await meet(a, b);
  });

  test('talk to each other through a third', async () => {
    expect([viaOf(a, b), viaOf(b, a)]).toEqual([relay.network.self, relay.network.self]);
    await hears(a, b);
    await hears(b, a);
  });

  test('tell of an address that leads through the relay, and one that nobody can dial has no other', async () => {
    await held(a, relay);
    const address = `${portOf(relay)}/p2p/${relay.network.self}/p2p-circuit/p2p/${a.network.self}`;
    expect(a.network.addresses()).toEqual([address]);
  });

  test('send each other large values', async () => {
    const bytes = new Uint8Array(900_000).map((_, k) => k % 251);
    const blob = { kind: 'blob', hash: 'b'.repeat(64), bytes } as const;
    for (let k = 1; k <= 8; k += 1) {
      expect(a.network.send(b.network.self, blob)).toBe(true);
      await b.told.until(({ messages }) => messages.length === k);
    }
    const last = b.told.messages.at(-1)?.message;
    expect(last?.kind === 'blob' && Buffer.compare(last.bytes, bytes)).toBe(0);
    expect([viaOf(a, b), b.told.downs]).toEqual([relay.network.self, []]);
  });

  test('are not told dead when the relay dies, and find each other through another one', async () => {
    const other = await peers.start();
    await joined(other, a, b);
    await Promise.all([held(a, other), held(b, other)]);
    await relay.network.close();
    await a.told.until(({ downs }) => downs.some(({ peer }) => peer === relay.network.self));
    await meet(a, b, other.network.self);
    await hears(a, b);
    expect(a.told.downs.filter(({ peer, reset }) => reset && peer === b.network.self)).toEqual([]);
    expect(a.told.refusals).not.toContain(b.network.self);
    expect(b.told.refusals).not.toContain(a.network.self);
  });

  test('find each other again when the only relay comes back', async () => {
    const listen = portOf(relay);
    await relay.network.close();
    await a.told.until(({ downs }) => downs.some(({ peer }) => peer === b.network.self));
    const again = await peers.start({ identity: relay.identity, listen });
    await meet(a, b, again.network.self);
    await hears(b, a);
    expect(a.told.refusals).not.toContain(b.network.self);
  });

  test('find each other through a new relay when the only one is gone for good', async () => {
    await relay.network.close();
    await a.told.until(({ downs }) => downs.some(({ peer }) => peer === b.network.self));
    await b.told.until(({ downs }) => downs.some(({ peer }) => peer === a.network.self));
    const other = await peers.start();
    await joined(other, a, b);
    await meet(a, b, other.network.self);
    await hears(a, b);
  });
});

describe('relays', () => {
  test('are two, and one that dies is replaced', async () => {
    const [one, two, three] = [await peers.start(), await peers.start(), await peers.start()];
    const relays = [one, two, three];
    const a = await dialOnly();
    await joined(one, two, three);
    await joined(one, a);
    const circuits = (): string[] =>
      a.network.addresses().map((each) => /p2p\/(\w+)\/p2p-circuit/.exec(each)?.[1] ?? '');
    await a.told.until(() => circuits().length === 2);
    const dies = relays.find(({ network }) => network.self === circuits()[0]);
    const third = relays.find(({ network }) => !circuits().includes(network.self));
    await dies?.network.close();
    await a.told.until(() => circuits().includes(third?.network.self ?? ''));
    expect(new Set(circuits()).size).toBe(2);
    expect(circuits()).not.toContain(dies?.network.self);
  });

  test('lead no stranger in', async () => {
    const [relay, a] = [await peers.start(), await dialOnly()];
    await joined(relay, a);
    await held(a, relay);
    const stranger = await peers.start({ secret: createMeshSecret(), listen: [] });
    await expect(stranger.network.join(a.network.addresses(), soon())).rejects.toMatchObject({
      code: 'MESH_NO_BOOTSTRAP',
    });
    expect(a.told.ups).toEqual([relay.network.self]);
    expect(relay.told.ups).toEqual([a.network.self]);
  });
});

describe('a direct way', () => {
  test('replaces the relayed one in order, without the peers being told of a loss', async () => {
    const [relay, a] = [await peers.start(), await dialOnly()];
    await joined(relay, a);
    await held(a, relay);
    // It listens, but tells nobody where, until the test does.
    const listen = `/ip4/127.0.0.1/tcp/${await freePort()}`;
    const nowhere = '/ip4/127.0.0.1/tcp/1';
    const b = await peers.start({ listen, announce: [nowhere] });
    await joined(relay, b);
    await meet(a, b, relay.network.self);
    const numbers = Array.from({ length: 400 }, (_, k) => k.toString(16).padStart(64, '0'));
    const send = (hashes: readonly string[]): void => {
      for (const hash of hashes) {
        expect(a.network.send(b.network.self, { kind: 'ask', hashes: [hash] })).toBe(true);
        expect(b.network.send(a.network.self, { kind: 'ask', hashes: [hash] })).toBe(true);
      }
    };
    send(numbers.slice(0, 200));
    a.network.know(b.network.self, [listen]);
    const timer = setInterval(() => send(numbers.splice(200, 10)), 5);
    try {
      await meet(a, b, 'direct');
      for (const [to, from] of [
        [a, b],
        [b, a],
      ] as const) {
        const heard = (): string[] =>
          to.told.messages.flatMap(({ from: sender, message }) =>
            sender === from.network.self && message.kind === 'ask' ? message.hashes : [],
          );
        await to.told.until(() => heard().length === 400);
        expect(heard()).toEqual([...heard()].sort());
      }
    } finally {
      clearInterval(timer);
    }
    expect([a.told.downs, b.told.downs]).toEqual([[], []]);
  });
});
