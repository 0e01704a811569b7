import type { PeerId } from '../core/ids.ts';
import { decodeMessage } from '../core/message-codec.ts';
import type { Acquaintances } from './acquaintances.ts';
import type { Dialer } from './dialer.ts';
import { FRAME } from './frame.ts';
import type { Gate } from './gate.ts';
import type { NetworkHandlers } from './network.ts';
import { decodePeers } from './peer-exchange.ts';
import type { SecretExchange } from './secret-exchange.ts';
import type { Ways } from './ways.ts';

/** Those to whom the inbox hands on what comes. */
export interface InboxOptions {
  readonly self: PeerId;
  readonly gate: Gate;
  readonly handlers: NetworkHandlers;
  readonly dialer: Dialer;
  readonly acquaintances: Acquaintances;
  readonly ways: Ways;
  readonly secrets: SecretExchange;
}

/** Checks the form of all that members send, and hands it to whom it is meant for. */
export class Inbox {
  readonly #options: InboxOptions;
  #rejected = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Takes a frame of a connected peer; the kind is whatever byte it sent. */
  frame(from: PeerId, kind: number, body: Uint8Array): void {
    const { secrets, ways } = this.#options;
    if (kind === FRAME.message) this.message(from, body, 'stream');
    else if (kind === FRAME.peers) this.#peers(from, body);
    else if (kind === FRAME.secret) this.#unless(secrets.heard(from, body), from, 'secret');
    else if (kind === FRAME.reach) this.#unless(ways.heard(from, body), from, 'reach');
    else this.#reject(from, `unknown frame kind ${kind}`);
  }

  /** Takes a message. False when it has not the form of one, or comes from this peer itself. */
  message(from: PeerId, body: Uint8Array, limit: 'gossip' | 'stream'): boolean {
    if (from === this.#options.self) return false;
    const decoded = decodeMessage(body, limit);
    if ('rejected' in decoded) {
      this.#reject(from, decoded.rejected);
      return false;
    }
    this.#options.handlers.message(from, decoded.message);
    return true;
  }

  #peers(from: PeerId, body: Uint8Array): void {
    const { acquaintances, dialer, gate, ways } = this.#options;
    const peers = decodePeers(body);
    if (peers === null) return this.#reject(from, 'malformed peers');
    let isNews = false;
    for (const { peer, addresses } of peers) {
      if (gate.denied.has(peer)) continue;
      if (peer !== from) dialer.hear(peer, addresses, false);
      else isNews ||= dialer.tells(peer, addresses, ways.isForwarded(peer));
    }
    acquaintances.heard(
      from,
      peers.map(({ peer }) => peer),
    );
    if (isNews) acquaintances.changed();
  }

  #unless(isSound: boolean, from: PeerId, what: string): void {
    if (!isSound) this.#reject(from, `malformed ${what}`);
  }

  #reject(peer: PeerId, reason: string): void {
    this.#rejected += 1;
    const fields = { peer, reason, rejected: this.#rejected };
    this.#options.handlers.log('debug', 'message.rejected', fields);
  }
}
