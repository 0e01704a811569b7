/** Bytes that were taken. */
export interface Taken {
  readonly bytes: Buffer;
  /** There are no more. */
  readonly isOver: boolean;
}

/** Pieces of bytes, taken in other pieces. */
export class ByteSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  /** The next piece, asked for by somebody who did not wait for it. */
  #next: Promise<IteratorResult<Uint8Array>> | null = null;
  #left: Buffer[] = [];
  #bytes = 0;

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#pieces = input[Symbol.asyncIterator]();
  }

  /** So many bytes; fewer at the end, or when so much time has passed. ms: null: as it takes. */
  async take(wanted: number, ms: number | null = null): Promise<Taken> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      if (ms !== null) timer = setTimeout(resolve, ms, null);
    });
    let isOver = false;
    try {
      while (this.#bytes < wanted) {
        this.#next ??= this.#pieces.next();
        const next = await (ms === null ? this.#next : Promise.race([this.#next, late]));
        if (next === null) break;
        this.#next = null;
        isOver = next.done === true;
        if (next.done === true) break;
        this.#left.push(Buffer.from(next.value));
        this.#bytes += next.value.length;
      }
    } finally {
      clearTimeout(timer);
    }
    const all = Buffer.concat(this.#left);
    const bytes = all.subarray(0, wanted);
    this.#left = [all.subarray(bytes.length)];
    this.#bytes = all.length - bytes.length;
    return { bytes, isOver };
  }
}
