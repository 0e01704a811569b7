import type { Stream } from '@libp2p/interface';

/** Bytes that wait for one peer at most. */
export const QUEUE_BYTES: number = 8 * 1024 * 1024;

/**
 * Frames on their way into a stream that may come, block and break. Frames given to a stream that
 * breaks are lost; those still waiting go into the next one.
 */
export class SendQueue {
  readonly #frames: Uint8Array[] = [];
  #waitingBytes = 0;
  #stream: Stream | null = null;
  #isHeld = false;

  /** Bytes not yet taken by the connection; its change from call to call shows that it moves. */
  get bytes(): number {
    return this.#waitingBytes + (this.#stream?.writeBufferLength ?? 0);
  }

  /** Sends into this stream from now on; null: waits for another. */
  use(stream: Stream | null): void {
    this.#stream = stream;
    this.#isHeld = false;
    stream?.addEventListener('drain', () => {
      // The stream writes its own buffer first, in a microtask queued before this one.
      queueMicrotask(() => {
        if (this.#stream === stream) this.#pump();
      });
    });
    this.#pump();
  }

  /** False when the frame does not fit any more. */
  push(frame: Uint8Array): boolean {
    if (this.bytes > 0 && this.bytes + frame.byteLength > QUEUE_BYTES) return false;
    this.#frames.push(frame);
    this.#waitingBytes += frame.byteLength;
    this.#pump();
    return true;
  }

  /** Sends ahead of the queue. False when there is no stream or it is blocked. */
  urge(frame: Uint8Array): boolean {
    return this.#stream !== null && !this.#stream.writableNeedsDrain && this.#write(frame);
  }

  /** Sends as soon as may be; into a held stream even when that is blocked. */
  reply(frame: Uint8Array): void {
    const isSent = this.#isHeld ? this.#write(frame) : this.urge(frame);
    if (!isSent) this.push(frame);
  }

  /** Sends this frame behind all that the stream has; the others wait for the next stream. */
  hold(last: Uint8Array): void {
    this.#isHeld = true;
    this.#write(last);
  }

  /** Hands all to the stream, blocked or not, and this frame as the last. */
  flush(last: Uint8Array): void {
    this.#waitingBytes = 0;
    [...this.#frames.splice(0), last].every((frame) => this.#write(frame));
  }

  clear(): void {
    this.#stream = null;
    this.#isHeld = false;
    this.#frames.length = 0;
    this.#waitingBytes = 0;
  }

  #pump(): void {
    if (this.#isHeld) return;
    let frame = this.#frames[0];
    while (frame !== undefined && this.urge(frame)) {
      this.#frames.shift();
      this.#waitingBytes -= frame.byteLength;
      frame = this.#frames[0];
    }
  }

  #write(frame: Uint8Array): boolean {
    if (this.#stream === null || this.#stream.writeStatus !== 'writable') return false;
    try {
      this.#stream.send(frame);
      return true;
    } catch {
      // It closed a moment ago. Its close event brings another stream, and the frame goes there.
      return false;
    }
  }
}
