import type { Connection as LibConnection, Libp2p } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import type { GossipMessage, StreamMessage } from '../core/message.ts';
import { encodeMessage } from '../core/message-codec.ts';
import { Acquaintances } from './acquaintances.ts';
import { isLoopbackOnly, parseAddress } from './addresses.ts';
import { Asks } from './asks.ts';
import { Broadcast } from './broadcast.ts';
import { Dialer } from './dialer.ts';
import { FRAME } from './frame.ts';
import type { Gate } from './gate.ts';
import { Gossip, type GossipService } from './gossip.ts';
import type { Identity } from './identity.ts';
import { Inbox } from './inbox.ts';
import { createNode, protocolsOf, startNode } from './libp2p-node.ts';
import { Links } from './links.ts';
import type { AskHandler, Connection, Network, NetworkHandlers } from './network.ts';
import { Newcomers, parseAll } from './newcomers.ts';
import { partsOf } from './node-parts.ts';
import type { Acquaintance } from './peer-exchange.ts';
import { Rendezvous } from './rendezvous.ts';
import { SecretExchange } from './secret-exchange.ts';
import { Topics } from './topics.ts';
import { Ways } from './ways.ts';

/** A member and where it was reached. */
export interface KnownPeer {
  readonly peer: PeerId;
  readonly addresses: readonly string[];
}

/** How to start a network over libp2p. */
export interface Libp2pNetworkOptions {
  readonly identity: Identity;
  /** The mesh's secrets, and who is kept out; both may change while the network runs. */
  readonly gate: Gate;
  /**
   * TCP and WebSocket multiaddrs to listen on; port 0 picks a free one. When all are loopback
   * addresses, nothing but loopback addresses is ever dialed. None: the peer only dials.
   */
  readonly listen: readonly string[];
  /** Told to others instead of the addresses listened on. @default none */
  readonly announce?: readonly string[];
  readonly handlers: NetworkHandlers;
  /** Looks for members in the same subnets by multicast. @default unless all is loopback */
  readonly multicast?: boolean;
  /**
   * What it relays for others at most, all together, in bytes a second; 0: nothing.
   * @default null: no cap
   */
  readonly relayBytesPerSecond?: number | null;
  /** Members of an earlier run: dialed at once and for ever. @default none */
  readonly known?: readonly KnownPeer[];
}

/**
 * Starts a network over libp2p.
 * @throws MeshError MESH_PORT_IN_USE, MESH_USAGE when an address cannot be listened on.
 */
export async function startLibp2pNetwork(options: Libp2pNetworkOptions): Promise<Network> {
  const { gate, identity } = options;
  const loopbackOnly = isLoopbackOnly(options.listen);
  const node = await createNode({
    identity,
    gate,
    listen: options.listen,
    announce: options.announce ?? [],
    loopbackOnly,
    multicast: options.multicast ?? !loopbackOnly,
    relayBytesPerSecond: options.relayBytesPerSecond ?? null,
  });
  const network = new Libp2pNetwork(node, options, loopbackOnly);
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
  readonly #gate: Gate;
  readonly #secrets: SecretExchange;
  readonly #ways: Ways;
  readonly #broadcast: Broadcast;
  readonly #inbox: Inbox;
  readonly #topics = new Topics();
  readonly #asks: Asks;
  #gossip: Gossip | null = null;
  #closed: Promise<void> | null = null;

  constructor(node: Libp2p, options: Libp2pNetworkOptions, loopbackOnly: boolean) {
    const { gate, handlers } = options;
    const forwarded = (options.announce ?? []).length > 0;
    const protocols = protocolsOf(gate.ring.mesh);
    const log = (event: string, fields: object): void => handlers.log('debug', event, fields);
    this.self = node.peerId.toString();
    this.#node = node;
    this.#gate = gate;
    this.#handlers = handlers;
    this.#gossipTopic = protocols.gossip;
    const events = {
      ready: (peer: PeerId) => this.#ready(peer),
      ended: (peer: PeerId, wasReady: boolean, reset: boolean) =>
        this.#ended(peer, wasReady, reset),
      frame: (peer: PeerId, kind: number, body: Uint8Array) => {
        if (this.#closed === null) this.#inbox.frame(peer, kind, body);
      },
      moved: (peer: PeerId, { direct }: LibConnection) =>
        this.#dialer.connected(peer, direct ? 'direct' : 'relay'),
      retired: (connection: LibConnection) => this.#renewGossip(connection),
      isOwnWay: (connection: LibConnection) => this.#isOwnWay(connection, forwarded),
      log,
    };
    this.#links = new Links(node, protocols.sync, events, nowMs);
    this.#asks = new Asks({
      ...{ node, log, protocol: protocols.ask, topics: this.#topics },
      connectionTo: (peer) => this.#links.get(peer)?.connection(),
    });
    this.#dialer = new Dialer({
      node,
      loopbackOnly,
      wayTo: (peer) => wayOf(this.#links.get(peer)?.connection()),
      nowMs,
      isDenied: (peer) => gate.denied.has(peer),
      refused: (peer) => handlers.refused(peer),
      otherSecret: () => gate.refused('other-secret'),
      log,
    });
    this.#rendezvous = new Rendezvous(
      node,
      () => gate.current.rendezvous,
      (peer, addresses) => {
        if (!gate.denied.has(peer)) this.#dialer.hear(peer, parseAll(addresses), false);
      },
      log,
    );
    this.#acquaintances = new Acquaintances({
      self: this.self,
      list: () => this.#list(),
      send: (peer, body) => this.#links.send(peer, FRAME.peers, body),
    });
    this.#broadcast = new Broadcast({
      links: () => this.#links.ready(),
      members: () => this.#dialer.members,
      isWhole: () => this.#acquaintances.isWhole(),
      gossip: (body, widely) => {
        this.#gossip?.publish(body, widely).catch((error: unknown) => {
          log('gossip.failed', { reason: String(error) });
        });
      },
      nowMs,
    });
    this.#ways = new Ways({
      ...{ node, forwarded, loopbackOnly, nowMs, log },
      listens: options.listen.length > 0,
      members: () =>
        this.#links.ready().map((link) => ({
          peer: link.peer,
          isDirect: wayOf(link.connection()) === 'direct',
        })),
      addressesOf: (peer) => this.#dialer.addressesOf(peer),
      send: (peer, body) => this.#links.send(peer, FRAME.reach, body),
      changed: () => this.#addressesChanged(),
      moved: () => this.#dialer.moved(),
    });
    this.#secrets = new SecretExchange({
      gate,
      connected: () => node.getPeers().map(String),
      send: (peer, body) => this.#links.send(peer, FRAME.secret, body),
      dismiss: (peer) => this.#dismiss(peer),
      log: (level, event, fields) => handlers.log(level, event, fields),
    });
    const parts = {
      ...{ gate, handlers, dialer: this.#dialer, ways: this.#ways },
      ...{ acquaintances: this.#acquaintances, secrets: this.#secrets },
    };
    this.#inbox = new Inbox({ self: this.self, ...parts });
    new Newcomers({
      ...{ node, sync: protocols.sync, ...parts },
      isDirect: (peer) => wayOf(this.#links.get(peer)?.connection()) === 'direct',
      dismiss: (peer) => this.#dismiss(peer),
      isClosed: () => this.#closed !== null,
    });
  }

  async start(listen: readonly string[]): Promise<void> {
    await this.#links.register();
    await this.#asks.register();
    try {
      await startNode(this.#node, listen);
    } catch (error) {
      await this.close();
      throw error;
    }
    const service = this.#node.services['pubsub'] as ReturnType<GossipService>;
    this.#ways.start();
    this.#gossip = new Gossip(
      service,
      this.#gossipTopic,
      (from, body) => this.#closed === null && this.#inbox.message(from, body, 'gossip'),
    );
  }

  addresses(): string[] {
    return this.#ways.addresses();
  }

  listening(): string[] {
    const all = partsOf(this.#node).listening().map(String);
    return parseAll(all).flatMap(({ text, relay }) => (relay === null ? text : []));
  }

  connections(): Connection[] {
    return this.#links.ready().flatMap((link) => {
      const connection = link.connection();
      if (connection === undefined) return [];
      const text = connection.remoteAddr.toString();
      const address = parseAddress(text);
      return {
        peer: link.peer,
        address: address?.text ?? text,
        relay: address?.relay ?? null,
        via: connection.direct ? ('direct' as const) : ('relay' as const),
        rttMs: link.rttMs,
      };
    });
  }

  broadcast(message: GossipMessage): void {
    if (this.#closed !== null) return;
    this.#broadcast.send(message);
  }

  send(to: PeerId, message: StreamMessage): boolean {
    if (this.#closed !== null) return false;
    return this.#links.get(to)?.send(FRAME.message, encodeMessage(message)) ?? false;
  }

  ask(
    peer: PeerId,
    topic: string,
    request: Uint8Array,
    options: { signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    return this.#asks.ask(peer, topic, request, options);
  }

  serve(topic: string, handler: AskHandler): void {
    this.#topics.serve(topic, handler);
  }

  know(peer: PeerId, addresses: readonly string[]): void {
    if (this.#closed !== null || this.#gate.denied.has(peer)) return;
    this.#dialer.hear(peer, parseAll(addresses), true);
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
    this.#asks.close();
    this.#acquaintances.close();
    this.#secrets.close();
    this.#ways.close();
    await this.#links.close();
    await Promise.all([this.#dialer.close(), this.#rendezvous.close()]);
    this.#gossip?.close();
    await this.#node.stop();
  }

  #ready(peer: PeerId): void {
    if (this.#closed !== null) return;
    const way = wayOf(this.#links.get(peer)?.connection());
    this.#dialer.connected(peer, way === 'relay' ? 'relay' : 'direct');
    this.#ways.connected(peer);
    this.#handlers.connected(peer);
    if (this.#links.ready().length === 1) this.#rendezvous.start();
    this.#acquaintances.connected(peer);
    this.#secrets.connected(peer);
  }

  #ended(peer: PeerId, wasReady: boolean, reset: boolean): void {
    if (this.#closed !== null || !wasReady) return;
    this.#acquaintances.disconnected(peer);
    this.#ways.disconnected(peer);
    this.#handlers.disconnected(peer, reset);
    this.#dialer.disconnected(peer, reset);
  }

  /** Ends all connections to a peer that is not let in any more. */
  #dismiss(peer: PeerId): void {
    if (this.#gate.denied.has(peer)) this.#dialer.forget(peer);
    this.#links.dismiss(peer).catch((error: unknown) => {
      this.#handlers.log('debug', 'dismiss.failed', { peer, reason: String(error) });
    });
  }

  #addressesChanged(): void {
    if (this.#closed !== null) return;
    this.#handlers.addresses(this.addresses());
    this.#acquaintances.changed();
  }

  /** Who connects to a forwarder of this peer's comes from the forwarder, as far as one sees. */
  #isOwnWay(connection: LibConnection, forwarded: boolean): boolean {
    const address = parseAddress(connection.remoteAddr.toString());
    if (address === null || !address.isPlain) return false;
    if (connection.direction === 'inbound') return !forwarded;
    return this.#dialer.isOwnWay(connection.remotePeer.toString(), address);
  }

  /** Gossip opens a stream when a peer is identified, and none when only a stream was closed. */
  #renewGossip(connection: LibConnection): void {
    const service = this.#node.services['identify'] as {
      identify(connection: LibConnection): Promise<unknown>;
    };
    service.identify(connection).catch((error: unknown) => {
      this.#handlers.log('debug', 'identify.failed', { reason: String(error) });
    });
  }

  /** This peer and those it is connected to, for others to dial. */
  #list(): Acquaintance[] {
    const others = this.#links.ready().map(({ peer }) => ({
      peer,
      addresses: this.#dialer.addressesOf(peer).map(({ text }) => text),
    }));
    return [{ peer: this.self, addresses: this.addresses() }, ...others];
  }
}

function wayOf(connection: LibConnection | undefined): 'no' | 'relay' | 'direct' {
  if (connection === undefined) return 'no';
  return connection.direct ? 'direct' : 'relay';
}

function nowMs(): number {
  return performance.now();
}
