import { afterEach, beforeEach, expect, test } from 'vitest';
import { Libp2pPeers, type TestPeer } from './libp2p-peers.ts';

let peers: Libp2pPeers;
beforeEach(() => {
  peers = new Libp2pPeers();
});
afterEach(async () => await peers.close());

/** Makes a secret for nobody else as soon as a handshake is done. */
function rotateAfterHandshake({ gate }: TestPeer): void {
  const unwatch = gate.watch(() => {
    unwatch();
    void gate.rotate([]);
  });
}

test.each(['inbound', 'outbound'])(
  'an %s connection that was judged before a rotation is not opened after it',
  async (direction) => {
    const [keeper, other] = await Promise.all([peers.start(), peers.start()]);
    rotateAfterHandshake(keeper);
    const [from, to] = direction === 'inbound' ? [other, keeper] : [keeper, other];
    const signal = AbortSignal.timeout(2000);
    const failed = from.network.join(to.network.addresses().slice(0, 1), { signal });
    await expect(failed).rejects.toThrow();
    expect(keeper.told.ups).toEqual([]);
    expect(keeper.network.connections()).toEqual([]);
  },
);
