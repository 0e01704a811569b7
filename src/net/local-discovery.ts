import { createHmac } from 'node:crypto';
import type { PeerInfo } from '@libp2p/interface';
import { mdns } from '@libp2p/mdns';

/** How often members in the same subnets are asked for. */
const ASK_MS = 10_000;

/** The libp2p service that finds members in the same subnets. */
export type LocalDiscovery = EventTarget;

/** What multicast DNS tells of a peer that answered. */
export type Found = CustomEvent<PeerInfo>;

/**
 * Multicast DNS under a name that only members can know: two meshes in one subnet do not answer
 * one another, and strangers see addresses, but not of which mesh.
 */
export function localDiscovery(rendezvous: Uint8Array): ReturnType<typeof mdns> {
  return mdns({ serviceTag: serviceName(rendezvous), interval: ASK_MS });
}

/** The service's name in multicast DNS. */
export function serviceName(rendezvous: Uint8Array): string {
  const digest = createHmac('sha256', rendezvous).update('meshd 1 local discovery').digest('hex');
  return `_${digest.slice(0, 15)}._udp.local`;
}
