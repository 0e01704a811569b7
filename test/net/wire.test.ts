import { generateKeyPair } from '@libp2p/crypto/keys';
import type { Libp2p, Stream } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { encodeFrame, FRAME, MAX_FRAME_BYTES } from '../../src/net/frame.ts';
import { createNode, protocolsOf } from '../../src/net/libp2p-node.ts';
import { deriveMeshKeys } from '../../src/net/mesh-secret.ts';
import { Libp2pPeers, LOOPBACK, soon, type TestPeer } from './libp2p-peers.ts';

let peers: Libp2pPeers;
let member: TestPeer;
let raw: Libp2p;
beforeEach(async () => {
  peers = new Libp2pPeers();
  member = await peers.start();
  raw = await createNode({
    privateKey: await generateKeyPair('Ed25519'),
    keys: deriveMeshKeys(peers.secret),
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

function rejections(): number {
  return member.told.logs.filter(({ event }) => event === 'message.rejected').length;
}

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
