import type { PeerId } from '../core/ids.ts';

/** A limited number of places for each peer, taken in order. */
export class Places {
  readonly #most: number;
  readonly #taken = new Map<PeerId, number>();
  readonly #waiting = new Map<PeerId, Set<() => void>>();

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Waits for a place; the result gives it back.
   * @throws the reason of an abort.
   */
  async take(peer: PeerId, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const taken = this.#taken.get(peer) ?? 0;
    // A place that is given back goes to who waits longest, and is never free between the two.
    if (taken < this.#most) this.#taken.set(peer, taken + 1);
    else await this.#turn(peer, signal);
    let isGiven = false;
    return () => {
      if (!isGiven) this.#give(peer);
      isGiven = true;
    };
  }

  async #turn(peer: PeerId, signal: AbortSignal): Promise<void> {
    const line = this.#waiting.get(peer) ?? new Set();
    this.#waiting.set(peer, line);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const aborted = (): void => {
      // Who was given a place in the same moment has it, and gives it back.
      if (line.delete(resolve)) reject(signal.reason);
    };
    line.add(resolve);
    signal.addEventListener('abort', aborted);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', aborted);
    }
  }

  #give(peer: PeerId): void {
    const line = this.#waiting.get(peer);
    const [next] = line ?? [];
    if (line !== undefined && next !== undefined) {
      line.delete(next);
      next();
      return;
    }
    this.#waiting.delete(peer);
    const left = (this.#taken.get(peer) ?? 1) - 1;
    if (left > 0) this.#taken.set(peer, left);
    else this.#taken.delete(peer);
  }
}
