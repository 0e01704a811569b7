import type { OutputFile } from './output-file.ts';

/** Bytes read at a time, and how many at most to find the end of a line. */
const PIECE_BYTES = 65_536;
const MOST_PIECE_BYTES = 1_048_576;

const LINE_FEED = 10;

/** How the output of commands that still run is told: by whole lines, or byte by byte. */
export type LiveForm = 'lines' | 'bytes';

/** What a command that still runs has written to one of its outputs. */
export interface LivePiece {
  readonly name: 'stdout' | 'stderr';
  /** Where the bytes stand in the whole output. */
  readonly at: number;
  readonly bytes: Uint8Array;
  /** When this try of the command began: as its result tells it, in ms since 1970. */
  readonly startedMs: number;
}

/** Who hears what commands write while they run. */
export interface LiveListener {
  /** False while it takes no more: what is not told comes with the result. */
  ready(): boolean;
  tell(piece: LivePiece): void;
}

/**
 * Reads the output of a command while it is being written. A line of more than a mebibyte, and all
 * behind it, is left for the result.
 */
export class LiveReader {
  readonly #file: OutputFile;
  readonly #form: LiveForm;
  readonly #mostBytes: number;
  #at = 0;
  #seen = 0;
  #window = PIECE_BYTES;

  /** mostBytes: what the command may write. */
  constructor(file: OutputFile, form: LiveForm, mostBytes: number) {
    this.#file = file;
    this.#form = form;
    this.#mostBytes = mostBytes;
  }

  /** What was written since; null when there is nothing to tell. */
  next(): { readonly at: number; readonly bytes: Uint8Array } | null {
    const size = Math.min(this.#file.size(), this.#mostBytes);
    if (size <= this.#seen || this.#window > MOST_PIECE_BYTES) return null;
    const read = this.#file.read(this.#at, Math.min(size - this.#at, this.#window));
    const length = this.#form === 'bytes' ? read.length : read.lastIndexOf(LINE_FEED) + 1;
    if (length === 0) {
      // Not looked at again before more was written, or as much as is read at a time.
      this.#seen = this.#at + read.length;
      if (read.length === this.#window) this.#window *= 2;
      return null;
    }
    const at = this.#at;
    this.#at += length;
    this.#seen = this.#at;
    this.#window = PIECE_BYTES;
    return { at, bytes: read.subarray(0, length) };
  }
}
