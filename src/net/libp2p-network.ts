import type { Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { PeerId } from '../core/ids.ts';
import type { GossipMessage, StreamMessage } from '../core/message.ts';
import { decodeMessage, encodeMessage } from '../core/message-codec.ts';
import { Acquaintances } from './acquaintances.ts';
import { type Address, isLoopback, MAX_ADDRESSES, parseAddress, withPeer } from './addresses.ts';
import { Bootstrap } from './bootstrap.ts';
import { DialPlan } from './dial-plan.ts';
import { FRAME } from './frame.ts';
import { Gossip, type GossipService } from './gossip.ts';
import type { Identity } from './identity.ts';
import { createNode, protocolsOf, startNode } from './libp2p-node.ts';
import { Links } from './links.ts';
import { deriveMeshKeys, type MeshKeys } from './mesh-secret.ts';
import type { Connection, Network, NetworkHandlers } from './network.ts';
import { type Acquaintance, decodePeers } from './peer-exchange.ts';
import { Rendezvous } from './rendezvous.ts';
import { Watchdog } from './watchdog.ts';

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
  readonly #plan: DialPlan;
  readonly #watchdog: Watchdog;
  readonly #gossipTopic: string;
  readonly #rendezvous: Rendezvous;
  readonly #bootstrap: Bootstrap;
  readonly #acquaintances: Acquaintances;
  readonly #waiters = new Map<PeerId, Set<() => void>>();
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
    this.#plan = new DialPlan(this.self, (address) => !loopbackOnly || isLoopback(address));
    const events = {
      ready: (peer: PeerId) => this.#ready(peer),
      ended: (peer: PeerId, wasReady: boolean, reset: boolean) =>
        this.#ended(peer, wasReady, reset),
      frame: (peer: PeerId, kind: number, body: Uint8Array) => this.#frame(peer, kind, body),
      log,
    };
    this.#links = new Links(node, protocols.sync, events, nowMs);
    this.#watchdog = new Watchdog({
      plan: this.#plan,
      dial: async (peer, address, signal) => {
        await this.#dial({ ...address, peer }, signal);
      },
      nowMs,
      refused: (peer) => handlers.refused(peer),
      log,
    });
    this.#bootstrap = new Bootstrap((address, signal) => this.#dial(address, signal));
    this.#rendezvous = new Rendezvous(
      node,
      keys.rendezvous,
      (peer, addresses) => this.#hear(peer, parseAll(addresses), false),
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
    this.#hear(peer, parseAll(addresses), true);
  }

  forget(peer: PeerId): void {
    this.#plan.forget(peer);
  }

  join(addresses: readonly string[], options: { signal: AbortSignal }): Promise<PeerId[]> {
    return this.#bootstrap.join(addresses, options.signal);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#bootstrap.close();
    this.#acquaintances.close();
    await this.#links.close();
    await Promise.all([this.#watchdog.close(), this.#rendezvous.close()]);
    this.#gossip?.close();
    await this.#node.stop();
  }

  #hear(peer: PeerId, addresses: readonly Address[], known: boolean): void {
    if (this.#closed !== null) return;
    const own = addresses.filter((address) => address.peer === null || address.peer === peer);
    this.#plan.know(peer, own, known, nowMs());
    this.#watchdog.wake();
  }

  /** Dials, and waits until the link to whoever answers is ready. */
  async #dial(address: Address, signal: AbortSignal): Promise<PeerId> {
    const text = address.peer === null ? address.text : withPeer(address.text, address.peer);
    const connection = await this.#node.dial(multiaddr(text), { signal });
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
        done();
        reject(signal.reason);
      };
      if (this.#links.get(peer) !== undefined) return resolve();
      if (signal.aborted) return reject(signal.reason);
      this.#waiters.set(peer, waiters.add(done));
      signal.addEventListener('abort', aborted);
    });
  }

  #ready(peer: PeerId): void {
    if (this.#closed !== null) return;
    this.#plan.connected(peer, nowMs());
    this.#handlers.connected(peer);
    if (this.#links.ready().length === 1) this.#rendezvous.start();
    this.#acquaintances.connected(peer);
    for (const done of [...(this.#waiters.get(peer) ?? [])]) done();
  }

  #ended(peer: PeerId, wasReady: boolean, reset: boolean): void {
    if (this.#closed !== null || !wasReady) return;
    this.#acquaintances.disconnected(peer);
    this.#plan.disconnected(peer, reset, nowMs());
    this.#handlers.disconnected(peer, reset);
    this.#watchdog.wake();
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
    const before = this.#plan.get(from)?.addresses.length ?? 0;
    for (const { peer, addresses } of peers) {
      if (peer !== this.self) this.#plan.know(peer, addresses, peer === from, nowMs());
    }
    const after = this.#plan.get(from)?.addresses.length ?? 0;
    this.#acquaintances.heard(
      from,
      peers.map(({ peer }) => peer),
    );
    if (before !== after) this.#acquaintances.changed();
    this.#watchdog.wake();
  }

  /** This peer and those it is connected to, for others to dial. */
  #list(): Acquaintance[] {
    const others = this.#links.ready().map(({ peer }) => ({
      peer,
      addresses: (this.#plan.get(peer)?.addresses ?? []).map(({ text }) => text),
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
