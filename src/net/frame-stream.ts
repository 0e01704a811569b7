import type { Stream } from '@libp2p/interface';
import { FrameReader } from './frame.ts';

/** What has come and is not taken yet when reading pauses, in bytes. */
const BUFFER_BYTES = 256 * 1024;

/**
 * What may be under way to this side, in bytes. yamux would let it grow to 16 MiB, and heartbeats
 * on the same connection would stand behind it.
 */
const WINDOW_BYTES = 256 * 1024;

/** A frame that came. */
export interface Frame {
  readonly kind: number;
  readonly body: Uint8Array;
}

/** Frames over one stream, both ways, each side at the pace of the other. */
export class FrameStream {
  readonly #stream: Stream;
  readonly #frames: Frame[] = [];
  #bytes = 0;
  #isEnded = false;
  #wake: (() => void) | null = null;

  /** A frame whose body has more than `maxBytes` breaks the stream. */
  constructor(stream: Stream, maxBytes: number) {
    this.#stream = stream;
    Reflect.set(stream, 'maxStreamWindowSize', WINDOW_BYTES);
    const reader = new FrameReader(maxBytes);
    stream.addEventListener('message', ({ data }) => {
      const isSound = reader.push(data.subarray(), (kind, body) => {
        this.#frames.push({ kind, body });
        this.#bytes += body.byteLength;
      });
      if (!isSound) stream.abort(new Error('frame too long'));
      else if (this.#bytes >= BUFFER_BYTES && stream.readStatus === 'readable') stream.pause();
      this.#changed();
    });
    for (const event of ['close', 'remoteCloseWrite'] as const) {
      stream.addEventListener(event, () => {
        this.#isEnded = true;
        this.#changed();
      });
    }
  }

  /**
   * The next frame; null when the stream ended.
   * @throws Error after `limitMs` in which nothing came at all; the reason of an abort.
   */
  async read(limitMs: number, signal: AbortSignal): Promise<Frame | null> {
    for (;;) {
      signal.throwIfAborted();
      const frame = this.#frames.shift();
      if (frame !== undefined) {
        this.#bytes -= frame.body.byteLength;
        return frame;
      }
      if (this.#stream.readStatus === 'paused') {
        this.#stream.resume();
        continue;
      }
      if (this.#isEnded) return null;
      await this.#change(limitMs, signal);
    }
  }

  /**
   * Sends a frame, and waits until the next one may be sent.
   * @throws Error when the stream ends, or the other side takes nothing for `limitMs`.
   */
  async write(frame: Uint8Array, limitMs: number, signal: AbortSignal): Promise<void> {
    this.#stream.send(frame);
    while (this.#stream.writableNeedsDrain) {
      await drained(this.#stream, limitMs, signal);
      // The stream writes its own buffer first, in a microtask, and may be full again.
      await Promise.resolve();
    }
  }

  #changed(): void {
    this.#wake?.();
  }

  #change(limitMs: number, signal: AbortSignal): Promise<void> {
    return waitFor(limitMs, signal, (done) => {
      this.#wake = done;
      return () => {
        this.#wake = null;
      };
    });
  }
}

function drained(stream: Stream, limitMs: number, signal: AbortSignal): Promise<void> {
  return waitFor(limitMs, signal, (done, failed) => {
    const closed = (): void => failed(new Error('the stream ended'));
    if (stream.writeStatus === 'closed') closed();
    stream.addEventListener('drain', done);
    stream.addEventListener('close', closed);
    return () => {
      stream.removeEventListener('drain', done);
      stream.removeEventListener('close', closed);
    };
  });
}

/** Waits for what `watch` sees; at most `limitMs`, and not beyond an abort. */
function waitFor(
  limitMs: number,
  signal: AbortSignal,
  watch: (done: () => void, failed: (error: unknown) => void) => () => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    reject(new Error(`nothing moved for ${limitMs / 1000} s`));
  }, limitMs);
  timer.unref();
  const aborted = (): void => reject(signal.reason);
  signal.addEventListener('abort', aborted);
  const unwatch = watch(resolve, reject);
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', aborted);
    unwatch();
  });
}
