import type { Connection, Libp2p } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import { closeOrAbort } from './close-or-abort.ts';
import type { FrameKind } from './frame.ts';
import { PeerLink } from './peer-link.ts';

/** How often links are watched. Two calls are the time between pings at most. */
const WATCH_MS = 5000;

/** How long an old connection may take to prove that it lives when a second one comes. */
const PROBE_MS = 10_000;

/** What the links tell their owner, each with the peer. */
export interface LinksEvents {
  ready(peer: PeerId): void;
  ended(peer: PeerId, wasReady: boolean, reset: boolean): void;
  frame(peer: PeerId, kind: number, body: Uint8Array): void;
  /** What is sent to a ready peer goes over another connection now. */
  moved(peer: PeerId, connection: Connection): void;
  /** A relayed connection was closed in favour of this direct one. */
  retired(connection: Connection): void;
  isOwnWay(connection: Connection): boolean;
  log(event: string, fields: object): void;
}

/** The links to all connected peers of one node. */
export class Links {
  readonly #node: Libp2p;
  readonly #protocol: string;
  readonly #events: LinksEvents;
  readonly #nowMs: () => number;
  readonly #links = new Map<PeerId, PeerLink>();
  /** Connections of links that ended: late streams on them are nobody's. */
  readonly #retired = new WeakSet<Connection>();
  readonly #watch: NodeJS.Timeout;
  #isClosed = false;

  constructor(node: Libp2p, protocol: string, events: LinksEvents, nowMs: () => number) {
    this.#node = node;
    this.#protocol = protocol;
    this.#events = events;
    this.#nowMs = nowMs;
    node.addEventListener('connection:open', ({ detail }) => this.#opened(detail));
    this.#watch = setInterval(() => {
      for (const link of this.#links.values()) link.watch();
    }, WATCH_MS);
    this.#watch.unref();
  }

  /** Makes the node accept streams; to be called before it starts. */
  async register(): Promise<void> {
    await this.#node.handle(
      this.#protocol,
      (stream, connection) => {
        const link = this.#linkOf(connection);
        if (link === undefined) stream.abort(new Error('closing'));
        else link.receive(stream, connection);
      },
      { maxInboundStreams: 4, maxOutboundStreams: 4, runOnLimitedConnection: true },
    );
  }

  /** The link to a peer, when it can carry frames. */
  get(peer: PeerId): PeerLink | undefined {
    const link = this.#links.get(peer);
    return link?.isReady === true ? link : undefined;
  }

  ready(): PeerLink[] {
    return [...this.#links.values()].filter((link) => link.isReady);
  }

  send(peer: PeerId, kind: FrameKind, body: Uint8Array): boolean {
    return this.get(peer)?.send(kind, body) ?? false;
  }

  /** Ends the link to one peer: sends all that waits and a farewell, then closes. */
  async dismiss(peer: PeerId): Promise<void> {
    const link = this.#links.get(peer);
    if (link === undefined) return;
    this.#links.delete(peer);
    const connections = [...link.connections()];
    for (const connection of connections) this.#retired.add(connection);
    if (link.isReady) this.#events.ended(peer, true, false);
    await link.close();
    for (const connection of connections) {
      await closeOrAbort(connection);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#watch);
    await Promise.all([...this.#links.values()].map((link) => link.close()));
    this.#links.clear();
  }

  #opened(connection: Connection): void {
    const link = this.#linkOf(connection);
    if (link === undefined) return;
    const isSecond = link.isReady;
    link.addConnection(connection);
    if (!isSecond) return;
    // After a power cut the peer comes back while its old connection still seems to stand.
    link.probe(PROBE_MS);
  }

  #linkOf(connection: Connection): PeerLink | undefined {
    if (this.#isClosed || this.#retired.has(connection)) return undefined;
    const peer = connection.remotePeer.toString();
    let link = this.#links.get(peer);
    if (link === undefined && connection.status === 'open') {
      link = this.#create(peer);
      this.#links.set(peer, link);
    }
    return link;
  }

  #create(peer: PeerId): PeerLink {
    const link: PeerLink = new PeerLink(
      peer,
      this.#protocol,
      {
        ready: () => this.#events.ready(peer),
        ended: (reset) => {
          for (const connection of link.connections()) this.#retired.add(connection);
          if (this.#links.get(peer) === link) this.#links.delete(peer);
          if (!this.#isClosed) this.#events.ended(peer, link.isReady, reset);
        },
        frame: (kind, body) => this.#events.frame(peer, kind, body),
        moved: (connection) => this.#events.moved(peer, connection),
        retired: (connection) => this.#events.retired(connection),
        isOwnWay: (connection) => this.#events.isOwnWay(connection),
        log: (event, fields) => this.#events.log(event, fields),
      },
      this.#nowMs,
    );
    return link;
  }
}
