import { generateKeyPairSync } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { Gate } from '../../src/net/gate.ts';
import { identityOf } from '../../src/net/identity.ts';
import { startLibp2pNetwork } from '../../src/net/libp2p-network.ts';
import { ringOf } from '../../src/net/secret-ring.ts';
import { Libp2pPeers, portOf } from './libp2p-peers.ts';
import { Recorder } from './recorder.ts';

const peers = new Libp2pPeers();
const { setInterval } = globalThis;
afterEach(async () => {
  globalThis.setInterval = setInterval;
  await peers.close();
});

/** The intervals that are made from now on. */
function intervals(): NodeJS.Timeout[] {
  const made: NodeJS.Timeout[] = [];
  const noting = (...timer: Parameters<typeof setInterval>): NodeJS.Timeout => {
    const interval = setInterval(...timer);
    made.push(interval);
    return interval;
  };
  globalThis.setInterval = Object.assign(noting, setInterval);
  return made;
}

test('a network that cannot listen leaves no interval behind', async () => {
  const taken = portOf(await peers.start());
  const identity = identityOf(generateKeyPairSync('ed25519').privateKey);
  const made = intervals();
  const start = startLibp2pNetwork({
    ...{ identity, gate: new Gate(identity.peer, ringOf(peers.secret)), listen: [taken] },
    ...{ multicast: false, handlers: new Recorder() },
  });
  await expect(start).rejects.toMatchObject({ code: 'MESH_PORT_IN_USE' });
  expect(made.length).toBeGreaterThan(0);
  expect(made.filter((timer) => Reflect.get(timer, '_destroyed') !== true)).toHaveLength(0);
});
