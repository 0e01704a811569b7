import type { Libp2p } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import type { GossipMessage, StreamMessage } from '../core/message.ts';
import { decodeMessage, encodeMessage } from '../core/message-codec.ts';
import { Acquaintances } from './acquaintances.ts';
import { type Address, isLoopback, MAX_ADDRESSES, parseAddress, withPeer } from './addresses.ts';
import { Dialer } from './dialer.ts';
import { FRAME } from './frame.ts';
import { Gossip, type GossipService } from './gossip.ts';
import type { Identity } from './identity.ts';
import { createNode, protocolsOf, startNode } from './libp2p-node.ts';
import { Links } from './links.ts';
import { deriveMeshKeys, type MeshKeys } from './mesh-secret.ts';
import type { Connection, Network, NetworkHandlers } from './network.ts';
import { type Acquaintance, decodePeers } from './peer-exchange.ts';
import { Rendezvous } from './rendezvous.ts';

/** Up to this many connected peers a broadcast also goes to each over its stream. */
const SURE_PEERS = 12;

/** A member and where it was reached. */
export interface KnownPeer {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
}

/** How to start a network over libp2p. */
export interface Libp2pNetworkOptions {
  readonly identity: Identity;
  /** The mesh secret, 32 bytes. */
  readonly secret: Uint8Array;
  /**
   * TCP multiaddrs to listen on; port 0 picks a free one. When all are loopback addresses, nothing
   * but loopback addresses is ever dialed. None: the peer only dials.
   */
  readonly listen: readonly string[];
  /** Told to others instead of the addresses listened on. @default none */
  readonly announce?: readonly string[];
  readonly handlers: NetworkHandlers;
  /** Members of an earlier run: dialed at once and for ever. @default none */
  readonly known?: readonly KnownPeer[];
}

/**
 * Starts a network over libp2p.
 * @throws MeshError MESH_PORT_IN_USE, MESH_USAGE when an address cannot be listened on.
 */
export async function startLibp2pNetwork(options: Libp2pNetworkOptions): Promise<Network> {
  const keys = deriveMeshKeys(options.secret);
  const listen = options.listen.map(parseAddress);
  const loopbackOnly =
    listen.length > 0 && listen.every((address) => address !== null && isLoopback(address));
  const node = await createNode({
    privateKey: options.identity.privateKey,
    keys,
    listen: options.listen,
    announce: options.announce ?? [],
    loopbackOnly,
  });
  const network = new Libp2pNetwork(node, keys, options.handlers, loopbackOnly);
  await network.start(options.listen);
  for (const { peer, addresses } of options.known ?? []) network.know(peer, addresses);
  return network;
}

class Libp2pNetwork implements Network {
  readonly self: PeerId;
  readonly #node: Libp2p;
  readonly #handlers: NetworkHandlers;
  readonly #links: Links;
  readonly #dialer: Dialer;
  readonly #gossipTopic: string;
  readonly #rendezvous: Rendezvous;
  readonly #acquaintances: Acquaintances;
  #gossip: Gossip | null = null;
  #rejected = 0;
  #closed: Promise<void> | null = null;

  constructor(node: Libp2p, keys: MeshKeys, handlers: NetworkHandlers, loopbackOnly: boolean) {
    const protocols = protocolsOf(keys.meshId);
    const log = (event: string, fields: object): void => handlers.log('debug', event, fields);
    this.self = node.peerId.toString();
    this.#node = node;
    this.#handlers = handlers;
    this.#gossipTopic = protocols.gossip;
    const events = {
      ready: (peer: PeerId) => this.#ready(peer),
      ended: (peer: PeerId, wasReady: boolean, reset: boolean) =>
        this.#ended(peer, wasReady, reset),
      frame: (peer: PeerId, kind: number, body: Uint8Array) => this.#frame(peer, kind, body),
      log,
    };
    this.#links = new Links(node, protocols.sync, events, nowMs);
    this.#dialer = new Dialer({
      node,
      loopbackOnly,
      isReady: (peer) => this.#links.get(peer) !== undefined,
      nowMs,
      refused: (peer) => handlers.refused(peer),
      log,
    });
    this.#rendezvous = new Rendezvous(
      node,
      keys.rendezvous,
      (peer, addresses) => {
        this.#dialer.hear(peer, parseAll(addresses), false);
      },
      log,
    );
    this.#acquaintances = new Acquaintances({
      self: this.self,
      list: () => this.#list(),
      send: (peer, body) => this.#links.send(peer, FRAME.peers, body),
    });
  }

  async start(listen: readonly string[]): Promise<void> {
    await this.#links.register();
    try {
      await startNode(this.#node, listen);
    } catch (error) {
      await this.#links.close();
      throw error;
    }
    const service = this.#node.services['pubsub'] as ReturnType<GossipService>;
    this.#gossip = new Gossip(service, this.#gossipTopic, (from, body) =>
      this.#receive(from, body, 'gossip'),
    );
  }

  addresses(): string[] {
    const own = parseAll(this.#node.getMultiaddrs().map(String));
    // Loopback last: it leads here from this machine only.
    return [...own.filter((address) => !isLoopback(address)), ...own.filter(isLoopback)]
      .slice(0, MAX_ADDRESSES)
      .map((address) => withPeer(address.text, this.self));
  }

  connections(): Connection[] {
    return this.#links.ready().flatMap((link) => {
      const connection = link.connection();
      if (connection === undefined) return [];
      const text = connection.remoteAddr.toString();
      return {
        peer: link.peer,
        address: parseAddress(text)?.text ?? text,
        via: connection.direct ? ('direct' as const) : ('relay' as const),
        rttMs: link.rttMs,
      };
    });
  }

  broadcast(message: GossipMessage): void {
    if (this.#closed !== null) return;
    const body = encodeMessage(message);
    const links = this.#links.ready();
    const isSure = links.length <= SURE_PEERS;
    if (isSure) for (const link of links) link.send(FRAME.message, body);
    // In a small mesh where everybody is connected to everybody all have it now.
    if (isSure && this.#acquaintances.isWhole()) return;
    this.#gossip?.publish(body).catch((error: unknown) => {
      this.#handlers.log('debug', 'gossip.failed', { reason: String(error) });
    });
  }

  send(to: PeerId, message: StreamMessage): boolean {
    if (this.#closed !== null) return false;
    return this.#links.get(to)?.send(FRAME.message, encodeMessage(message)) ?? false;
  }

  know(peer: PeerId, addresses: readonly string[]): void {
    if (this.#closed === null) this.#dialer.hear(peer, parseAll(addresses), true);
  }

  forget(peer: PeerId): void {
    this.#dialer.forget(peer);
  }

  join(addresses: readonly string[], options: { signal: AbortSignal }): Promise<PeerId[]> {
    return this.#dialer.join(addresses, options.signal);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#acquaintances.close();
    await this.#links.close();
    await Promise.all([this.#dialer.close(), this.#rendezvous.close()]);
    this.#gossip?.close();
    await this.#node.stop();
  }

  #ready(peer: PeerId): void {
    if (this.#closed !== null) return;
    this.#dialer.connected(peer);
    this.#handlers.connected(peer);
    if (this.#links.ready().length === 1) this.#rendezvous.start();
    this.#acquaintances.connected(peer);
  }

  #ended(peer: PeerId, wasReady: boolean, reset: boolean): void {
    if (this.#closed !== null || !wasReady) return;
    this.#acquaintances.disconnected(peer);
    this.#handlers.disconnected(peer, reset);
    this.#dialer.disconnected(peer, reset);
  }

  #frame(peer: PeerId, kind: number, body: Uint8Array): void {
    if (this.#closed !== null) return;
    if (kind === FRAME.message) this.#receive(peer, body, 'stream');
    else if (kind === FRAME.peers) this.#heard(peer, body);
    else this.#reject(peer, `unknown frame kind ${kind}`);
  }

  #receive(from: PeerId, body: Uint8Array, limit: 'gossip' | 'stream'): boolean {
    if (this.#closed !== null || from === this.self) return false;
    const decoded = decodeMessage(body, limit);
    if ('rejected' in decoded) {
      this.#reject(from, decoded.rejected);
      return false;
    }
    this.#handlers.message(from, decoded.message);
    return true;
  }

  #reject(peer: PeerId, reason: string): void {
    this.#rejected += 1;
    this.#handlers.log('debug', 'message.rejected', { peer, reason, rejected: this.#rejected });
  }

  #heard(from: PeerId, body: Uint8Array): void {
    const peers = decodePeers(body);
    if (peers === null) {
      this.#reject(from, 'malformed peers');
      return;
    }
    let isNews = false;
    for (const { peer, addresses } of peers) {
      const isNew = this.#dialer.hear(peer, addresses, peer === from);
      isNews ||= isNew && peer === from;
    }
    this.#acquaintances.heard(
      from,
      peers.map(({ peer }) => peer),
    );
    if (isNews) this.#acquaintances.changed();
  }

  /** This peer and those it is connected to, for others to dial. */
  #list(): Acquaintance[] {
    const others = this.#links.ready().map(({ peer }) => ({
      peer,
      addresses: this.#dialer.addressesOf(peer),
    }));
    return [{ peer: this.self, addresses: this.addresses() }, ...others];
  }
}

function nowMs(): number {
  return performance.now();
}

function parseAll(texts: readonly string[]): Address[] {
  return texts.map(parseAddress).filter((address) => address !== null);
}
