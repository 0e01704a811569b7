import { generateKeyPairSync } from 'node:crypto';
import { multiaddr } from '@multiformats/multiaddr';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Gate } from '../../src/net/gate.ts';
import { identityOf } from '../../src/net/identity.ts';
import { createNode, protocolsOf } from '../../src/net/libp2p-node.ts';
import { otherProtocol, watchProtocols } from '../../src/net/protocol-watch.ts';
import { ringOf } from '../../src/net/secret-ring.ts';
import { Libp2pPeers, LOOPBACK } from './libp2p-peers.ts';

let peers: Libp2pPeers;
beforeEach(() => {
  peers = new Libp2pPeers();
});
afterEach(async () => await peers.close());

describe('what to upgrade', () => {
  const OWN = '/meshd/ab/sync/2';

  test.each([
    ['/meshd/ab/sync/3', 'it speaks protocol 3, this machine 2: upgrade meshd on this machine'],
    ['/meshd/ab/sync/1', 'it speaks protocol 1, this machine 2: upgrade meshd on that one'],
  ])('is said of a peer that speaks %s', (theirs, reason) => {
    expect(otherProtocol(OWN, ['/ipfs/id/1.0.0', theirs])).toBe(reason);
  });

  test('is nothing of a peer that speaks the same one as well, or none of this mesh', () => {
    expect(otherProtocol(OWN, ['/meshd/ab/sync/3', OWN])).toBeNull();
    expect(otherProtocol(OWN, ['/meshd/cd/sync/3', '/ipfs/id/1.0.0'])).toBeNull();
  });
});

test('a peer of another protocol number is refused with a line on both sides', async () => {
  const member = await peers.start();
  const identity = identityOf(generateKeyPairSync('ed25519').privateKey);
  const gate = new Gate(identity.peer, ringOf(peers.secret));
  const newer = await createNode({
    ...{ identity, gate, announce: [], loopbackOnly: true },
    listen: [LOOPBACK],
  });
  const own = Number(/\d+$/.exec(protocolsOf(gate.ring.mesh).sync)?.[0]);
  const sync = protocolsOf(gate.ring.mesh).sync.replace(/\d+$/, `${own + 1}`);
  const said = new Promise((resolve) => watchProtocols(newer, sync, resolve));
  await newer.handle(sync, () => {});
  await newer.start();
  try {
    const connection = await newer.dial(multiaddr(member.network.addresses()[0]));
    const closed = new Promise((resolve) => connection.addEventListener('close', resolve));
    expect(await said).toEqual({
      peer: member.network.self,
      reason: `it speaks protocol ${own}, this machine ${own + 1}: upgrade meshd on that one`,
    });
    await member.told.until(({ logs }) => logs.some(({ event }) => event === 'protocol.other'));
    expect(member.told.logs.find(({ event }) => event === 'protocol.other')?.fields).toEqual({
      peer: newer.peerId.toString(),
      reason: `it speaks protocol ${own + 1}, this machine ${own}: upgrade meshd on this machine`,
    });
    await closed;
    expect(member.told.ups).toEqual([]);
  } finally {
    await newer.stop();
  }
});
