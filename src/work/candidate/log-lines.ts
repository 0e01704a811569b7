import type { LogLevel } from '../../core/log-line.ts';
import { MAX_LOG_TEXT_BYTES } from '../../core/log-line.ts';
import { clipText } from './clip-text.ts';
import { describeThrown } from './thrown.ts';

/** What one candidate may log; the rest is dropped and counted. */
export const CANDIDATE_LINES = 1000;
export const CANDIDATE_BYTES = 65_536;
/** What an executor may log at once, and then in each second. */
const BURST_LINES = 1000;
const LINES_PER_SECOND = 100;
const BURST_BYTES = 262_144;
const BYTES_PER_SECOND = 65_536;

/** A line as an executor tells it. */
export interface SentLine {
  readonly timeMs: number;
  /** −1 outside of a candidate. */
  readonly index: number;
  readonly level: LogLevel;
  readonly text: string;
  /** Whether it is kept is told later, by `settled`; where that never comes it is kept. */
  readonly held: boolean;
}

/** What a log hands on. */
export interface LogTeller {
  /** False: it is behind, and takes no line for now. */
  readonly ready: () => boolean;
  line(line: SentLine): void;
  /** Whether the lines that were held are kept. */
  settled(isKept: boolean): void;
  /** Lines of this candidate (−1: of none), or of it and later ones, are not told. */
  dropped(index: number, lines: number): void;
}

export interface LogOptions {
  readonly tell: LogTeller;
  /** The candidate in hand; −1: none. */
  readonly index: () => number;
  /** A monotonic clock in ms. */
  readonly now: () => number;
  /** Ms since 1970. */
  readonly wallClock: () => number;
}

/**
 * no: a line is told when it is logged. here: the lines of a candidate wait until they are settled;
 * they end with the process. there: they are told at once, and wait at the peer.
 */
export type Holding = 'no' | 'here' | 'there';

/** The log of an executor: what user code writes to it, within its limits. */
export interface CandidateLog {
  /** The function for one level; it never throws. */
  at(level: LogLevel): (...values: unknown[]) => void;
  /** Where the lines of the candidates that come wait to be settled. */
  hold(where: Holding): void;
  /** Says whether lines of the candidate in hand wait to be settled. */
  holds(): boolean;
  /** Whether what waits is kept. */
  settle(isKept: boolean): void;
  /** Tells what was dropped so far; to be called after each batch. */
  flush(): void;
}

/**
 * Makes the log of an executor. Values are joined with spaces; a longer text is cut at
 * MAX_LOG_TEXT_BYTES. A candidate has CANDIDATE_LINES and CANDIDATE_BYTES, an executor a thousand
 * lines (256 KiB) at once and then 100 (64 KiB) a second; lines beyond are counted.
 */
export function createLog(options: LogOptions): CandidateLog {
  const log = new ExecutorLog(options);
  return {
    at: (level) => {
      return (...values) => log.write(level, values);
    },
    hold: (where) => log.hold(where),
    holds: () => log.holds(),
    settle: (isKept) => log.settle(isKept),
    flush: () => log.flush(),
  };
}

class ExecutorLog {
  readonly #options: LogOptions;
  #holding: Holding = 'no';
  #candidate = -1;
  #ownLines = 0;
  #ownBytes = 0;
  #lines = BURST_LINES;
  #bytes = BURST_BYTES;
  #filledMs: number;
  #dropped = 0;
  #droppedFrom = -1;
  /** Lines that wait here, and how many more there were. */
  #held: SentLine[] = [];
  #heldDropped = 0;
  /** Lines that wait at the peer. */
  #there = 0;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#filledMs = options.now();
  }

  write(level: LogLevel, values: unknown[]): void {
    const { index, wallClock } = this.#options;
    const at = index();
    if (at !== this.#candidate) this.#begin(at);
    const where = at < 0 ? 'no' : this.#holding;
    if (this.#ownLines >= CANDIDATE_LINES || this.#ownBytes >= CANDIDATE_BYTES) {
      if (where === 'no') this.#drop(at, 1);
      else this.#heldDropped += 1;
      return;
    }
    if (where !== 'here' && !this.#hasRoom()) return this.#drop(at, 1);
    const text = textOf(values);
    // What is not one byte a character is rare: an upper bound is near enough.
    this.#ownLines += 1;
    this.#ownBytes += text.length;
    const line = { timeMs: wallClock(), index: at, level, text, held: where === 'there' };
    // Not push: user code may have changed what arrays can do.
    if (where === 'here') this.#held[this.#held.length] = line;
    else this.#tell(line);
  }

  hold(where: Holding): void {
    this.#holding = where;
  }

  holds(): boolean {
    return this.#held.length > 0 || this.#there > 0 || this.#heldDropped > 0;
  }

  settle(isKept: boolean): void {
    const lines = this.#held;
    const dropped = this.#heldDropped;
    const at = this.#candidate;
    if (this.#there > 0) this.#options.tell.settled(isKept);
    this.#held = [];
    this.#heldDropped = 0;
    this.#there = 0;
    if (!isKept) return;
    for (let k = 0; k < lines.length; k += 1) {
      if (this.#hasRoom()) this.#tell(lines[k] as SentLine);
      else this.#drop(at, 1);
    }
    this.#drop(at, dropped);
  }

  flush(): void {
    this.#tellDropped();
    this.#begin(-1);
  }

  #begin(candidate: number): void {
    // Each candidate that logs more than its own share is told of; else they are counted together.
    if (this.#ownLines >= CANDIDATE_LINES || this.#ownBytes >= CANDIDATE_BYTES) {
      this.#tellDropped();
    }
    this.#candidate = candidate;
    this.#ownLines = 0;
    this.#ownBytes = 0;
  }

  #tell(line: SentLine): void {
    this.#lines -= 1;
    this.#bytes -= line.text.length;
    if (line.held) this.#there += 1;
    this.#tellDropped();
    this.#options.tell.line(line);
  }

  /** Says whether one more line is within what an executor may log. */
  #hasRoom(): boolean {
    const { now, tell } = this.#options;
    const atMs = now();
    const seconds = Math.max(0, atMs - this.#filledMs) / 1000;
    this.#filledMs = atMs;
    this.#lines = Math.min(BURST_LINES, this.#lines + seconds * LINES_PER_SECOND);
    this.#bytes = Math.min(BURST_BYTES, this.#bytes + seconds * BYTES_PER_SECOND);
    return this.#lines >= 1 && this.#bytes >= 1 && tell.ready();
  }

  #drop(at: number, lines: number): void {
    if (this.#dropped === 0) this.#droppedFrom = at;
    this.#dropped += lines;
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    this.#options.tell.dropped(this.#droppedFrom, this.#dropped);
    this.#dropped = 0;
  }
}

function textOf(values: unknown[]): string {
  // No method of arrays is called here: user code may have changed them.
  let words = '';
  for (let k = 0; k < values.length; k += 1) words += `${k === 0 ? '' : ' '}${text(values[k])}`;
  const most = MAX_LOG_TEXT_BYTES - 4;
  const line = clipText(words, most);
  return words.length > line.length ? `${line} …` : line;
}

function text(value: unknown): string {
  try {
    if (typeof value === 'string') return value;
    // With the user's own frames, by the names of the user's own files.
    if (value instanceof Error) return describeThrown(value).detail;
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Cycles and BigInts: logging never fails a candidate.
    return plainText(value);
  }
}

function plainText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'a value without a text';
  }
}
