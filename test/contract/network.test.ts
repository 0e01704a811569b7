import { afterEach, describe, expect, test } from 'vitest';
import type { StreamMessage } from '../../src/core/message.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import type { Network } from '../../src/net/network.ts';
import { Libp2pPeers, soon } from '../net/libp2p-peers.ts';
import { Recorder } from '../net/recorder.ts';

interface Twin {
  start(): Promise<{ network: Network; told: Recorder }>;
  close(): Promise<void>;
}

const TWINS: Record<string, () => Twin> = {
  libp2p: () => new Libp2pPeers(),
  memory: () => {
    const hub = new MemoryHub();
    let count = 0;
    return {
      start: async () => {
        const told = new Recorder();
        count += 1;
        return { network: new MemoryNetwork(hub, `peer${count}`, told), told };
      },
      close: async () => {},
    };
  },
};

function ask(number: number): StreamMessage {
  return { kind: 'ask', hashes: [number.toString(16).padStart(64, '0')] };
}

function received(told: Recorder): unknown[] {
  return told.messages.map(({ message }) => message);
}

describe.each(Object.keys(TWINS))('a %s network', (name) => {
  let twin: Twin | null = null;
  afterEach(async () => await twin?.close());

  function open(): Twin {
    twin = TWINS[name]?.() ?? null;
    if (twin === null) throw new Error(`no twin ${name}`);
    return twin;
  }

  async function pair() {
    const opened = open();
    const [a, b] = [await opened.start(), await opened.start()];
    await b.network.join(a.network.addresses(), soon());
    await a.told.until(({ ups }) => ups.length === 1);
    await b.told.until(({ ups }) => ups.length === 1);
    return { a, b };
  }

  test('delivers messages in the order sent, in both directions, with their sender', async () => {
    const { a, b } = await pair();
    const numbers = Array.from({ length: 500 }, (_, k) => k);
    for (const k of numbers) {
      expect(a.network.send(b.network.self, ask(k))).toBe(true);
      expect(b.network.send(a.network.self, ask(k))).toBe(true);
    }
    await a.told.until(({ messages }) => messages.length === numbers.length);
    await b.told.until(({ messages }) => messages.length === numbers.length);
    expect(received(a.told)).toEqual(numbers.map(ask));
    expect(received(b.told)).toEqual(numbers.map(ask));
    expect(new Set(b.told.messages.map(({ from }) => from))).toEqual(new Set([a.network.self]));
  });

  test('delivers a message of five megabytes whole', async () => {
    const { a, b } = await pair();
    const bytes = Uint8Array.from({ length: 5_000_000 }, (_, k) => k * 31);
    const blob: StreamMessage = { kind: 'blob', hash: 'a'.repeat(64), bytes };
    expect(a.network.send(b.network.self, blob)).toBe(true);
    await b.told.until(({ messages }) => messages.length === 1);
    const message = b.told.messages[0]?.message;
    expect(message?.kind === 'blob' && Buffer.compare(message.bytes, bytes) === 0).toBe(true);
  });

  test('refuses to send to a peer that is not connected', async () => {
    const { a } = await pair();
    expect(a.network.send('12D3KooWnobody', ask(1))).toBe(false);
  });

  test('tells each side of a connection once, before any message', async () => {
    const { a, b } = await pair();
    expect(a.told.ups).toEqual([b.network.self]);
    expect(b.told.ups).toEqual([a.network.self]);
    expect(a.network.connections().map(({ peer }) => peer)).toEqual([b.network.self]);
  });

  test('links a newcomer to all members although it dialed one', async () => {
    const opened = open();
    const a = await opened.start();
    const others = [await opened.start(), await opened.start(), await opened.start()];
    for (const { network } of others) await network.join(a.network.addresses(), soon());
    await Promise.all([a, ...others].map(({ told }) => told.until(({ ups }) => ups.length === 3)));
  });

  test('broadcasts to all others and not to itself', async () => {
    const opened = open();
    const peers = [await opened.start(), await opened.start(), await opened.start()];
    const [a, ...others] = peers;
    for (const { network } of others) await network.join(a?.network.addresses() ?? [], soon());
    await Promise.all(peers.map(({ told }) => told.until(({ ups }) => ups.length === 2)));
    a?.network.broadcast({ kind: 'announce', groups: [] });
    await Promise.all(others.map(({ told }) => told.until(({ messages }) => messages.length > 0)));
    expect(a?.told.messages).toEqual([]);
  });

  test('tells of a peer that closed as gone on purpose', async () => {
    const { a, b } = await pair();
    await b.network.close();
    await a.told.until(({ downs }) => downs.length === 1);
    expect(a.told.downs).toEqual([{ peer: b.network.self, reset: false }]);
    expect(a.network.send(b.network.self, ask(1))).toBe(false);
    expect(a.network.connections()).toEqual([]);
  });

  test('names the address when no bootstrap answers', async () => {
    const { a, b } = await pair();
    const address = b.network.addresses()[0] ?? '';
    await b.network.close();
    await a.told.until(({ downs }) => downs.length === 1);
    await expect(a.network.join([address], soon())).rejects.toMatchObject({
      code: 'MESH_NO_BOOTSTRAP',
      message: expect.stringMatching(`${address} (refused|closed) the connection`),
    });
  });

  test('closes twice, and then neither sends nor throws', async () => {
    const { a, b } = await pair();
    await a.network.close();
    await a.network.close();
    a.network.broadcast({ kind: 'announce', groups: [] });
    expect(a.network.send(b.network.self, ask(1))).toBe(false);
  });

  test('broadcasts alone without a fault', async () => {
    const { network } = await open().start();
    network.broadcast({ kind: 'announce', groups: [] });
    expect(network.connections()).toEqual([]);
  });
});
