import { DefaultSerializer } from 'node:v8';

/** What stands before a message: its length, 4 bytes, the highest first. */
const HEAD_BYTES = 4;

/** The longest message of an executor, in bytes. */
export const MOST_FRAME_BYTES = 4_194_304;

/** A message as it travels: its length, and what V8 makes of it (its structured clone format). */
export function frameOf(message: object): Buffer {
  const serializer = new DefaultSerializer();
  serializer.writeRawBytes(Buffer.alloc(HEAD_BYTES));
  serializer.writeHeader();
  serializer.writeValue(message);
  const frame = serializer.releaseBuffer();
  frame.writeUInt32BE(frame.length - HEAD_BYTES, 0);
  return frame;
}

/** Puts frames together again from the pieces in which they come. It keeps one frame at most. */
export class FrameReader {
  readonly #mostBytes: number;
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #headBytes = 0;
  #body: Buffer | null = null;
  #bodyBytes = 0;

  /** mostBytes: the longest body. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** A frame has begun and is not whole. */
  get isHalf(): boolean {
    return this.#headBytes > 0;
  }

  /** What is wrong with the length that stands in hand, or null; nothing is taken after it. */
  get fault(): string | null {
    if (this.#headBytes < HEAD_BYTES) return null;
    const length = this.#head.readUInt32BE(0);
    if (length > 0 && length <= this.#mostBytes) return null;
    return `a message of ${length} bytes (1 to ${this.#mostBytes} are allowed)`;
  }

  /** The bodies that a piece completes. */
  *take(piece: Buffer): Generator<Buffer> {
    let at = 0;
    while (at < piece.length) {
      if (this.#headBytes < HEAD_BYTES) {
        const copied = piece.copy(this.#head, this.#headBytes, at);
        this.#headBytes += copied;
        at += copied;
        if (this.#headBytes < HEAD_BYTES) return;
      }
      if (this.fault !== null) return;
      const length = this.#head.readUInt32BE(0);
      if (this.#body === null && piece.length - at >= length) {
        this.#headBytes = 0;
        at += length;
        yield piece.subarray(at - length, at);
        continue;
      }
      this.#body ??= Buffer.allocUnsafeSlow(length);
      const copied = piece.copy(this.#body, this.#bodyBytes, at);
      this.#bodyBytes += copied;
      at += copied;
      if (this.#bodyBytes < length) return;
      const body = this.#body;
      this.#body = null;
      this.#headBytes = 0;
      this.#bodyBytes = 0;
      yield body;
    }
  }
}
