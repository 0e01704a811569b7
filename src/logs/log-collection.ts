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
  /** Resolves when no more lines are to come. @default none is waited for */
  readonly over?: Promise<void>;
  /** Resolves with sources that came meanwhile; asked again and again. @default none come */
  readonly newcomers?: () => Promise<readonly LogSource[]>;
  /** Told of a source that failed: should it come back, its later lines are wanted. */
  readonly lost?: (peer: PeerId) => void;
  /** A source that is silent so long, while it tells what it has, is missing, in ms. */
  readonly patienceMs: number;
  readonly signal?: AbortSignal;
}

/** Stands in a stream of lines where those end that were there when they were asked for. */
const CAUGHT_UP = 'null';
/** A piece of a stream, in characters. */
const PIECE_CHARACTERS = 32_768;
/** A source is not silent longer than this while it waits for lines, in ms. */
const SIGN_MS = 10_000;
/** How long lines may be under way that were logged before the end, in ms. */
const LAST_MS = 2000;
/** The longest line, with every character escaped. */
const MOST_LINE_CHARACTERS = 16_384;

/** Stands for lines that are not there, whosever they were. */
const DROPPED = /^… \d+ lines? dropped$/;

/** Says whether a line is wanted; a word on lines that are missing always is. */
function isWanted(line: LogLine, { index, level }: LogFilter): boolean {
  const isMissing = line.index === null && DROPPED.test(line.text);
  const isOwn = index === null || line.index === index || isMissing;
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
      const ready = piece === '' ? await within(SIGN_MS, next) : await Promise.race([next, soon()]);
      if (ready === null || piece.length > PIECE_CHARACTERS) {
        // An empty line is a sign of life.
        yield piece === '' ? '\n' : piece;
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

/** Null when it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(late.resolve, ms, null);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
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
  readonly afterMs: number;
  readonly #lines: AsyncGenerator<LogLine | null>;
  readonly #stop = new AbortController();
  /** The latest time so far: a source's lines stay in their order, whatever its clock does. */
  timeMs = 0;
  head: LogLine | null = null;

  constructor(source: LogSource, signal: AbortSignal | undefined, afterMs = 0) {
    this.peer = source.peer;
    this.afterMs = afterMs;
    const own = this.#stop.signal;
    this.#lines = parsed(source.open(signal === undefined ? own : AbortSignal.any([own, signal])));
  }

  /** The next line; null where it has caught up, undefined at its end. */
  async next(): Promise<LogLine | null | undefined> {
    const { value, done } = await this.#lines.next();
    return done === true ? undefined : value;
  }

  async nextWithin(ms: number): Promise<LogLine | null | undefined> {
    const next = await within(
      ms,
      this.next().then((line) => ({ line })),
    );
    if (next === null) throw new Error('it gives no answer');
    return next.line;
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
  const following = new Following(options);
  const readers = options.sources.map((source) => following.read(source));
  try {
    const live = yield* merged(readers, options);
    if (options.over !== undefined) yield* following.entries(live, options.over);
  } finally {
    following.close();
  }
}

/** Of the same moment the smaller peer's comes first: the order is the same each time. */
function isBefore(a: Reader, b: Reader): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.peer < b.peer);
}

/** What is there, by time. Returns those that go on. */
async function* merged(
  readers: readonly Reader[],
  { patienceMs, lost }: CollectOptions,
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
      lost?.(reader.peer);
      missing.push({ missing: reader.peer, why: wordsOf(error) });
    }
  };
  await Promise.all(readers.map(advance));
  for (;;) {
    yield* missing.splice(0);
    const [first, ...others] = waiting;
    if (first === undefined) return live;
    const next = others.reduce((a, b) => (isBefore(b, a) ? b : a), first);
    waiting.splice(waiting.indexOf(next), 1);
    if (next.head !== null) yield { ...next.head, peer: next.peer };
    await advance(next);
  }
}

/** What came of one wait: an entry, the end of a source (null), or new sources. */
type Came =
  | { readonly reader: Reader; readonly entry: LogEntry | null }
  | { readonly sources: readonly LogSource[] }
  | 'late';

/** The sources that are read, and what they tell as it comes. */
class Following {
  readonly #options: CollectOptions;
  readonly #readers = new Set<Reader>();
  /** The latest line of each source: what one that comes back told before is not told again. */
  readonly #latest = new Map<PeerId, number>();

  constructor(options: CollectOptions) {
    this.#options = options;
  }

  /** afterMs: only lines that are later than this. */
  read(source: LogSource, afterMs?: number): Reader {
    const reader = new Reader(source, this.#options.signal, afterMs);
    this.#readers.add(reader);
    return reader;
  }

  /** Until all have ended, or no more is to come. */
  async *entries(live: readonly Reader[], over: Promise<void>): AsyncGenerator<LogEntry> {
    const { newcomers, signal } = this.#options;
    const coming = new Map<Reader | null, Promise<Came>>();
    for (const reader of this.#readers) this.#latest.set(reader.peer, reader.timeMs);
    for (const reader of live) coming.set(reader, this.#next(reader));
    const look = (): void => {
      // It fails when the signal aborts, and then the loop ends.
      const none = (): Came => ({ sources: [] });
      if (newcomers !== undefined)
        coming.set(
          null,
          newcomers().then((sources) => ({ sources }), none),
        );
    };
    look();
    let timer: NodeJS.Timeout | undefined;
    const late = Promise.withResolvers<'late'>();
    let isOver = false;
    over.then(() => {
      timer = setTimeout(late.resolve, LAST_MS, 'late');
      coming.delete(null);
      isOver = true;
    }, late.reject);
    try {
      while (coming.size > 0) {
        const came = await Promise.race([...coming.values(), late.promise]);
        if (came === 'late' || signal?.aborted === true) return;
        if ('sources' in came) {
          for (const source of came.sources) {
            const reader = this.read(source, this.#latest.get(source.peer));
            coming.set(reader, this.#next(reader));
          }
          if (isOver) coming.delete(null);
          else look();
          continue;
        }
        const { reader, entry } = came;
        if (entry !== null) yield entry;
        if (entry === null || 'missing' in entry) coming.delete(reader);
        else coming.set(reader, this.#next(reader));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    for (const reader of this.#readers) reader.close();
  }

  /** The next line that was not told before. */
  async #next(reader: Reader): Promise<Came> {
    const { peer } = reader;
    try {
      for (;;) {
        const line = await reader.next();
        if (line === undefined) return { reader, entry: null };
        if (line === null || line.timeMs <= reader.afterMs) continue;
        this.#latest.set(peer, Math.max(this.#latest.get(peer) ?? 0, line.timeMs));
        return { reader, entry: { ...line, peer } };
      }
    } catch (error) {
      this.#options.lost?.(peer);
      return { reader, entry: { missing: peer, why: wordsOf(error) } };
    }
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
