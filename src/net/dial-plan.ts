import type { PeerId } from '../core/ids.ts';
import { type Address, distanceOf, isLoopback, MAX_ADDRESSES, ownHosts } from './addresses.ts';
import { FULL_MESH_MEMBERS } from './broadcast.ts';

/** Waiting times before the redials of a lost member; the last one repeats. */
const REDIAL_MS = [0, 300, 1000, 2000, 4000, 8000, 10_000];

/** The same for the direct way to a member that is connected through a relay. */
const DIRECT_MS = [1000, 5000, 30_000, 120_000, 300_000];

/** Of the addresses kept, those that may lead through relays. */
const RELAYED_ADDRESSES = 4;

/** Connections kept in a bigger mesh. */
export const MIN_CONNECTIONS = 16;

/** Members and hints remembered at most; further ones are not taken up. */
const MAX_MEMBERS = 4096;

/**
 * Two peers that are told of each other hear it at about the same time. The one with the higher id
 * waits, so that they do not dial each other at once: this long, and so much longer per member.
 */
const SECOND_DIALER_MS = 1000;
const SECOND_DIALER_PER_MEMBER_MS = 100;

/** Dials to a peer that somebody merely mentioned, before it is dropped: five minutes or so. */
const HINT_DIALS = 30;

/** A peer that the plan keeps connected. */
export interface Member {
  readonly peer: PeerId;
  /** Where it may be reached, the best first; at most MAX_ADDRESSES. */
  addresses: Address[];
  /** Addresses (text) where this peer answered before, on the network that this machine is in. */
  readonly reached: Set<string>;
  /** Hosts from which it connected. */
  readonly hosts: Set<string>;
  /** Addresses (text) that it says itself that it listens on; null until it said. */
  own: ReadonlySet<string> | null;
  /** False while it is only a hint. */
  known: boolean;
  /** relay: it is connected, and the direct way is still tried. */
  connected: 'no' | 'relay' | 'direct';
  dialing: boolean;
  /** Dials since the last connection ended. */
  dials: number;
  /** When to dial next, on the caller's clock in ms. */
  dueMs: number;
}

/** Which members to dial, and when. It keeps no clock: time is what the caller says. */
export class DialPlan {
  readonly #members = new Map<PeerId, Member>();
  readonly #self: PeerId;
  readonly #usable: (address: Address) => boolean;
  #connected = 0;

  constructor(self: PeerId, usable: (address: Address) => boolean) {
    this.#self = self;
    this.#usable = usable;
  }

  get(peer: PeerId): Member | undefined {
    return this.#members.get(peer);
  }

  /** Members and hints that are known. */
  get size(): number {
    return this.#members.size;
  }

  /**
   * Takes up a member (or, with known false, a hint of one) and further addresses of it. A member
   * is due at once, a hint of a peer with a lower id a little later.
   */
  know(peer: PeerId, addresses: readonly Address[], known: boolean, nowMs: number): void {
    if (peer === this.#self) return;
    let member = this.#members.get(peer);
    if (member === undefined) {
      if (this.#members.size >= MAX_MEMBERS) return;
      const waitMs = SECOND_DIALER_MS + SECOND_DIALER_PER_MEMBER_MS * this.#members.size;
      const dueMs = nowMs + (known || this.#self < peer ? 0 : waitMs);
      member = {
        peer,
        addresses: [],
        reached: new Set(),
        hosts: new Set(),
        own: null,
        known,
        connected: 'no',
        dialing: false,
        dials: 0,
        dueMs,
      };
      this.#members.set(peer, member);
    }
    member.known ||= known;
    const told = addresses.filter((address) => this.#usable(address));
    const news = told.some(({ text }) => member.addresses.every((old) => old.text !== text));
    if (!news) return;
    // A new address is worth a dial at once, whatever the old ones were like.
    if (member.addresses.length > 0) member.dueMs = Math.min(member.dueMs, nowMs);
    member.addresses = ranked([...told, ...member.addresses], member.reached);
  }

  /**
   * Takes what a connected peer says of itself: where it may be reached now, which replaces what
   * was heard before; forwarded: not where it listens, but what forwards to it.
   */
  tells(peer: PeerId, addresses: readonly Address[], forwarded: boolean, nowMs: number): void {
    this.know(peer, addresses, true, nowMs);
    const member = this.#members.get(peer);
    if (member === undefined) return;
    const told = addresses.filter((address) => this.#usable(address));
    const proven = member.addresses.filter(
      ({ text, relay }) => relay === null && member.reached.has(text),
    );
    member.addresses = ranked([...told, ...proven], member.reached);
    member.own = new Set(forwarded ? [] : addresses.map(({ text }) => text));
  }

  forget(peer: PeerId): void {
    const member = this.#members.get(peer);
    if (member === undefined) return;
    if (member.connected !== 'no') member.known = false;
    else this.#members.delete(peer);
  }

  /** To be called when a connection stands, and when its way changed. */
  connected(peer: PeerId, way: 'relay' | 'direct', nowMs: number): void {
    this.know(peer, [], true, nowMs);
    const member = this.#members.get(peer);
    if (member === undefined || member.connected === way) return;
    if (member.connected === 'no') this.#connected += 1;
    member.connected = way;
    member.dials = 0;
    if (way === 'relay') member.dueMs = nowMs + (DIRECT_MS[0] ?? 0);
  }

  /** Records the host that a direct connection came from. */
  cameFrom(peer: PeerId, host: string): void {
    const hosts = this.#members.get(peer)?.hosts;
    if (hosts !== undefined && hosts.size < MAX_ADDRESSES) hosts.add(host);
  }

  /** This machine is in another network: what was learned of addresses is void, all are due. */
  moved(nowMs: number): void {
    for (const member of this.#members.values()) {
      member.reached.clear();
      member.hosts.clear();
      member.dials = 0;
      member.dueMs = Math.min(member.dueMs, nowMs);
    }
  }

  /** `atOnce` when it broke; a peer that closed on purpose is left alone for a second. */
  disconnected(peer: PeerId, atOnce: boolean, nowMs: number): void {
    const member = this.#members.get(peer);
    if (member === undefined || member.connected === 'no') return;
    member.connected = 'no';
    this.#connected -= 1;
    member.dials = atOnce ? 0 : 2;
    member.dueMs = nowMs + (REDIAL_MS[member.dials] ?? 0);
    if (!member.known) this.#members.delete(peer);
  }

  /** Records a connection made by dialing this address. */
  reached(peer: PeerId, address: Address): void {
    const member = this.#members.get(peer);
    if (member === undefined || !this.#usable(address)) return;
    member.reached.add(address.text);
    member.addresses = ranked([address, ...member.addresses], member.reached);
  }

  failed(peer: PeerId, nowMs: number): void {
    const member = this.#members.get(peer);
    if (member === undefined || member.connected === 'direct') return;
    member.dials += 1;
    const waits = member.connected === 'relay' ? DIRECT_MS : REDIAL_MS;
    member.dueMs = nowMs + (waits[Math.min(member.dials, waits.length - 1)] ?? 0);
    if (!member.known && member.dials >= HINT_DIALS) this.#members.delete(peer);
  }

  /** Members to dial now: those with the fewest dials in vain first, then the longest due. */
  due(nowMs: number): Member[] {
    return this.#waiting()
      .filter((member) => member.dueMs <= nowMs)
      .sort((a, b) => a.dials - b.dials || a.dueMs - b.dueMs);
  }

  /** When `due` will next have something; null when nothing waits. */
  nextDueMs(): number | null {
    const times = this.#waiting().map((member) => member.dueMs);
    return times.length === 0 ? null : Math.min(...times);
  }

  #waiting(): Member[] {
    if (this.#members.size > FULL_MESH_MEMBERS && this.#connected >= MIN_CONNECTIONS) return [];
    return [...this.#members.values()].filter((member) => !member.dialing && isToBeDialed(member));
  }
}

function isToBeDialed({ connected, addresses }: Member): boolean {
  if (connected === 'direct') return false;
  return addresses.some(({ relay }) => connected === 'no' || relay === null);
}

/**
 * Where to dial a member now, the best first; of one behind a relay only the direct addresses.
 * Loopback addresses only of a member that may run on this machine.
 */
export function addressesToDial(member: Member): readonly Address[] {
  const { addresses, connected, reached } = member;
  if (connected === 'direct') return [];
  const direct = addresses.filter(({ relay }) => relay === null);
  const outer = direct.filter((address) => !isLoopback(address));
  const isHere =
    outer.length === 0 ||
    outer.length === direct.length ||
    ownHosts() === '' ||
    outer.some((address) => distanceOf(address) === 'here');
  return (connected === 'no' ? addresses : direct).filter(
    (each) => isHere || each.relay !== null || !isLoopback(each) || reached.has(each.text),
  );
}

/**
 * Says whether an address is surely this peer's with nothing between, so that a refusal there is
 * evidence about it: it answered there before and listens there by its own words, it is a member
 * that tells of nothing but loopback, or it came from that host in a subnet of ours. A private
 * address alone proves nothing: the subnet behind another NAT has the same numbers.
 */
export function isSurely(member: Member, address: Address): boolean {
  if (!isOwnWay(member, address)) return false;
  if (member.reached.has(address.text)) return true;
  if (isLoopback(address)) return member.known && member.addresses.every(isLoopback);
  return member.hosts.has(address.host ?? '') && distanceOf(address) === 'near';
}

/** Says whether whoever answers at an address is the peer itself, as far as anybody can know. */
export function isOwnWay(member: Member, address: Address): boolean {
  return address.isPlain && (member.own === null || member.own.has(address.text));
}

/**
 * Without duplicates; direct before relayed ones, of each reached ones first and loopback last: it
 * is right on one machine only.
 */
function ranked(addresses: readonly Address[], reached: ReadonlySet<string>): Address[] {
  const rank = (address: Address): number =>
    reached.has(address.text) ? 0 : isLoopback(address) ? 2 : 1;
  const unique = new Map<string, Address>();
  for (const address of addresses) {
    if (!unique.has(address.text)) unique.set(address.text, address);
  }
  const sorted = [...unique.values()].sort((a, b) => rank(a) - rank(b));
  const relayed = sorted.filter(({ relay }) => relay !== null).slice(0, RELAYED_ADDRESSES);
  const direct = sorted.filter(({ relay }) => relay === null);
  return [...direct.slice(0, MAX_ADDRESSES - relayed.length), ...relayed];
}
