import type { LogLevel } from '../../core/log-line.ts';
import { MAX_LOG_TEXT_BYTES } from '../../core/log-line.ts';
import { clipText } from './clip-text.ts';

/** What one candidate may log; the rest is dropped and counted. */
export const CANDIDATE_LINES = 1000;
export const CANDIDATE_BYTES = 65_536;
/** What an executor may log at once, and then in each second. */
const BURST_LINES = 1000;
const LINES_PER_SECOND = 100;
const BURST_BYTES = 262_144;
const BYTES_PER_SECOND = 65_536;

/** What a log hands on. index: −1 outside of a candidate. */
export interface LogTeller {
  /** False: it is behind, and takes no line for now. */
  readonly ready: () => boolean;
  line(index: number, level: LogLevel, text: string): void;
  /** So many lines of this candidate, or of it and later ones, are not told. */
  dropped(index: number, lines: number): void;
}

export interface LogOptions {
  readonly tell: LogTeller;
  /** The candidate in hand; −1: none. */
  readonly index: () => number;
  /** A monotonic clock in ms. */
  readonly now: () => number;
}

/** The log of an executor: what user code writes to it, within its limits. */
export interface CandidateLog {
  /** The function for one level; it never throws. */
  at(level: LogLevel): (...values: unknown[]) => void;
  /** Tells what was dropped so far; to be called after each batch. */
  flush(): void;
}

/**
 * Makes the log of an executor. Values are joined with spaces; a longer text is cut at
 * MAX_LOG_TEXT_BYTES. A candidate has CANDIDATE_LINES and CANDIDATE_BYTES, an executor a thousand
 * lines (256 KiB) at once and then 100 (64 KiB) a second; lines beyond are counted.
 */
export function createLog({ tell, index, now }: LogOptions): CandidateLog {
  let current = -1;
  let ownLines = 0;
  let ownBytes = 0;
  let lines = BURST_LINES;
  let bytes = BURST_BYTES;
  let filledMs = now();
  let dropped = 0;
  let droppedFrom = -1;

  function refill(): void {
    const atMs = now();
    const seconds = Math.max(0, atMs - filledMs) / 1000;
    filledMs = atMs;
    lines = Math.min(BURST_LINES, lines + seconds * LINES_PER_SECOND);
    bytes = Math.min(BURST_BYTES, bytes + seconds * BYTES_PER_SECOND);
  }

  function tellDropped(): void {
    if (dropped === 0) return;
    tell.dropped(droppedFrom, dropped);
    dropped = 0;
  }

  function drop(at: number): void {
    if (dropped === 0) droppedFrom = at;
    dropped += 1;
  }

  function write(level: LogLevel, values: unknown[]): void {
    const at = index();
    if (at !== current) {
      if (ownLines >= CANDIDATE_LINES || ownBytes >= CANDIDATE_BYTES) tellDropped();
      current = at;
      ownLines = 0;
      ownBytes = 0;
    }
    if (ownLines >= CANDIDATE_LINES || ownBytes >= CANDIDATE_BYTES) return drop(at);
    refill();
    if (lines < 1 || bytes < 1 || !tell.ready()) return drop(at);
    const text = textOf(values);
    // What is not one byte a character is rare: an upper bound is near enough.
    ownLines += 1;
    ownBytes += text.length;
    lines -= 1;
    bytes -= text.length;
    tellDropped();
    tell.line(at, level, text);
  }

  return {
    at: (level) => {
      return (...values) => write(level, values);
    },
    flush() {
      tellDropped();
      current = -1;
      ownLines = 0;
      ownBytes = 0;
    },
  };
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
    if (value instanceof Error) return value.stack ?? String(value);
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
