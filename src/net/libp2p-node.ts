import { circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { privateKeyFromRaw } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import type { ConnectionGater, Libp2p } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { webSockets } from '@libp2p/websockets';
import { createLibp2p } from 'libp2p';
import { MeshError } from '../core/mesh-error.ts';
import { isLoopback, parseAddress } from './addresses.ts';
import { Entrance } from './entrance.ts';
import type { Gate } from './gate.ts';
import { gossipService } from './gossip.ts';
import type { Identity } from './identity.ts';
import { localDiscovery } from './local-discovery.ts';
import { meshNoise, noiseFollower } from './mesh-noise.ts';
import { nodeParts } from './node-parts.ts';
import { relayServer } from './relay-server.ts';
import { RELAY_SLOTS } from './relays.ts';
import { steadyYamux } from './steady-muxer.ts';

/** Connections at most; a mesh of 50 needs 49, a bigger one fewer. */
const MAX_CONNECTIONS = 300;

/** The names under which the members of one mesh talk; strangers speak other ones. */
export interface Protocols {
  readonly sync: string;
  readonly gossip: string;
  readonly dht: string;
  readonly ask: string;
}

/** The protocols of a mesh. */
export function protocolsOf(meshId: string): Protocols {
  return {
    sync: `/meshd/${meshId}/sync/4`,
    gossip: `/meshd/${meshId}/gossip/4`,
    dht: `/meshd/${meshId}/kad/4`,
    ask: `/meshd/${meshId}/ask/1`,
  };
}

/** What a node is made of. */
export interface NodeOptions {
  /** Whose key it speaks with. */
  readonly identity: Identity;
  /** The mesh's secrets, and who is kept out. */
  readonly gate: Gate;
  /** TCP and WebSocket multiaddrs; port 0 picks a free one. None: it only dials. */
  readonly listen: readonly string[];
  /** Told to others instead of what it listens on. */
  readonly announce: readonly string[];
  /** Dials nothing but loopback addresses. */
  readonly loopbackOnly: boolean;
  /** Looks for members in the same subnets by multicast. @default false */
  readonly multicast?: boolean;
  /** See Libp2pNetworkOptions. */
  readonly relayBytesPerSecond?: number | null;
}

/**
 * Makes a libp2p node that is not started yet. TCP, WebSockets and relayed connections, all with
 * Noise: it holds the mesh's lock.
 */
export function createNode(options: NodeOptions): Promise<Libp2p> {
  const { gate, relayBytesPerSecond: relayRate = null } = options;
  const protocols = protocolsOf(gate.ring.mesh);
  const entrance = new Entrance();
  return createLibp2p({
    start: false,
    privateKey: privateKeyFromRaw(options.identity.key),
    addresses: {
      // An address of a certain relay would never come back after that relay's restart.
      listen: [...options.listen, ...Array.from({ length: RELAY_SLOTS }, () => '/p2p-circuit')],
      announce: [...options.announce],
    },
    // QUIC, WebRTC and TLS never find a place here: they bring their own handshake and would let
    // strangers in.
    transports: [entrance.guard(tcp()), entrance.guard(webSockets()), relayTransport],
    connectionEncrypters: meshNoise(gate),
    streamMuxers: [steadyYamux()],
    connectionGater: {
      ...gate.gater,
      ...(options.loopbackOnly ? LOOPBACK_GATER : {}),
      denyInboundUpgradedConnection(peer, { remoteAddr }) {
        const [host, port] = remoteAddr.getComponents();
        entrance.admitted(host?.value ?? '', Number(port?.value));
        return !gate.mayStay(peer.toString());
      },
    },
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      // The defaults (5 a second and host, 10 pending) refuse a mesh behind one address.
      inboundConnectionThreshold: 100,
      maxIncomingPendingConnections: 100,
      // The watchdog redials; libp2p's own queue gives up, and cannot be told to forget a peer.
      reconnectRetries: 0,
    },
    // Pings travel on the persistent stream: they tell of that stream, too.
    connectionMonitor: { enabled: false },
    services: {
      // Without its push: members tell one another of new addresses themselves, and the protocols
      // that a peer speaks stay the same.
      identify: identify(),
      ping: ping(),
      parts: nodeParts(),
      secrets: noiseFollower(gate),
      ...(relayRate === 0 ? {} : { relay: relayServer(relayRate, () => performance.now()) }),
      ...(options.multicast === true ? { local: localDiscovery(gate) } : {}),
      dht: kadDHT({
        protocol: protocols.dht,
        clientMode: false,
        // The default drops private addresses, which is what a LAN has.
        peerInfoMapper: passthroughMapper,
        allowQueryWithZeroPeers: true,
        // By then the peers are connected; asking at once would dial each a second time.
        initialQuerySelfInterval: 30_000,
      }),
      pubsub: gossipService(protocols.gossip),
    },
  });
}

/** Starts a node. @throws MeshError MESH_PORT_IN_USE, MESH_USAGE when it cannot listen. */
export async function startNode(node: Libp2p, listen: readonly string[]): Promise<void> {
  try {
    await node.start();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    await Promise.resolve(node.stop()).catch(() => {
      // It never stood; why it did not start is what the caller must know.
    });
    const busy = listen.find((address) => text.includes(address)) ?? listen.join(', ');
    if (text.includes('EADDRINUSE')) {
      throw new MeshError(
        'MESH_PORT_IN_USE',
        `cannot listen on ${busy}: the port is in use; choose another, or 0 for a free one`,
        { cause },
      );
    }
    const reason = /E[A-Z]{4,}[^\n]*/.exec(text)?.[0] ?? text.split('\n')[0];
    throw new MeshError('MESH_USAGE', `cannot listen on ${busy}: ${reason}`, { cause });
  }
}

/**
 * The relay transport without its own search for relays, which would dial strangers to the plan
 * and take the first relay that it meets. relays.ts chooses.
 */
const relayTransport: ReturnType<typeof circuitRelayTransport> = (components) => {
  const transport = circuitRelayTransport()(components);
  Reflect.set(transport, 'discovery', undefined);
  return transport;
};

const LOOPBACK_GATER: ConnectionGater = {
  denyDialMultiaddr(address) {
    const parsed = parseAddress(address.toString());
    return parsed === null || !isLoopback(parsed);
  },
};
