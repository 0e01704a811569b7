import { MAX_STREAM_BYTES } from '../core/message-codec.ts';

/** The longest body of a frame. A peer that announces a longer one gets its stream reset. */
export const MAX_FRAME_BYTES: number = MAX_STREAM_BYTES;

/**
 * What a frame carries. Numbers are never used again once removed.
 * message: an encoded Message. ping, pong: 8 bytes of the pinger's choice, sent back.
 * farewell: empty; the sender closes on purpose. peers: see peer-exchange.ts. secret: see
 * secret-exchange.ts. reach: see reachability.ts.
 */
export const FRAME = {
  message: 0,
  ping: 1,
  pong: 2,
  farewell: 3,
  peers: 4,
  secret: 5,
  reach: 6,
} as const;

export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

const HEADER_BYTES = 5;

/** A frame on the wire: kind (1 byte), length of the body (4 bytes, big endian), body. */
export function encodeFrame(kind: number, body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + body.byteLength);
  frame[0] = kind;
  new DataView(frame.buffer).setUint32(1, body.byteLength);
  frame.set(body, HEADER_BYTES);
  return frame;
}

/** Cuts the bytes of one stream into frames; holds at most what has arrived of one. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  /** `maxBytes`: the longest body of a frame. */
  constructor(maxBytes: number = MAX_FRAME_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes the next bytes of the stream; `onFrame` is called for each frame that is complete now.
   * The kind is whatever byte the peer sent. False when a frame is announced that is too long: the
   * stream is of no use any more.
   */
  push(chunk: Uint8Array, onFrame: (kind: number, body: Uint8Array) => void): boolean {
    if (chunk.byteLength > 0) {
      this.#chunks.push(chunk);
      this.#bytes += chunk.byteLength;
    }
    while (this.#bytes >= HEADER_BYTES) {
      const head = this.#head(HEADER_BYTES);
      const length = new DataView(head.buffer, head.byteOffset).getUint32(1);
      if (length > this.#maxBytes) return false;
      if (this.#bytes < HEADER_BYTES + length) return true;
      const whole = this.#head(HEADER_BYTES + length);
      const body = whole.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.#drop(whole, HEADER_BYTES + length);
      onFrame(whole[0] ?? 0, body);
    }
    return true;
  }

  /** The first chunk, joined with the following ones until it has `length` bytes. */
  #head(length: number): Uint8Array {
    const first = this.#chunks[0] ?? new Uint8Array();
    if (first.byteLength >= length) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    return joined;
  }

  #drop(first: Uint8Array, length: number): void {
    this.#bytes -= length;
    if (first.byteLength > length) this.#chunks[0] = first.subarray(length);
    else this.#chunks.shift();
  }
}
