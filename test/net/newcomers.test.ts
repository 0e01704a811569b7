import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { Gate } from '../../src/net/gate.ts';
import { identityOf } from '../../src/net/identity.ts';
import { startLibp2pNetwork } from '../../src/net/libp2p-network.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import { Newcomers, type NewcomersOptions } from '../../src/net/newcomers.ts';
import { ringOf } from '../../src/net/secret-ring.ts';
import { LOOPBACK } from './libp2p-peers.ts';
import { Recorder } from './recorder.ts';

const SELF = '12D3KooWFkPvmCXLLTHPZfGWwcBwDkWFbSMWTCoTmuGNHFe7yxqR';
const OTHER = '12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X';

/** The newcomers of a node that is nothing but its events, and what became of its connections. */
function newcomers(gate: Gate) {
  const node = Object.assign(new EventTarget(), { services: {} });
  const dismissed: string[] = [];
  const opened: string[] = [];
  new Newcomers({
    ...{ node, gate, sync: '/meshd/a/sync/1', handlers: new Recorder() },
    ways: { opened: () => void opened.push(OTHER) },
    dialer: { cameFrom: () => undefined },
    isDirect: () => true,
    dismiss: (peer: string) => void dismissed.push(peer),
    isClosed: () => false,
  } as unknown as NewcomersOptions);
  const detail = {
    ...{ remotePeer: OTHER, direct: true, direction: 'inbound' },
    remoteAddr: '/ip4/10.0.0.9/tcp/9',
  };
  const open = (): boolean => node.dispatchEvent(new CustomEvent('connection:open', { detail }));
  return { open, opened, dismissed };
}

// libp2p asks the gate before it tells of a connection; what is between the two is its own.
test('a connection that was let in before a rotation, and is told of after it, is ended', async () => {
  const sign = (): Uint8Array => new Uint8Array(64);
  const gate = new Gate(SELF, ringOf(createMeshSecret()), { sign });
  gate.proved(OTHER, gate.current.keyId);
  const { open, opened, dismissed } = newcomers(gate);
  open();
  expect([opened, dismissed]).toEqual([[OTHER], []]);
  await gate.rotate([]);
  open();
  expect([opened, dismissed]).toEqual([[OTHER], [OTHER]]);
});

test('a network that is closed does not watch its gate any more', async () => {
  let watchers = 0;
  class CountingGate extends Gate {
    override watch(changed: () => void): () => void {
      watchers += 1;
      const unwatch = super.watch(changed);
      return () => {
        watchers -= 1;
        unwatch();
      };
    }
  }
  const identity = identityOf(generateKeyPairSync('ed25519').privateKey);
  const gate = new CountingGate(identity.peer, ringOf(createMeshSecret()));
  const handlers = new Recorder();
  const network = await startLibp2pNetwork({ identity, gate, handlers, listen: [LOOPBACK] });
  expect(watchers).toBeGreaterThan(0);
  await network.close();
  expect(watchers).toBe(0);
});
