import type { Readable } from 'node:stream';

/** What is kept to tell why an executor died. */
const TAIL_CHARACTERS = 4096;
/** What is read in one of these times, in bytes and ms; more waits, and who writes it waits too. */
const MOST_BYTES = 262_144;
const TIME_MS = 100;

/** The end of what an executor writes to stderr, read no faster than a person's words come. */
export class StderrTail {
  readonly #stream: Readable | null;
  #text = '';
  #bytes = 0;
  #clock: NodeJS.Timeout | undefined;

  /** stream: null where no process started. */
  constructor(stream: Readable | null) {
    this.#stream = stream;
    stream?.on('data', (piece: Buffer) => this.#take(piece));
  }

  /** A character that came in two pieces is not whole. */
  get text(): string {
    return this.#text;
  }

  #take(piece: Buffer): void {
    this.#text = (this.#text + piece.toString('utf8')).slice(-TAIL_CHARACTERS);
    this.#bytes += piece.length;
    this.#clock ??= setTimeout(() => this.#again(), TIME_MS).unref();
    if (this.#bytes > MOST_BYTES) this.#stream?.pause();
  }

  #again(): void {
    this.#clock = undefined;
    this.#bytes = 0;
    this.#stream?.resume();
  }
}
