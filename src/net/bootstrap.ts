import { setTimeout as delay } from 'node:timers/promises';
import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { type Address, parseAddress } from './addresses.ts';
import { dialFault, dialFaultText } from './dial-error.ts';

/** How long an address may take to answer and let this peer in. */
const JOIN_MS = 10_000;

/** Waiting times before an address that did not answer is dialed again; the last one repeats. */
const AGAIN_MS = [2000, 5000, 10_000, 30_000];

/** Between the dials of several addresses of one peer: one connection is enough. */
const STEP_MS = 300;

/** Dials bootstrap addresses until each has answered once. */
export class Bootstrap {
  readonly #dial: (address: Address, signal: AbortSignal) => Promise<PeerId>;
  readonly #closing = new AbortController();
  readonly #missing = new Map<string, Address>();
  #timer: NodeJS.Timeout | null = null;
  #rounds = 0;

  /** `dial` resolves when the link to whoever answers is ready. */
  constructor(dial: (address: Address, signal: AbortSignal) => Promise<PeerId>) {
    this.#dial = dial;
  }

  /** See Network.join. */
  async join(texts: readonly string[], signal: AbortSignal): Promise<PeerId[]> {
    const reached = new Set<PeerId>();
    const faults: string[] = [];
    const peers: (PeerId | null)[] = [];
    const dials = texts.map(async (text) => {
      const address = parseAddress(text);
      if (address === null) throw new TypeError('is no multiaddr');
      const before = peers.filter((peer) => peer !== null && peer === address.peer).length;
      peers.push(address.peer);
      try {
        if (before > 0) await delay(before * STEP_MS, undefined, { signal });
        reached.add(await this.#attempt(address, signal));
      } catch (error) {
        if (!isForGood(error)) this.#missing.set(text, address);
        throw error;
      }
    });
    const told = dials.map((dial, k) =>
      dial.catch((error: unknown) => {
        faults[k] =
          `${texts[k]} ${error instanceof TypeError ? error.message : dialFaultText(error)}`;
        throw error;
      }),
    );
    try {
      await Promise.any(told);
    } catch (cause) {
      this.#schedule();
      signal.throwIfAborted();
      const list = texts.length === 0 ? 'no address was given' : faults.join('; ');
      throw new MeshError('MESH_NO_BOOTSTRAP', `no bootstrap could be joined: ${list}`, { cause });
    }
    // The others go on: a mesh that was given two bootstraps must not become two meshes.
    void Promise.allSettled(told).then(() => this.#schedule());
    return [...reached];
  }

  close(): void {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #attempt(address: Address, signal?: AbortSignal): Promise<PeerId> {
    const signals = [this.#closing.signal, AbortSignal.timeout(JOIN_MS)];
    return await this.#dial(address, AbortSignal.any(signal ? [signal, ...signals] : signals));
  }

  #schedule(): void {
    if (this.#closing.signal.aborted || this.#missing.size === 0 || this.#timer !== null) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        void this.#again().then(() => this.#schedule());
      },
      AGAIN_MS[Math.min(this.#rounds, AGAIN_MS.length - 1)],
    );
    this.#timer.unref();
  }

  async #again(): Promise<void> {
    this.#rounds += 1;
    for (const [text, address] of [...this.#missing]) {
      try {
        await this.#attempt(address);
        this.#missing.delete(text);
      } catch (error) {
        // Still not there: it stays missing, unless nobody whom this peer wants can be there.
        if (isForGood(error)) this.#missing.delete(text);
      }
    }
  }
}

/** Says whether an address is not worth another dial: this peer itself, or a removed one. */
function isForGood(error: unknown): boolean {
  return ['self', 'denied'].includes(dialFault(error));
}
