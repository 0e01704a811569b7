import { generateKeyPairSync } from 'node:crypto';
import { Gate } from '../../src/net/gate.ts';
import { type Identity, identityOf } from '../../src/net/identity.ts';
import { type KnownPeer, startLibp2pNetwork } from '../../src/net/libp2p-network.ts';
import { createMeshSecret } from '../../src/net/mesh-secret.ts';
import type { Network } from '../../src/net/network.ts';
import { ringOf, type SecretRing } from '../../src/net/secret-ring.ts';
import { Recorder } from './recorder.ts';

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

/** A running peer of a test and what it was told. */
export interface TestPeer {
  readonly network: Network;
  readonly told: Recorder;
  readonly identity: Identity;
  readonly gate: Gate;
}

/** Peers of one mesh on free ports of 127.0.0.1; `close` ends those that still run. */
export class Libp2pPeers {
  readonly secret: Uint8Array = createMeshSecret();
  readonly #running: Network[] = [];

  async start(
    options: {
      secret?: Uint8Array;
      ring?: SecretRing;
      identity?: Identity;
      /** @default a free port of 127.0.0.1; none: it only dials. */
      listen?: string | readonly string[];
      announce?: readonly string[];
      known?: KnownPeer[];
      relayBytesPerSecond?: number;
    } = {},
  ): Promise<TestPeer> {
    const told = new Recorder();
    const identity = options.identity ?? identityOf(generateKeyPairSync('ed25519').privateKey);
    const ring = options.ring ?? ringOf(options.secret ?? this.secret);
    const gate = new Gate(identity.peer, ring, { sign: identity.sign });
    const network = await startLibp2pNetwork({
      identity,
      gate,
      listen: [options.listen ?? LOOPBACK].flat(),
      announce: options.announce ?? [],
      // Nothing of a test leaves this machine.
      multicast: false,
      handlers: told,
      known: options.known ?? [],
      relayBytesPerSecond: options.relayBytesPerSecond ?? null,
    });
    this.#running.push(network);
    return { network, told, identity, gate };
  }

  async close(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((network) => network.close()));
  }
}

/** A signal that gives up after 20 s. */
export function soon(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(20_000) };
}

/** The address listened on, without /p2p/: to start again at the same port. */
export function portOf(peer: TestPeer): string {
  return (peer.network.addresses()[0] ?? '').split('/p2p/')[0] ?? '';
}
