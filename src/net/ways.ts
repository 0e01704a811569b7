import type { Connection, Libp2p } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import {
  type Address,
  distanceOf,
  isLinkLocal,
  isLoopback,
  MAX_ADDRESSES,
  ownHosts,
  parseAddress,
  withPeer,
} from './addresses.ts';
import { partsOf } from './node-parts.ts';
import { decodeReach, Reachability, type ReachFrame } from './reachability.ts';
import { Relays } from './relays.ts';

const LOOK_MS = 5000;

/** What the ways need of their owner. */
export interface WaysOptions {
  readonly node: Libp2p;
  readonly listens: boolean;
  /** It announces other addresses than it listens on. */
  readonly forwarded: boolean;
  readonly loopbackOnly: boolean;
  /** Members whose link is ready, and how. */
  readonly members: () => readonly { readonly peer: PeerId; readonly isDirect: boolean }[];
  /** Where a member may be reached, the best first. */
  readonly addressesOf: (peer: PeerId) => readonly Address[];
  /** Sends the body of a `reach` frame. */
  readonly send: (peer: PeerId, body: Uint8Array) => void;
  /** `addresses` gives others than before. */
  readonly changed: () => void;
  /** This machine is in another network. */
  readonly moved: () => void;
  readonly nowMs: () => number;
  readonly log: (event: string, fields: object) => void;
}

/** The ways that lead to this peer: its own addresses, and those through relays. */
export class Ways {
  readonly #options: WaysOptions;
  readonly #self: PeerId;
  readonly #reachability: Reachability;
  readonly #relays: Relays;
  readonly #told = new Map<PeerId, ReachFrame>();
  /** Members that this peer dialed in another network: others can do so, too. */
  readonly #dialedFar = new Set<PeerId>();
  readonly #timer: NodeJS.Timeout;
  #hosts = ownHosts();
  #last = '';

  constructor(options: WaysOptions) {
    this.#options = options;
    this.#self = options.node.peerId.toString();
    this.#reachability = new Reachability(options.forwarded);
    this.#relays = new Relays({
      self: this.#self,
      listens: options.listens,
      store: () => partsOf(options.node).reservations(),
      reach: () => this.#reachability.reach,
      candidates: () =>
        options.members().flatMap(({ peer, isDirect }) => {
          const told = this.#told.get(peer);
          if (!isDirect || told === undefined) return [];
          return { peer, reach: this.#dialedFar.has(peer) ? ('far' as const) : told.reach };
        }),
      changed: () => this.#look(),
      nowMs: options.nowMs,
      log: options.log,
    });
    this.#timer = setInterval(() => this.#watch(), LOOK_MS);
    this.#timer.unref();
  }

  /** To be called once the node runs. */
  start(): void {
    partsOf(this.#options.node).confirm();
    this.#relays.start();
    this.#last = this.addresses().join();
  }

  /**
   * Where others reach this peer, with /p2p/: its own addresses, those through relays while nobody
   * came from another network, and loopback last: it leads here from this machine only.
   */
  addresses(): string[] {
    const own = this.#options.node
      .getMultiaddrs()
      .map((each) => parseAddress(each.toString()))
      .filter((address) => address !== null)
      .filter((address) => address.relay === null && !isLinkLocal(address));
    const relayed = this.#reachability.reach === 'far' ? [] : this.#relayed();
    const direct = [...own.filter((each) => !isLoopback(each)), ...own.filter(isLoopback)];
    return [
      ...direct.slice(0, MAX_ADDRESSES - relayed.length).map(({ text }) => text),
      ...relayed,
    ].map((text) => withPeer(text, this.#self));
  }

  /** A connection to a member stands. */
  opened(connection: Connection): void {
    const other = parseAddress(connection.remoteAddr.toString());
    if (other === null || !connection.direct) return;
    if (connection.direction === 'outbound') {
      if (distanceOf(other) === 'far') this.#dialedFar.add(connection.remotePeer.toString());
      return;
    }
    if (!this.#reachability.cameFrom(other)) return;
    this.#options.log('reach.changed', { reach: this.#reachability.reach });
    this.#tell();
    this.#look();
  }

  /** The link to a member is ready. */
  connected(peer: PeerId): void {
    this.#options.send(peer, this.#reachability.frame());
    this.#relays.look();
  }

  disconnected(peer: PeerId): void {
    this.#told.delete(peer);
    this.#dialedFar.delete(peer);
  }

  /** Takes a `reach` frame. False when it has not that form. */
  heard(peer: PeerId, body: Uint8Array): boolean {
    const frame = decodeReach(body);
    if (frame === null) return false;
    this.#told.set(peer, frame);
    this.#relays.look();
    return true;
  }

  /** Says whether a member's addresses are those of something that forwards to it. */
  isForwarded(peer: PeerId): boolean {
    return this.#told.get(peer)?.forwarded ?? false;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#relays.close();
  }

  #relayed(): string[] {
    const { addressesOf, loopbackOnly } = this.#options;
    return this.#relays.held().flatMap((relay) => {
      const direct = addressesOf(relay).filter((address) => address.relay === null);
      const outer = direct.filter((address) => !isLoopback(address));
      return twoOf(loopbackOnly || outer.length === 0 ? direct : outer).map(
        ({ text }) => `${withPeer(text, relay)}/p2p-circuit`,
      );
    });
  }

  #watch(): void {
    const hosts = ownHosts();
    if (hosts !== this.#hosts) {
      this.#hosts = hosts;
      this.#reachability.moved();
      this.#dialedFar.clear();
      partsOf(this.#options.node).confirm();
      this.#options.log('network.moved', { hosts });
      this.#tell();
      this.#options.moved();
    }
    this.#look();
  }

  #tell(): void {
    for (const { peer } of this.#options.members()) {
      this.#options.send(peer, this.#reachability.frame());
    }
  }

  #look(): void {
    this.#relays.look();
    const now = this.addresses().join();
    if (now === this.#last) return;
    this.#last = now;
    this.#options.changed();
  }
}

/** The best address, and one of the other kind: who may dial web ports only needs that one. */
function twoOf(addresses: readonly Address[]): Address[] {
  const [best, second] = addresses;
  if (best === undefined) return [];
  const other = addresses.find(({ isPlain }) => isPlain !== best.isPlain) ?? second;
  return other === undefined ? [best] : [best, other];
}
