import type { PeerId } from '../core/ids.ts';
import { type Address, isLoopback, isNeighbour, MAX_ADDRESSES } from './addresses.ts';

/** Waiting times before the redials of a lost member; the last one repeats. */
const REDIAL_MS = [0, 300, 1000, 2000, 4000, 8000, 10_000];

/** Up to this many members everybody is connected to everybody. */
export const FULL_MESH_MEMBERS = 50;

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
  /** Addresses (text) where this peer answered before. */
  readonly reached: Set<string>;
  /** False while it is only a hint. */
  known: boolean;
  connected: boolean;
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
        known,
        connected: false,
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

  forget(peer: PeerId): void {
    const member = this.#members.get(peer);
    if (member === undefined) return;
    if (member.connected) member.known = false;
    else this.#members.delete(peer);
  }

  connected(peer: PeerId, nowMs: number): void {
    this.know(peer, [], true, nowMs);
    const member = this.#members.get(peer);
    if (member === undefined || member.connected) return;
    member.connected = true;
    member.dials = 0;
    this.#connected += 1;
  }

  /** `atOnce` when it broke; a peer that closed on purpose is left alone for a second. */
  disconnected(peer: PeerId, atOnce: boolean, nowMs: number): void {
    const member = this.#members.get(peer);
    if (member === undefined || !member.connected) return;
    member.connected = false;
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
    if (member === undefined || member.connected) return;
    member.dials += 1;
    member.dueMs = nowMs + (REDIAL_MS[Math.min(member.dials, REDIAL_MS.length - 1)] ?? 0);
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
    return [...this.#members.values()].filter(
      (member) => !member.connected && !member.dialing && member.addresses.length > 0,
    );
  }
}

/**
 * Says whether an address is surely this peer's, so that a refusal there is evidence about it: it
 * answered there before, it tells of nothing but loopback, or the address is in a subnet of ours.
 */
export function isSurely(member: Member, address: Address): boolean {
  if (member.reached.has(address.text)) return true;
  if (isLoopback(address)) return member.addresses.every(isLoopback);
  return isNeighbour(address);
}

/** Without duplicates; reached ones first, loopback last: it is right on one machine only. */
function ranked(addresses: readonly Address[], reached: ReadonlySet<string>): Address[] {
  const rank = (address: Address): number =>
    reached.has(address.text) ? 0 : isLoopback(address) ? 2 : 1;
  const unique = new Map<string, Address>();
  for (const address of addresses) {
    if (!unique.has(address.text)) unique.set(address.text, address);
  }
  return [...unique.values()].sort((a, b) => rank(a) - rank(b)).slice(0, MAX_ADDRESSES);
}
