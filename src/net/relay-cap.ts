import type { Stream } from '@libp2p/interface';
import { TokenBucket } from './token-bucket.ts';

/**
 * What a sender may have under way on a relayed stream: it arrives at once when the stream is read
 * again, however low the rate. yamux would let this grow to 16 MiB.
 */
const WINDOW_BYTES = 256 * 1024;

/** What passes from one stream of a relayed connection to the other. */
interface Way {
  readonly source: Stream;
  readonly sink: Stream;
}

/**
 * Holds what passes through a relay, all connections and both directions together, to a rate. A
 * stream is not read while there is a debt, nor while what it brought cannot be sent on: then its
 * sender's window stays shut, and nothing piles up here. Streams take turns.
 */
export class RelayCap {
  readonly #bucket: TokenBucket;
  readonly #nowMs: () => number;
  /** Ways that are not read, the one that waits longest first. */
  readonly #waiting = new Set<Way>();
  #timer: NodeJS.Timeout | null = null;

  /** `bytesPerSecond`: above 0. */
  constructor(bytesPerSecond: number, nowMs: () => number) {
    this.#bucket = new TokenBucket(bytesPerSecond, nowMs());
    this.#nowMs = nowMs;
  }

  /** Counts what two streams send to one another from now on, before anybody else reads them. */
  join(a: Stream, b: Stream): void {
    for (const way of [
      { source: a, sink: b },
      { source: b, sink: a },
    ]) {
      this.#watch(way);
    }
  }

  #watch(way: Way): void {
    const { source, sink } = way;
    Reflect.set(source, 'maxStreamWindowSize', WINDOW_BYTES);
    source.addEventListener('message', ({ data }) => {
      this.#bucket.take(data.byteLength, this.#nowMs());
      // Who sends it on hears of this message after us, and may find then that the sink is full.
      queueMicrotask(() => this.#hold(way));
    });
    sink.addEventListener('drain', () => this.#look());
    // The end is told at once; what waits here goes before it.
    source.addEventListener('remoteCloseWrite', () => this.#release(way));
    source.addEventListener('close', () => this.#waiting.delete(way));
  }

  #hold(way: Way): void {
    const { source, sink } = way;
    if (this.#bucket.waitMs(this.#nowMs()) === 0 && !sink.writableNeedsDrain) return;
    if (source.readStatus !== 'readable' || source.remoteWriteStatus !== 'writable') return;
    source.pause();
    this.#waiting.add(way);
    this.#look();
  }

  #release(way: Way): void {
    if (!this.#waiting.delete(way) || way.source.readStatus !== 'paused') return;
    way.source.resume();
  }

  /** Reads on, one stream after the other, as long as there is no debt. */
  #look(): void {
    for (const way of [...this.#waiting]) {
      const waitMs = this.#bucket.waitMs(this.#nowMs());
      if (waitMs > 0) {
        this.#timer ??= setTimeout(() => {
          this.#timer = null;
          this.#look();
        }, Math.ceil(waitMs)).unref();
        return;
      }
      if (!way.sink.writableNeedsDrain) this.#release(way);
    }
  }
}
