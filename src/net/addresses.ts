import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { multiaddr } from '@multiformats/multiaddr';
import type { PeerId } from '../core/ids.ts';

/** Addresses kept and told per peer. */
export const MAX_ADDRESSES = 8;

/** A multiaddr cut to what the network needs of it. */
export interface Address {
  /** Without /p2p/. */
  readonly text: string;
  /** IP or DNS name; null when it has none (a unix socket). */
  readonly host: string | null;
  /** The peer named by /p2p/ at the end, if any. */
  readonly peer: PeerId | null;
}

/** The same addresses are told again and again; reading one takes 20 µs. */
const CACHED = new Map<string, Address | null>();

const MAX_CACHED = 4096;

/** Reads a multiaddr. Null when the text is none, or one of more than 256 characters. */
export function parseAddress(text: string): Address | null {
  if (text.length > 256) return null;
  const cached = CACHED.get(text);
  if (cached !== undefined) return cached;
  if (CACHED.size >= MAX_CACHED) CACHED.clear();
  const address = readAddress(text);
  CACHED.set(text, address);
  return address;
}

function readAddress(text: string): Address | null {
  try {
    const whole = multiaddr(text);
    const components = whole.getComponents();
    const first = components[0];
    const isHost = first !== undefined && /^(ip|dns)/.test(first.name);
    const last = components.at(-1);
    const peer = last?.name === 'p2p' ? (last.value ?? null) : null;
    const bare = peer === null ? whole : whole.decapsulate(`/p2p/${peer}`);
    return { text: bare.toString(), host: isHost ? (first.value ?? null) : null, peer };
  } catch {
    return null;
  }
}

/** Says whether an address never leaves this machine. */
export function isLoopback(address: Address): boolean {
  const host = address.host ?? '';
  return host === '::1' || host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Says whether an address lies in a subnet of this machine and is not this machine itself: a
 * container bridge has the same address on many machines.
 */
export function isNeighbour(address: Address): boolean {
  const host = address.host ?? '';
  const family = isIP(host);
  if (family === 0) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const subnets = new BlockList();
  for (const own of Object.values(networkInterfaces()).flat()) {
    if (own === undefined || own.internal || own.cidr === null) continue;
    if (own.address === host) return false;
    subnets.addSubnet(
      own.address,
      Number(own.cidr.split('/')[1]),
      own.family.toLowerCase() as 'ipv4',
    );
  }
  return subnets.check(host, type);
}

/** The form in which an address is told to others: with the peer that listens there. */
export function withPeer(address: string, peer: PeerId): string {
  return `${address}/p2p/${peer}`;
}
