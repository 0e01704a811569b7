import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { type Address, parseAddress } from './addresses.ts';
import { dialFault, dialFaultText } from './dial-error.ts';

/** How long an address may take to answer and let this peer in. */
const JOIN_MS = 10_000;

/** How often an address that did not answer is dialed again once another one has. */
const AGAIN_MS = 30_000;

/** Dials bootstrap addresses until each has answered once. */
export class Bootstrap {
  readonly #dial: (address: Address, signal: AbortSignal) => Promise<PeerId>;
  readonly #closing = new AbortController();
  readonly #missing = new Map<string, Address>();
  #timer: NodeJS.Timeout | null = null;

  /** `dial` resolves when the link to whoever answers is ready. */
  constructor(dial: (address: Address, signal: AbortSignal) => Promise<PeerId>) {
    this.#dial = dial;
  }

  /** See Network.join. */
  async join(texts: readonly string[], signal: AbortSignal): Promise<PeerId[]> {
    const reached = new Set<PeerId>();
    const faults: string[] = [];
    const dials = texts.map(async (text) => {
      const address = parseAddress(text);
      if (address === null) throw new TypeError('is no multiaddr');
      try {
        reached.add(await this.#attempt(address, signal));
      } catch (error) {
        if (dialFault(error) !== 'self') this.#missing.set(text, address);
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
      signal.throwIfAborted();
      this.#missing.clear();
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
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#again().then(() => this.#schedule());
    }, AGAIN_MS);
    this.#timer.unref();
  }

  async #again(): Promise<void> {
    for (const [text, address] of [...this.#missing]) {
      try {
        await this.#attempt(address);
        this.#missing.delete(text);
      } catch (error) {
        // Still not there: it stays missing, unless it turned out to be this peer.
        if (dialFault(error) === 'self') this.#missing.delete(text);
      }
    }
  }
}
