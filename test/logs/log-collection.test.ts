import { describe, expect, test } from 'vitest';
import { droppedLine, type LogLine } from '../../src/core/log-line.ts';
import { encodeLine } from '../../src/logs/line-text.ts';
import {
  type CollectOptions,
  collectLogs,
  type LogEntry,
  type LogSource,
  linesToSend,
} from '../../src/logs/log-collection.ts';
import { decodeLogRequest, encodeLogRequest } from '../../src/logs/log-request.ts';

const PATIENCE = { patienceMs: 60_000 };

function line(timeMs: number, text = String(timeMs)): LogLine {
  return { timeMs, index: 0, level: 'info', text };
}

/** A source of these pieces; a promise is waited for before the next piece. */
function source(peer: string, ...pieces: readonly (string | Promise<unknown>)[]): LogSource {
  return {
    peer,
    async *open() {
      for (const piece of pieces) {
        if (typeof piece === 'string') yield piece;
        else await piece;
      }
    },
  };
}

function sent(...lines: readonly LogLine[]): string {
  return lines.map((each) => `${encodeLine(each)}\n`).join('');
}

async function told(options: CollectOptions): Promise<string[]> {
  const texts: string[] = [];
  for await (const entry of collectLogs(options)) texts.push(textOf(entry));
  return texts;
}

function textOf(entry: LogEntry): string {
  return 'missing' in entry ? `${entry.missing}: ${entry.why}` : `${entry.peer} ${entry.text}`;
}

describe('lines of several peers', () => {
  test('are merged by time, and those of one peer stay in their order', async () => {
    const sources = [
      source('a', sent(line(1), line(5, 'late'), line(4, 'set back')), sent(line(9))),
      source('b', sent(line(2), line(6), line(7))),
    ];
    expect(await told({ sources, ...PATIENCE })).toEqual([
      ...['a 1', 'b 2', 'a late', 'a set back', 'b 6', 'b 7', 'a 9'],
    ]);
  });

  test('are whole, wherever a stream is cut in pieces', async () => {
    const text = sent(line(1, 'ä“”'), line(2, 'two\nlines'));
    const sources = [source('a', ...text)];
    expect(await told({ sources, ...PATIENCE })).toEqual(['a ä“”', 'a two\nlines']);
  });

  test('are told without those of a peer that fails, which is named', async () => {
    const broken: LogSource = {
      peer: 'b',
      async *open() {
        yield sent(line(1));
        throw new Error('the connection broke');
      },
    };
    const sources = [source('a', sent(line(2))), broken];
    const lost: string[] = [];
    const options = { sources, ...PATIENCE, lost: (peer: string) => lost.push(peer) };
    expect(await told(options)).toEqual(['b 1', 'b: the connection broke', 'a 2']);
    expect(lost).toEqual(['b']);
  });

  test('do not wait for a peer that is silent', async () => {
    const never = new Promise(() => undefined);
    const sources = [source('a', sent(line(1))), source('b', never)];
    expect(await told({ sources, patienceMs: 50 })).toEqual(['b: it gives no answer', 'a 1']);
  });

  test('go on as they come, with peers that come, until all have ended', async () => {
    const gate = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    let asked = 0;
    const newcomers = async (): Promise<readonly LogSource[]> => {
      asked += 1;
      if (asked === 1) return [source('c', sent(line(3)))];
      await over.promise;
      return [];
    };
    const sources = [source('a', sent(line(9)), 'null\n', gate.promise, sent(line(4)))];
    const texts: string[] = [];
    for await (const entry of collectLogs({
      sources,
      over: over.promise,
      newcomers,
      ...PATIENCE,
    })) {
      texts.push(textOf(entry));
      if (texts.length === 2) gate.resolve();
      if (texts.length === 3) over.resolve();
    }
    expect(texts).toEqual(['a 9', 'c 3', 'a 4']);
  });

  test('of a peer that comes back are told from where it was lost', async () => {
    const over = Promise.withResolvers<void>();
    const back = source('a', sent(line(1), line(2), line(3)));
    const first: LogSource = {
      peer: 'a',
      async *open() {
        yield `${sent(line(1))}null\n${sent(line(2))}`;
        throw new Error('gone');
      },
    };
    let isLost = false;
    let isBack = false;
    const options = {
      ...{ sources: [first], over: over.promise, ...PATIENCE },
      lost() {
        isLost = true;
      },
      newcomers: async () => {
        if (!isLost || isBack) {
          await new Promise((resolve) => setImmediate(resolve));
          return [];
        }
        isBack = true;
        return [back];
      },
    };
    const texts: string[] = [];
    for await (const entry of collectLogs(options)) {
      texts.push(textOf(entry));
      if (texts.length === 4) over.resolve();
    }
    expect(texts).toEqual(['a 1', 'a 2', 'a: gone', 'a 3']);
  });

  test('end with a peer that sends a line without end', async () => {
    const sources = [source('a', 'x'.repeat(20_000))];
    expect(await told({ sources, ...PATIENCE })).toEqual(['a: it sends a line without end']);
  });
});

describe('lines that are sent', () => {
  async function piecesOf(lines: readonly LogLine[], index: number | null = null) {
    const pieces: string[] = [];
    async function* all(caughtUp: () => void) {
      yield* lines;
      caughtUp();
    }
    const filter = { index, level: 'info' } as const;
    for await (const piece of linesToSend(all, filter)) pieces.push(piece);
    return pieces;
  }

  test('go out together when they are there, in pieces that a stream takes', async () => {
    const [only, ...others] = await piecesOf([line(1), line(2)]);
    expect(only).toBe(`${sent(line(1), line(2))}null\n`);
    expect(others).toEqual([]);
    const long = Array.from({ length: 100 }, (_, k) => line(k, 'x'.repeat(2000)));
    const pieces = await piecesOf(long);
    expect(pieces.join('')).toBe(`${sent(...long)}null\n`);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(40_000);
  });

  test('are those of the wanted candidate and level, and a word on what is missing', async () => {
    const other = { ...line(1), index: 5 };
    const debug = { ...line(2), level: 'debug' } as const;
    const dropped = droppedLine(3, null, 2);
    const teardown = { ...line(4), index: null };
    expect((await piecesOf([line(0), other, debug, dropped, teardown], 0)).join('')).toBe(
      `${sent(line(0), dropped)}null\n`,
    );
  });
});

test('a request is read as it was written, and nothing else is one', () => {
  const request = {
    ...{ job: '01'.repeat(32), computation: 'ab'.repeat(32) },
    ...({ index: 7, level: 'warn', follow: true } as const),
  };
  const bytes = encodeLogRequest(request);
  expect(decodeLogRequest(bytes)).toEqual(request);
  expect(decodeLogRequest(bytes.subarray(1))).toBeNull();
  expect(decodeLogRequest(new Uint8Array(300))).toBeNull();
});
