import type { PeerId } from '../core/ids.ts';
import { isAtLeast, type LogLevel, type LogLine } from '../core/log-line.ts';
import { decodeLine, encodeLine } from './line-text.ts';

/** Which lines are wanted. */
export interface LogFilter {
  /** Those of one candidate; null: of all. */
  readonly index: number | null;
  /** Not below this one. */
  readonly level: LogLevel;
}

/** A line and the peer that has it. */
export interface CollectedLine extends LogLine {
  readonly peer: PeerId;
}

/** A peer whose lines, or the rest of them, are not there. */
export interface MissingLog {
  readonly missing: PeerId;
  /** In words. */
  readonly why: string;
}

export type LogEntry = CollectedLine | MissingLog;

/** Where lines come from. */
export interface LogSource {
  readonly peer: PeerId;
  /** Lines as texts of encoded lines, in pieces; a line CAUGHT_UP stands before those to come. */
  open(signal: AbortSignal): AsyncIterable<string>;
}

export interface CollectOptions {
  readonly sources: readonly LogSource[];
  /** Resolves when no more lines are to come; null: none is waited for. */
  readonly over: Promise<void> | null;
  /** A source that is silent so long, while it tells what it has, is missing, in ms. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

/** Stands in a stream of lines where those end that were there when they were asked for. */
const CAUGHT_UP = 'null';
/** A piece of a stream, in characters. */
const PIECE_CHARACTERS = 32_768;
/** How long lines may be under way that were logged before the end, in ms. */
const LAST_MS = 2000;
/** The longest line, with every character escaped. */
const MOST_LINE_CHARACTERS = 16_384;

/** Says whether a line is wanted; a word on lines that are missing always is. */
function isWanted(line: LogLine, { index, level }: LogFilter): boolean {
  const isOwn = index === null || line.index === index || line.index === null;
  return isOwn && isAtLeast(line.level, level);
}

/** The lines of a keeper as they are sent, in pieces that go out when there is nothing to add. */
export async function* linesToSend(
  lines: (caughtUp: () => void) => AsyncIterable<LogLine>,
  filter: LogFilter,
): AsyncGenerator<string> {
  let piece = '';
  const source = lines(() => {
    piece += `${CAUGHT_UP}\n`;
  })[Symbol.asyncIterator]();
  let next = source.next();
  try {
    for (;;) {
      // What is ready is gathered; what is not yet there does not hold it back.
      const ready = piece === '' ? await next : await Promise.race([next, soon()]);
      if (ready === null || piece.length > PIECE_CHARACTERS) {
        yield piece;
        piece = '';
        if (ready === null) continue;
      }
      if (ready.done === true) break;
      if (isWanted(ready.value, filter)) piece += `${encodeLine(ready.value)}\n`;
      next = source.next();
    }
    if (piece !== '') yield piece;
  } finally {
    await source.return?.(undefined);
  }
}

async function soon(): Promise<null> {
  await new Promise((resolve) => setImmediate(resolve));
  return null;
}

/** Splits a stream into lines; null stands for CAUGHT_UP. @throws Error at a line without end */
async function* parsed(pieces: AsyncIterable<string>): AsyncGenerator<LogLine | null> {
  let rest = '';
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MOST_LINE_CHARACTERS) throw new Error('it sends a line without end');
    for (const line of lines) {
      const read = decodeLine(line);
      if (read !== null) yield read;
      else if (line === CAUGHT_UP) yield null;
    }
  }
}

/** One source on its way. */
class Reader {
  readonly peer: PeerId;
  readonly #lines: AsyncGenerator<LogLine | null>;
  readonly #stop = new AbortController();
  /** The latest time so far: a source's lines stay in their order, whatever its clock does. */
  timeMs = 0;
  head: LogLine | null = null;

  constructor(source: LogSource, signal: AbortSignal | undefined) {
    this.peer = source.peer;
    const own = this.#stop.signal;
    this.#lines = parsed(source.open(signal === undefined ? own : AbortSignal.any([own, signal])));
  }

  /** The next line; null where it has caught up, undefined at its end. */
  async next(): Promise<LogLine | null | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  async nextWithin(ms: number): Promise<LogLine | null | undefined> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error('it gives no answer')), ms);
    try {
      return await Promise.race([this.next(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#stop.abort();
    void this.#lines.return(undefined).catch(() => undefined);
  }
}

/**
 * The lines of several peers. What is there already is merged by time, as far as each peer's own
 * clock tells it; then what comes, as it comes. A peer that fails is told as missing.
 */
export async function* collectLogs(options: CollectOptions): AsyncGenerator<LogEntry> {
  const { sources, over, signal } = options;
  const readers = sources.map((source) => new Reader(source, signal));
  try {
    const live = yield* merged(readers, options.patienceMs);
    if (over !== null) yield* following(live, over, signal);
  } finally {
    for (const reader of readers) reader.close();
  }
}

/** What is there, by time. Returns those that go on. */
async function* merged(
  readers: readonly Reader[],
  patienceMs: number,
): AsyncGenerator<LogEntry, Reader[]> {
  const live: Reader[] = [];
  const waiting: Reader[] = [];
  const missing: MissingLog[] = [];
  const advance = async (reader: Reader): Promise<void> => {
    try {
      const line = await reader.nextWithin(patienceMs);
      if (line === null) live.push(reader);
      if (line === null || line === undefined) return;
      reader.head = line;
      reader.timeMs = Math.max(reader.timeMs, line.timeMs);
      waiting.push(reader);
    } catch (error) {
      reader.close();
      missing.push({ missing: reader.peer, why: wordsOf(error) });
    }
  };
  await Promise.all(readers.map(advance));
  for (;;) {
    yield* missing.splice(0);
    const [first, ...others] = waiting;
    if (first === undefined) return live;
    const next = others.reduce((a, b) => (b.timeMs < a.timeMs ? b : a), first);
    waiting.splice(waiting.indexOf(next), 1);
    if (next.head !== null) yield { ...next.head, peer: next.peer };
    await advance(next);
  }
}

/** What comes, as it comes, until all have ended or no more is to come. */
async function* following(
  readers: readonly Reader[],
  over: Promise<void>,
  signal: AbortSignal | undefined,
): AsyncGenerator<LogEntry> {
  type Came = { readonly reader: Reader; readonly entry: LogEntry | null };
  const ask = async (reader: Reader): Promise<Came> => {
    try {
      const line = await reader.next();
      const entry = line === undefined || line === null ? null : { ...line, peer: reader.peer };
      return { reader, entry };
    } catch (error) {
      return { reader, entry: { missing: reader.peer, why: wordsOf(error) } };
    }
  };
  const coming = new Map(readers.map((reader) => [reader, ask(reader)]));
  let timer: NodeJS.Timeout | undefined;
  const late = Promise.withResolvers<null>();
  const end = over.then(() => {
    timer = setTimeout(late.resolve, LAST_MS, null);
  });
  end.catch(late.reject);
  try {
    while (coming.size > 0) {
      const came = await Promise.race([...coming.values(), late.promise]);
      signal?.throwIfAborted();
      if (came === null) return;
      const { reader, entry } = came;
      if (entry !== null) yield entry;
      if (entry === null || 'missing' in entry) coming.delete(reader);
      else coming.set(reader, ask(reader));
    }
    await end;
  } finally {
    clearTimeout(timer);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
