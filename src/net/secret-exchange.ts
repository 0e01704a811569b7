import type { PeerId } from '../core/ids.ts';
import type { Gate } from './gate.ts';
import { decodeOffer, encodeOffer } from './secret-offer.ts';
import type { OfferedSecret } from './secret-ring.ts';

/** How often those that have not shown the current secret are told it again, in ms. */
const AGAIN_MS = 60_000;

/** What the exchange needs of its owner. */
export interface SecretExchangeOptions {
  readonly gate: Gate;
  /** Peers that a link stands to. */
  readonly connected: () => readonly PeerId[];
  /** Sends the body of a `secret` frame over the stream to one peer. */
  readonly send: (peer: PeerId, body: Uint8Array) => void;
  /** Ends the link to a peer after all that waits was sent. */
  readonly dismiss: (peer: PeerId) => void;
  readonly log: (level: 'error' | 'debug', event: string, fields: object) => void;
}

/**
 * Hands a rotated secret on, from member to member and never by gossip: to those that its author
 * named and nobody else. Each that takes it tells it to its own neighbours, which shows them that
 * it has moved.
 */
export class SecretExchange {
  readonly #options: SecretExchangeOptions;
  readonly #unwatch: () => void;
  readonly #timer: NodeJS.Timeout;
  /** Peers that were answered since the last round: two that disagree must not go on at once. */
  readonly #answered = new Set<PeerId>();
  #keyId: string;
  #isVoid: boolean;

  constructor(options: SecretExchangeOptions) {
    this.#options = options;
    this.#keyId = options.gate.current.keyId;
    this.#isVoid = options.gate.isVoid;
    this.#unwatch = options.gate.watch(() => this.#changed());
    this.#timer = setInterval(() => this.#tellAgain(), AGAIN_MS);
    this.#timer.unref();
  }

  /** A link stands: whoever came by a former secret is told the current one. */
  connected(peer: PeerId): void {
    if (!this.#options.gate.mayStay(peer)) this.#options.dismiss(peer);
    else if (this.#options.gate.isToBeTold(peer)) this.#tell(peer);
  }

  /** Takes a `secret` frame in. False when it is malformed. */
  heard(from: PeerId, body: Uint8Array): boolean {
    const offered = decodeOffer(body);
    if (offered === null) return false;
    void this.#take(from, offered).catch((error: unknown) => {
      this.#options.log('error', 'secret.failed', { peer: from, reason: String(error) });
    });
    return true;
  }

  close(): void {
    this.#unwatch();
    clearInterval(this.#timer);
  }

  async #take(from: PeerId, offered: OfferedSecret): Promise<void> {
    const { gate } = this.#options;
    if (gate.denied.has(from)) return;
    const how = await gate.take(offered);
    if (how === 'taken' || how === 'equal') {
      gate.proved(from, gate.current.keyId);
      return;
    }
    if (how === 'refused') this.#options.log('debug', 'secret.refused', { peer: from });
    // It was offered before it heard of the one that wins here, or it was misled.
    if (!gate.isNamed(from) || this.#answered.has(from)) return;
    this.#answered.add(from);
    this.#tell(from);
  }

  /** What was told may not have arrived, or could not be kept there. */
  #tellAgain(): void {
    const { gate, connected } = this.#options;
    this.#answered.clear();
    for (const peer of connected()) if (gate.isToBeTold(peer)) this.#tell(peer);
  }

  #changed(): void {
    const { gate, connected, dismiss } = this.#options;
    const { keyId } = gate.current;
    // Whoever is told a void secret answers with a better one.
    const isNew = keyId !== this.#keyId || gate.isVoid !== this.#isVoid;
    this.#keyId = keyId;
    this.#isVoid = gate.isVoid;
    if (isNew) this.#answered.clear();
    for (const peer of connected()) {
      if (!gate.mayStay(peer)) dismiss(peer);
      else if (isNew && gate.isToBeTold(peer)) this.#tell(peer);
    }
  }

  #tell(peer: PeerId): void {
    const body = encodeOffer(this.#options.gate.ring.current);
    if (body !== null) this.#options.send(peer, body);
  }
}
