import type { Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { PeerId } from '../core/ids.ts';
import { type Address, isLoopback, withPeer } from './addresses.ts';
import { Bootstrap } from './bootstrap.ts';
import { dialFault, faultError } from './dial-error.ts';
import { DialPlan, isOwnWay } from './dial-plan.ts';
import { partsOf } from './node-parts.ts';
import { Watchdog } from './watchdog.ts';

/** What the dialer needs of its owner. */
export interface DialerOptions {
  readonly node: Libp2p;
  /** Dials nothing but loopback addresses. */
  readonly loopbackOnly: boolean;
  /** How the link to a peer that can carry frames does so. */
  readonly wayTo: (peer: PeerId) => 'no' | 'relay' | 'direct';
  readonly nowMs: () => number;
  /** Whether a peer was removed from the mesh: it is not dialed, and no way leads through it. */
  readonly isDenied: (peer: PeerId) => boolean;
  readonly refused: (peer: PeerId) => void;
  /** A member answered that has none of this peer's secrets. */
  readonly otherSecret: () => void;
  readonly log: (event: string, fields: object) => void;
}

/** Whom to reach, where, and everything that is dialed for it. */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #plan: DialPlan;
  readonly #watchdog: Watchdog;
  readonly #bootstrap: Bootstrap;
  readonly #waiters = new Map<PeerId, Set<(fault?: Error) => void>>();

  constructor(options: DialerOptions) {
    const { node, loopbackOnly, nowMs, refused, log } = options;
    const isUsable = (address: Address): boolean => !loopbackOnly || isLoopback(address);
    this.#options = options;
    this.#plan = new DialPlan(node.peerId.toString(), isUsable);
    this.#watchdog = new Watchdog({
      plan: this.#plan,
      dial: async (peer, address, signal) => {
        try {
          await this.#dial({ ...address, peer }, signal);
        } catch (error) {
          if (dialFault(error) === 'secret') options.otherSecret();
          throw error;
        }
      },
      nowMs,
      refused,
      log,
    });
    this.#bootstrap = new Bootstrap((address, signal) => this.#dial(address, signal));
  }

  /** Takes up a member, or (known false) a hint of one. True when that told a new address. */
  hear(peer: PeerId, addresses: readonly Address[], known: boolean): boolean {
    if (this.#options.isDenied(peer)) return false;
    const own = addresses.filter((address) => address.peer === null || address.peer === peer);
    const before = this.#plan.get(peer)?.addresses;
    this.#plan.know(peer, own, known, this.#options.nowMs());
    this.#watchdog.wake();
    return this.#plan.get(peer)?.addresses !== before;
  }

  /**
   * Takes what a connected peer says of its own addresses; forwarded: not where it listens, but
   * what forwards to it. True when they are others than before.
   */
  tells(peer: PeerId, addresses: readonly Address[], forwarded: boolean): boolean {
    const own = addresses.filter((address) => address.peer === null || address.peer === peer);
    const before = textOf(this.addressesOf(peer));
    this.#plan.tells(peer, own, forwarded, this.#options.nowMs());
    this.#watchdog.wake();
    return textOf(this.addressesOf(peer)) !== before;
  }

  forget(peer: PeerId): void {
    this.#plan.forget(peer);
  }

  /** How many members and hints of them are known. */
  get members(): number {
    return this.#plan.size;
  }

  /** Where a peer may be reached, as far as known, the best first. */
  addressesOf(peer: PeerId): readonly Address[] {
    return this.#plan.get(peer)?.addresses ?? [];
  }

  /** Records where a direct connection of a peer came from. */
  cameFrom(peer: PeerId, source: Address): void {
    if (source.isPlain && source.host !== null) this.#plan.cameFrom(peer, source.host);
  }

  /** Says whether at this address the peer itself answers, as far as anybody can know. */
  isOwnWay(peer: PeerId, address: Address): boolean {
    const member = this.#plan.get(peer);
    return member !== undefined && isOwnWay(member, address);
  }

  /** This machine is in another network. */
  moved(): void {
    this.#plan.moved(this.#options.nowMs());
    this.#watchdog.wake();
  }

  /** See Network.join. */
  join(addresses: readonly string[], signal: AbortSignal): Promise<PeerId[]> {
    return this.#bootstrap.join(addresses, signal);
  }

  /** The link to a peer is ready, or its way changed. */
  connected(peer: PeerId, way: 'relay' | 'direct'): void {
    this.#plan.connected(peer, way, this.#options.nowMs());
    for (const done of [...(this.#waiters.get(peer) ?? [])]) done();
    this.#watchdog.wake();
  }

  /** A peer answered, but cannot become a member here: dials to it end with this fault. */
  rejected(peer: PeerId, fault: Error): void {
    for (const done of [...(this.#waiters.get(peer) ?? [])]) done(fault);
  }

  /** A link ended; `atOnce`: it broke, and the peer may be back already. */
  disconnected(peer: PeerId, atOnce: boolean): void {
    this.#plan.disconnected(peer, atOnce, this.#options.nowMs());
    this.#watchdog.wake();
  }

  async close(): Promise<void> {
    this.#bootstrap.close();
    await this.#watchdog.close();
  }

  /** Dials, and waits until the link to whoever answers is ready. */
  async #dial(address: Address, signal: AbortSignal): Promise<PeerId> {
    const { node, loopbackOnly, wayTo, isDenied } = this.#options;
    if (address.peer === node.peerId.toString()) throw faultError('self', 'tried to dial self');
    for (const peer of [address.peer, address.relay]) {
      if (peer === null || !isDenied(peer)) continue;
      throw faultError('denied', `tried to dial the removed peer ${peer}`);
    }
    if (address.peer !== null && isEnough(wayTo(address.peer), address)) return address.peer;
    if (loopbackOnly && !isLoopback(address)) {
      throw new Error('this peer listens on loopback only and dials nothing else');
    }
    const text = address.peer === null ? address.text : withPeer(address.text, address.peer);
    const connection = await partsOf(node).dial(multiaddr(text), signal);
    const peer = connection.remotePeer.toString();
    await this.#whenReady(peer, signal);
    if (connection.status === 'open') this.#plan.reached(peer, { ...address, peer });
    return peer;
  }

  #whenReady(peer: PeerId, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(peer) ?? new Set();
      const done = (fault?: Error): void => {
        signal.removeEventListener('abort', aborted);
        waiters.delete(done);
        if (waiters.size === 0) this.#waiters.delete(peer);
        if (fault === undefined) resolve();
        else reject(fault);
      };
      const aborted = (): void => done(signal.reason as Error);
      if (this.#options.wayTo(peer) !== 'no') return resolve();
      if (signal.aborted) return reject(signal.reason);
      this.#waiters.set(peer, waiters.add(done));
      signal.addEventListener('abort', aborted);
    });
  }
}

/** Says whether a dial of this address would bring nothing better than what stands. */
function isEnough(way: 'no' | 'relay' | 'direct', address: Address): boolean {
  return way === 'direct' || (way === 'relay' && address.relay !== null);
}

function textOf(addresses: readonly Address[]): string {
  return addresses.map(({ text }) => text).join();
}
