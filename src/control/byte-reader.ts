import { MeshError } from '../core/mesh-error.ts';

const LINE_FEED = 10;

/** Takes lines and runs of bytes off a stream, each with a limit. */
export class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** The next line without its line feed; null at the end. @throws MeshError MESH_USAGE */
  async line(maxBytes: number): Promise<string | null> {
    const parts: Buffer[] = [];
    let size = 0;
    for (;;) {
      const end = this.#held.indexOf(LINE_FEED);
      const part = end < 0 ? this.#held : this.#held.subarray(0, end);
      size += part.length;
      if (size > maxBytes) throw malformed(`a line exceeds ${maxBytes} bytes`);
      parts.push(part);
      if (end >= 0) {
        this.#held = this.#held.subarray(end + 1);
        return Buffer.concat(parts).toString('utf8');
      }
      if (!(await this.#more())) return size === 0 ? null : Buffer.concat(parts).toString('utf8');
    }
  }

  /** Exactly so many bytes. @throws MeshError MESH_USAGE when the stream ends before. */
  async bytes(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = count;
    for (;;) {
      const part = this.#held.subarray(0, missing);
      this.#held = this.#held.subarray(part.length);
      missing -= part.length;
      parts.push(part);
      if (missing === 0) return Buffer.concat(parts);
      if (!(await this.#more())) throw malformed('it is cut short');
    }
  }

  /** That nothing follows: the whole request is here. @throws MeshError MESH_USAGE */
  async end(): Promise<void> {
    if (this.#held.length > 0 || (await this.#more())) throw malformed('more than it says');
  }

  /** Replaces the empty or used-up rest with the next chunk; false at the end. */
  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    this.#held = next.done ? Buffer.alloc(0) : Buffer.from(next.value);
    return next.done !== true;
  }
}

/** A request or an answer on the control socket that has not the agreed form. */
export function malformed(what: string): MeshError {
  return new MeshError('MESH_USAGE', `malformed control message: ${what}`);
}
