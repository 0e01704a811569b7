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
  /** The relay that it leads through; null when it leads to the peer itself. */
  readonly relay: PeerId | null;
  /**
   * An IP address and a TCP port. A host name, a WebSocket and a relay have something between that
   * can end in the peer's place: what fails there is no evidence about the peer.
   */
  readonly isPlain: boolean;
}

/** The same addresses are told again and again; reading one takes 20 µs. */
const CACHED = new Map<string, Address | null>();

const MAX_CACHED = 4096;

/**
 * Reads a multiaddr. Null when the text is none, has more than 256 characters, or leads through a
 * relay that it does not name or through two.
 */
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
    const [first] = components;
    const isHost = first !== undefined && /^(ip|dns)/.test(first.name);
    const last = components.at(-1);
    const peer = last?.name === 'p2p' ? (last.value ?? null) : null;
    const bare = peer === null ? whole : whole.decapsulate(`/p2p/${peer}`);
    const names = bare.getComponents().map(({ name }) => name);
    const circuit = names.indexOf('p2p-circuit');
    const relay = circuit < 1 ? null : bare.getComponents()[circuit - 1];
    if (circuit >= 0 && (relay?.name !== 'p2p' || circuit !== names.length - 1)) return null;
    return {
      text: bare.toString(),
      host: isHost ? (first.value ?? null) : null,
      peer,
      relay: relay?.value ?? null,
      isPlain: /^ip[46],tcp$/.test(names.join()),
    };
  } catch {
    return null;
  }
}

/** Says whether an address never leaves this machine. */
export function isLoopback(address: Address): boolean {
  const host = address.host ?? '';
  return host === '::1' || host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Says whether a peer that listens there has nothing to do with other machines. */
export function isLoopbackOnly(listen: readonly string[]): boolean {
  const addresses = listen.map(parseAddress);
  return listen.length > 0 && addresses.every((each) => each !== null && isLoopback(each));
}

/** Where an address leads, judged by the subnets that this machine has now. */
export type Distance = 'here' | 'near' | 'far';

/** here: this machine. near: a subnet of this machine. far: anything else, host names too. */
export function distanceOf(address: Address): Distance {
  const host = address.host ?? '';
  if (isLoopback(address)) return 'here';
  if (isIP(host) === 0) return 'far';
  const subnets = new BlockList();
  for (const own of Object.values(networkInterfaces()).flat()) {
    if (own === undefined || own.internal || own.cidr === null) continue;
    if (own.address === host) return 'here';
    subnets.addSubnet(
      own.address,
      Number(own.cidr.split('/')[1]),
      own.family.toLowerCase() as 'ipv4',
    );
  }
  return subnets.check(host, isIP(host) === 4 ? 'ipv4' : 'ipv6') ? 'near' : 'far';
}

/** The addresses that this machine has now, as one text to compare. */
export function ownHosts(): string {
  const own = Object.values(networkInterfaces()).flat();
  return own.flatMap((each) => (each === undefined || each.internal ? [] : each.address)).join();
}

/** Says whether an address is of use on one wire only and needs its name there (fe80::…). */
export function isLinkLocal(address: Address): boolean {
  return /^fe[89ab].:/i.test(address.host ?? '') || /^169\.254\./.test(address.host ?? '');
}

/** The form in which an address is told to others: with the peer that listens there. */
export function withPeer(address: string, peer: PeerId): string {
  return `${address}/p2p/${peer}`;
}
