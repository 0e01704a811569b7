import type { Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { PeerId } from '../core/ids.ts';
import { type Address, isLoopback, parseAddress, withPeer } from './addresses.ts';
import { Bootstrap } from './bootstrap.ts';
import { DialPlan } from './dial-plan.ts';
import { Watchdog } from './watchdog.ts';

/** What the dialer needs of its owner. */
export interface DialerOptions {
  readonly node: Libp2p;
  /** Dials nothing but loopback addresses. */
  readonly loopbackOnly: boolean;
  /** Whether the link to a peer can carry frames. */
  readonly isReady: (peer: PeerId) => boolean;
  readonly nowMs: () => number;
  readonly refused: (peer: PeerId) => void;
  readonly log: (event: string, fields: object) => void;
}

/** Whom to reach, where, and everything that is dialed for it. */
export class Dialer {
  readonly #options: DialerOptions;
  readonly #plan: DialPlan;
  readonly #watchdog: Watchdog;
  readonly #bootstrap: Bootstrap;
  readonly #waiters = new Map<PeerId, Set<() => void>>();

  constructor(options: DialerOptions) {
    const { node, loopbackOnly, nowMs, refused, log } = options;
    const isUsable = (address: Address): boolean => !loopbackOnly || isLoopback(address);
    this.#options = options;
    this.#plan = new DialPlan(node.peerId.toString(), isUsable);
    this.#watchdog = new Watchdog({
      plan: this.#plan,
      dial: async (peer, address, signal) => {
        await this.#dial({ ...address, peer }, signal);
      },
      nowMs,
      refused,
      log,
    });
    this.#bootstrap = new Bootstrap((address, signal) => this.#dial(address, signal));
  }

  /** Takes up a member, or (known false) a hint of one. True when that told a new address. */
  hear(peer: PeerId, addresses: readonly Address[], known: boolean): boolean {
    const own = addresses.filter((address) => address.peer === null || address.peer === peer);
    const before = this.#plan.get(peer)?.addresses;
    this.#plan.know(peer, own, known, this.#options.nowMs());
    this.#watchdog.wake();
    return this.#plan.get(peer)?.addresses !== before;
  }

  forget(peer: PeerId): void {
    this.#plan.forget(peer);
  }

  /** Where a peer may be reached, as far as known. */
  addressesOf(peer: PeerId): string[] {
    return (this.#plan.get(peer)?.addresses ?? []).map(({ text }) => text);
  }

  /** See Network.join. */
  join(addresses: readonly string[], signal: AbortSignal): Promise<PeerId[]> {
    return this.#bootstrap.join(addresses, signal);
  }

  /** The link to a peer is ready. */
  connected(peer: PeerId): void {
    this.#plan.connected(peer, this.#options.nowMs());
    for (const done of [...(this.#waiters.get(peer) ?? [])]) done();
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
    const text = address.peer === null ? address.text : withPeer(address.text, address.peer);
    const connection = await this.#options.node.dial(multiaddr(text), { signal });
    const peer = connection.remotePeer.toString();
    await this.#whenReady(peer, signal);
    const isThere = parseAddress(connection.remoteAddr.toString())?.text === address.text;
    if (isThere && connection.direction === 'outbound') {
      this.#plan.reached(peer, { ...address, peer });
    }
    return peer;
  }

  #whenReady(peer: PeerId, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(peer) ?? new Set();
      const done = (): void => {
        signal.removeEventListener('abort', aborted);
        waiters.delete(done);
        if (waiters.size === 0) this.#waiters.delete(peer);
        resolve();
      };
      const aborted = (): void => {
        reject(signal.reason);
        done();
      };
      if (this.#options.isReady(peer)) return resolve();
      if (signal.aborted) return reject(signal.reason);
      this.#waiters.set(peer, waiters.add(done));
      signal.addEventListener('abort', aborted);
    });
  }
}
