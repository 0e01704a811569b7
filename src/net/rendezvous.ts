import type { Libp2p } from '@libp2p/interface';
import { CID } from 'multiformats/cid';
import * as raw from 'multiformats/codecs/raw';
import { sha256 } from 'multiformats/hashes/sha2';
import type { PeerId } from '../core/ids.ts';

/** A newcomer learns the members from whom it joined; the DHT is for what that missed. */
const FIRST_MS = 10_000;
const EVERY_MS = 5 * 60_000;
const QUERY_MS = 20_000;

/**
 * Finds members through the mesh's own DHT: every member provides one key that only members can
 * know. What it finds are hints; providers outlive their peers by hours.
 */
export class Rendezvous {
  readonly #node: Libp2p;
  readonly #key: () => Uint8Array;
  readonly #found: (peer: PeerId, addresses: readonly string[]) => void;
  readonly #log: (event: string, fields: object) => void;
  readonly #closing = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> = Promise.resolve();

  constructor(
    node: Libp2p,
    key: () => Uint8Array,
    found: (peer: PeerId, addresses: readonly string[]) => void,
    log: (event: string, fields: object) => void,
  ) {
    this.#node = node;
    this.#key = key;
    this.#found = found;
    this.#log = log;
  }

  /** To be called at each first connection: before it there is nobody to ask. */
  start(): void {
    this.#schedule(FIRST_MS);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#closing.signal.aborted) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running = this.#round().finally(() => this.#schedule(EVERY_MS));
    }, delayMs);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(QUERY_MS)]);
    try {
      const cid = CID.createV1(raw.code, await sha256.digest(this.#key()));
      for await (const { id, multiaddrs } of this.#node.contentRouting.findProviders(cid, {
        signal,
      })) {
        this.#found(id.toString(), multiaddrs.map(String));
      }
      await this.#node.contentRouting.provide(cid, { signal });
    } catch (error) {
      // A query that fails costs a hint; the next round asks again.
      this.#log('rendezvous.failed', { reason: String(error) });
    }
  }
}
