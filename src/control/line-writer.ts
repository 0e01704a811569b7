import { once } from 'node:events';
import type { Writable } from 'node:stream';

const FLUSH_CHARS = 65_536;

/**
 * Writes lines to a stream in few pieces: lines of one turn of the event loop go out together, and
 * `write` waits while the stream is full. Does not end the stream.
 */
export class LineWriter {
  readonly #stream: Writable;
  #pending = '';
  #scheduled = false;
  #error: Error | null = null;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Without a listener a broken pipe would end the process.
    stream.on('error', (error) => {
      this.#error = error;
    });
  }

  /** Adds a line and its line feed. @throws the stream's error, EPIPE among them. */
  write(line: string): Promise<void> | undefined {
    this.#pending += `${line}\n`;
    if (this.#pending.length >= FLUSH_CHARS || this.#error !== null) return this.flush();
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(() => this.#push());
    }
    return undefined;
  }

  /** Resolves once the stream takes more. */
  async flush(): Promise<void> {
    const full = !this.#push();
    if (this.#error !== null) throw this.#error;
    if (!full) return;
    const stop = new AbortController();
    const { signal } = stop;
    try {
      await Promise.race([
        once(this.#stream, 'drain', { signal }),
        once(this.#stream, 'close', { signal }),
      ]);
    } finally {
      stop.abort();
    }
  }

  #push(): boolean {
    this.#scheduled = false;
    const text = this.#pending;
    this.#pending = '';
    if (text === '' || this.#stream.destroyed || this.#error !== null) return true;
    return this.#stream.write(text);
  }
}
