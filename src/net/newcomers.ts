import type { Connection, Libp2p } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import { type Address, isLoopback, parseAddress } from './addresses.ts';
import { faultError } from './dial-error.ts';
import type { Dialer } from './dialer.ts';
import type { Gate } from './gate.ts';
import type { Found } from './local-discovery.ts';
import type { NetworkHandlers } from './network.ts';
import { watchProtocols } from './protocol-watch.ts';
import type { Ways } from './ways.ts';

/** What the newcomers are told to. */
export interface NewcomersOptions {
  readonly node: Libp2p;
  /** This side's protocol, a number at its end. */
  readonly sync: string;
  readonly gate: Gate;
  readonly dialer: Dialer;
  readonly ways: Ways;
  readonly handlers: NetworkHandlers;
  /** Whether a peer is connected directly. */
  readonly isDirect: (peer: PeerId) => boolean;
  /** Ends all connections to a peer that is not let in. */
  readonly dismiss: (peer: PeerId) => void;
  readonly isClosed: () => boolean;
}

/** Takes up what the node tells of connections, of members nearby and of other protocols. */
export class Newcomers {
  readonly #options: NewcomersOptions;
  /** Peers of another protocol number, and what to do about it. */
  readonly #otherProtocols = new Map<PeerId, string>();

  constructor(options: NewcomersOptions) {
    const { node, sync, isClosed } = options;
    this.#options = options;
    node.addEventListener('connection:open', ({ detail }) => {
      if (!isClosed()) this.#opened(detail);
    });
    const local = node.services['local'] as EventTarget | undefined;
    local?.addEventListener('peer', (event) => this.#nearby(event as Found));
    watchProtocols(node, sync, ({ peer, reason }) => this.#otherProtocol(peer, reason));
  }

  #opened(connection: Connection): void {
    const { gate, ways, dialer, dismiss } = this.#options;
    const peer = connection.remotePeer.toString();
    // A rotation or a removal may have come between the end of the handshake and this event.
    if (!gate.mayStay(peer)) return dismiss(peer);
    ways.opened(connection);
    const source = parseAddress(connection.remoteAddr.toString());
    if (source === null || !connection.direct || connection.direction !== 'inbound') return;
    dialer.cameFrom(peer, source);
  }

  #nearby({ detail: { id, multiaddrs } }: Found): void {
    const peer = id.toString();
    if (this.#options.isDirect(peer)) return;
    // It answers with its private addresses, loopback too: those of another machine.
    const outer = parseAll(multiaddrs.map(String)).filter((address) => !isLoopback(address));
    this.#options.dialer.hear(peer, outer, false);
  }

  #otherProtocol(peer: PeerId, reason: string): void {
    const { handlers, dialer } = this.#options;
    const isNews = this.#otherProtocols.get(peer) !== reason;
    this.#otherProtocols.set(peer, reason);
    handlers.log(isNews ? 'error' : 'debug', 'protocol.other', { peer, reason });
    dialer.rejected(peer, faultError('other-protocol', reason));
  }
}

/** The addresses among these texts. */
export function parseAll(texts: readonly string[]): Address[] {
  return texts.map(parseAddress).filter((address) => address !== null);
}
