import { generateKeyPairSync } from 'node:crypto';
import type { Libp2p, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeFrame, FRAME, MAX_FRAME_BYTES } from '../../src/net/frame.ts';
import { Gate } from '../../src/net/gate.ts';
import { identityOf } from '../../src/net/identity.ts';
import { createNode, protocolsOf } from '../../src/net/libp2p-node.ts';
import { deriveMeshKeys } from '../../src/net/mesh-secret.ts';
import { ringOf } from '../../src/net/secret-ring.ts';
import { Libp2pPeers, LOOPBACK, soon, type TestPeer } from './libp2p-peers.ts';

let peers: Libp2pPeers;
let member: TestPeer;
let raw: Libp2p;
beforeEach(async () => {
  peers = new Libp2pPeers();
  member = await peers.start();
  const identity = identityOf(generateKeyPairSync('ed25519').privateKey);
  raw = await createNode({
    identity,
    gate: new Gate(identity.peer, ringOf(peers.secret)),
    listen: [LOOPBACK],
    announce: [],
    loopbackOnly: true,
  });
  await raw.start();
});
afterEach(async () => {
  await raw.stop();
  await peers.close();
});

async function openStream(): Promise<Stream> {
  const { sync } = protocolsOf(deriveMeshKeys(peers.secret).meshId);
  const connection = await raw.dial(multiaddr(member.network.addresses()[0]));
  return await connection.newStream(sync);
}

async function stillWorks(): Promise<void> {
  const other = await peers.start();
  await other.network.join(member.network.addresses(), soon());
  other.network.send(member.network.self, { kind: 'ask', hashes: [] });
  await member.told.until(({ messages }) =>
    messages.some(({ from }) => from === other.network.self),
  );
}

/** Streams that the member opens towards the raw peer, as they come. */
async function acceptStreams(): Promise<AsyncIterator<Stream>> {
  const { sync } = protocolsOf(deriveMeshKeys(peers.secret).meshId);
  const queue: Stream[] = [];
  let wake = (): void => {};
  await raw.handle(sync, (stream) => {
    queue.push(stream);
    wake();
  });
  return (async function* () {
    while (true) {
      const stream = queue.shift();
      if (stream !== undefined) yield stream;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  })();
}

function rejections(): number {
  return member.told.logs.filter(({ event }) => event === 'message.rejected').length;
}

describe('a stream that closes while its connection lives', () => {
  test('is opened again, and what is sent then arrives', async () => {
    const streams = await acceptStreams();
    const connection = await raw.dial(multiaddr(member.network.addresses()[0]));
    const first = (await streams.next()).value as Stream;
    await member.told.until(({ ups }) => ups.length === 1);
    first.abort(new Error('broken by the test'));
    const second = (await streams.next()).value as Stream;
    const heard = new Promise((resolve) => second.addEventListener('message', resolve));
    expect(member.network.send(raw.peerId.toString(), { kind: 'ask', hashes: [] })).toBe(true);
    await heard;
    expect(connection.status).toBe('open');
    expect(member.told.downs).toEqual([]);
  });
});

describe('a peer that reads nothing', () => {
  test('costs its sender eight megabytes of queue and then refusals', async () => {
    const streams = await acceptStreams();
    await raw.dial(multiaddr(member.network.addresses()[0]));
    ((await streams.next()).value as Stream).pause();
    await member.told.until(({ ups }) => ups.length === 1);
    const blob = { kind: 'blob', hash: 'a'.repeat(64), bytes: new Uint8Array(1_000_000) } as const;
    let taken = 0;
    while (taken < 40 && member.network.send(raw.peerId.toString(), blob)) taken += 1;
    expect(taken).toBeGreaterThanOrEqual(8);
    expect(taken).toBeLessThanOrEqual(10);
  });
});

describe('a member that sends rubbish', () => {
  test('has its malformed frames dropped one by one, and the stream goes on', async () => {
    const stream = await openStream();
    const rubbish = Uint8Array.from({ length: 300 }, (_, k) => (k * 7919) % 251);
    stream.send(encodeFrame(FRAME.message, rubbish));
    stream.send(encodeFrame(FRAME.peers, rubbish));
    stream.send(encodeFrame(FRAME.message, new Uint8Array()));
    stream.send(Uint8Array.of(99, 0, 0, 0, 1, 7));
    stream.send(encodeFrame(FRAME.ping, Uint8Array.of(1)));
    await member.told.until(() => rejections() === 5);
    expect(stream.status).toBe('open');
    await stillWorks();
  });

  test('that ends its stream inside a frame harms nobody', async () => {
    const stream = await openStream();
    stream.send(encodeFrame(FRAME.message, new Uint8Array(1000)).subarray(0, 500));
    await stream.close();
    await stillWorks();
  });

  test('that announces an oversized frame has its stream reset before it sends it', async () => {
    const stream = await openStream();
    const closed = new Promise((resolve) => stream.addEventListener('close', resolve));
    const head = new Uint8Array(5);
    new DataView(head.buffer).setUint32(1, MAX_FRAME_BYTES + 1);
    stream.send(head);
    await closed;
    expect(member.told.logs.map(({ event }) => event)).toContain('frame.oversized');
    await stillWorks();
  });

  test('that vanishes in the middle of a frame harms nobody', async () => {
    const stream = await openStream();
    stream.send(encodeFrame(FRAME.message, new Uint8Array(1000)).subarray(0, 500));
    for (const connection of raw.getConnections()) connection.abort(new Error('vanished'));
    await stillWorks();
  });
});
