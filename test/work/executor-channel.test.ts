import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { ErrorOutcome } from '../../src/core/column.ts';
import { check } from '../../src/core/form.ts';
import { decodeBody, encodeBody } from '../../src/core/record-codec.ts';
import { piecesOf } from '../../src/work/batch-pieces.ts';
import type { ValueColumn } from '../../src/work/candidate/accepted-column.ts';
import { faultOfBytes } from '../../src/work/executor-bytes.ts';
import { ExecutorChannel } from '../../src/work/executor-channel.ts';
import { fromExecutorForm } from '../../src/work/executor-check.ts';
import { FrameReader, frameOf, MOST_FRAME_BYTES } from '../../src/work/executor-frame.ts';
import type { FromExecutor } from '../../src/work/executor-message.ts';
import { Turns } from '../../src/work/executor-turns.ts';
import { StderrTail } from '../../src/work/stderr-tail.ts';
import { inputsOf, openBench, textsOf } from './work-bench.ts';

const EMPTY = {
  ...{ kind: 'batch', lo: 3, hi: 5, column: null, errors: [] },
  ...{ ms: 1, worn: false, next: 1 },
} as const;
const INDICES = Float64Array.of(3, 4);
const LINE = { timeMs: 1, index: 3, level: 'info', text: 'x', held: false } as const;
const PIECE = { name: 'stdout', at: 0, bytes: Uint8Array.of(120), startedMs: 1.5 } as const;

function numbers(indices: readonly number[], values: readonly number[]): object {
  const column = { kind: 'number', indices: Float64Array.from(indices) };
  return { ...EMPTY, column: { ...column, values: Float64Array.from(values) } };
}

function texts(...values: unknown[]): object {
  return { ...EMPTY, column: { kind: 'text', indices: INDICES, texts: values } };
}

function record(keys: unknown, columns: unknown): object {
  return { ...EMPTY, column: { kind: 'record', keys, indices: INDICES, columns } };
}

function line(more: object): object {
  return { kind: 'log', lines: [{ ...LINE, ...more }] };
}

describe('what an executor tells is taken when it is', () => {
  test.each<[string, object]>([
    ['loaded', { kind: 'loaded', teardown: false, seedless: true }],
    ['an empty batch', EMPTY],
    ['numbers', numbers([3, 4], [-1.5, 0])],
    ['records', record(['a', 'b'], [INDICES, INDICES])],
    ['texts', texts('"a"', '{"b":[1]}')],
    ['errors', { ...EMPTY, errors: [{ index: 4, name: 'E', detail: '' }] }],
    ['a line', line({})],
    ['a line of no candidate', line({ index: -1 })],
    ['a piece', { kind: 'output', index: 3, piece: PIECE }],
  ])('%s', (_, message) => {
    expect(check(fromExecutorForm, message)).toEqual({ value: message });
  });
});

describe('what an executor tells is refused, and nothing thrown, when it is', () => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a list', []],
    ['a map', new Map([['kind', 'loaded']])],
    ['of no known kind', { kind: 'toString' }],
    ['of a kind that is no text', { kind: ['loaded'] }],
    ['a key too many', { kind: 'leaving', more: 1 }],
    ['a column that is none', { ...EMPTY, column: {} }],
    ['no errors', { ...EMPTY, errors: null }],
    ['half a character', { ...EMPTY, errors: [{ index: 4, name: '\ud83d', detail: '' }] }],
    ['an error that is none', { ...EMPTY, errors: [null] }],
    ['the error of another', { ...EMPTY, errors: [{ index: 5, name: 'E', detail: '' }] }],
    ['a batch backwards', { ...EMPTY, hi: 2 }],
    ['half an index', { ...EMPTY, hi: 4.5 }],
    ['time below nothing', { ...EMPTY, ms: -1 }],
    ['no time', { ...EMPTY, ms: Number.NaN }],
    ['no next batch', { ...EMPTY, next: 0 }],
    ['an index that does not rise', numbers([3, 3], [1, 2])],
    ['an index below', numbers([2, 3], [1, 2])],
    ['an index above', numbers([3, 5], [1, 2])],
    ['no index', numbers([3, Number.NaN], [1, 2])],
    ['a number that JSON has not', numbers([3, 4], [1, Number.POSITIVE_INFINITY])],
    ['a number below zero that is zero', numbers([3, 4], [1, -0])],
    ['a number too few', numbers([3, 4], [1])],
    ['a column too few', record(['a', 'b'], [INDICES])],
    ['a key twice', record(['a', 'a'], [INDICES, INDICES])],
    ['a key that records have not', record(['7'], [INDICES])],
    ['columns that are none', record(['a'], [[1, 2]])],
    ['no JSON', texts('1', '{')],
    ['two lines', texts('1', '[1,\n2]')],
    [
      'texts with a hole',
      { ...EMPTY, column: { kind: 'text', indices: INDICES, texts: new Array(2) } },
    ],
    ['a list without an end', { kind: 'log', lines: new Array(2 ** 32 - 1) }],
    [
      'two outcomes of one',
      { ...numbers([3, 4], [1, 2]), errors: [{ index: 4, name: 'E', detail: '' }] },
    ],
    ['a line that is none', { kind: 'log', lines: [null] }],
    ['a line that is long', line({ text: '中'.repeat(1000) })],
    ['a line of no date', line({ timeMs: 1e17 })],
    ['a line of no level', line({ level: 'toString' })],
    ['no piece', { kind: 'output', index: 3, piece: null }],
    ['a piece of nothing', { kind: 'output', index: 3, piece: { ...PIECE, bytes: Buffer.of() } }],
    ['no failure', { kind: 'failure', index: 3, failure: null }],
    ['a failure before all', { kind: 'failure', index: -5, failure: { kind: 'died', detail: '' } }],
  ])('%s', (_, message) => {
    expect(check(fromExecutorForm, message)).toEqual({ rejected: expect.any(String) });
  });
});

/** Numbers as V8 writes them: seven bits a byte. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

function bytesOf(...parts: (string | number)[]): Buffer {
  const each = parts.map((part) => {
    return typeof part === 'number' ? Buffer.from(varint(part)) : Buffer.from(part);
  });
  return Buffer.concat([Buffer.from([0xff, 0x0f]), ...each]);
}

describe('V8 is given the bytes of a message', () => {
  const holey: object[] = [];
  holey[1] = { ...LINE };
  holey[0] = LINE;
  test.each<[string, object]>([
    ['without a column', EMPTY],
    ['of numbers', numbers([3, 4], [-1.5, 0])],
    ['of records', record(['a', '中'], [Float64Array.of(1, 2), Float64Array.of(3, 4)])],
    ['of texts', texts('"a"', '{"b":["中😀"]}')],
    ['of errors', { ...EMPTY, errors: [{ index: 4, name: 'E', detail: '中' }] }],
    ['of lines', { kind: 'log', lines: holey }],
    ['of a piece', { kind: 'output', index: 2 ** 40, piece: PIECE }],
    ['of a buffer', { kind: 'output', index: 3, piece: { ...PIECE, bytes: Buffer.from('x') } }],
  ])('%s', (_, message) => {
    expect(faultOfBytes(frameOf(message).subarray(4))).toBe(null);
  });
});

describe('V8 is not given', () => {
  test.each<[string, Buffer]>([
    ['a list that is shorter than it says', bytesOf('A', 4, '0', '0', '$', 0, 4)],
    ['lists that say how long they are', bytesOf('A', 4e6, 'A', 4e6, 'A', 4e6)],
    ['holes', bytesOf('a', 2 ** 25 - 2, 'I', 0, '0', '@', 1, 2 ** 25 - 2)],
    ['properties of a list', bytesOf('A', 0, '"', 1, 'x', '0', '$', 1, 0)],
    ['a buffer that grows', bytesOf('~', 1, 2 ** 30, 'x')],
    ['a map', bytesOf(';', ':', 0)],
    ['what was there before', bytesOf('A', 2, 'o', '{', 0, '^', 1, '$', 0, 2)],
    ['what is nested deeply', bytesOf(...Array.from({ length: 100 }, () => ['A', 1]).flat())],
    ['a text that is shorter than it says', bytesOf('"', 9, 'x')],
    ['a key that is a number', bytesOf('o', 'I', 2, '0', '{', 1)],
    ['two messages', bytesOf('0', '0')],
    ['no message', Buffer.of()],
  ])('%s', (_, bytes) => {
    expect(faultOfBytes(bytes)).toEqual(expect.any(String));
  });
});

test('a piece that is kept does not keep the message that it came in', () => {
  const bytes = new Uint8Array(new ArrayBuffer(1e6), 0, 1);
  const read = check(fromExecutorForm, { kind: 'output', index: 3, piece: { ...PIECE, bytes } });
  if (!('value' in read) || read.value.kind !== 'output') throw new Error('refused');
  expect(read.value.piece.bytes.buffer.byteLength).toBe(1);
});

describe('an executor’s turn', () => {
  const batch = (lo: number, hi: number, more: object = {}): FromExecutor => {
    return { ...EMPTY, lo, hi, ...more } as FromExecutor;
  };
  const failure = (index: number): FromExecutor => {
    return { kind: 'failure', index, failure: { kind: 'stack', detail: '' } };
  };
  const errors = (detail: string): object => ({ errors: [{ index: 10, name: 'E', detail }] });
  const LOADED = { kind: 'loaded', teardown: true, seedless: false } as const;

  function turns(isTrace = false): Turns {
    const made = new Turns({ isTrace, isCommands: false });
    expect(made.faultOf(LOADED)).toBe(null);
    made.begin({ lo: 10, hi: 20 });
    return made;
  }

  test('is batch after batch, then the next span', () => {
    const made = turns();
    expect([batch(10, 11), batch(11, 20)].map((one) => made.faultOf(one))).toEqual([null, null]);
    expect(made.faultOf(batch(20, 21))).toMatch(/nobody asked/);
    made.begin({ lo: 20, hi: 22 });
    expect(made.faultOf(batch(20, 22))).toBe(null);
  });

  test('is a failure of the next candidate, also where it is worn', () => {
    const made = turns();
    expect(made.faultOf(batch(10, 12, { worn: true }))).toBe(null);
    expect(made.faultOf(failure(12))).toBe(null);
    expect(made.faultOf(batch(13, 14))).toMatch(/nobody asked/);
  });

  test('is as much of an error as the records of other peers hold, and all of it in a trace', () => {
    for (const [length, isTaken] of [
      [2048, true],
      [2049, false],
    ] as const) {
      const message = batch(10, 11, errors('e'.repeat(length))) as Extract<
        FromExecutor,
        { kind: 'batch' }
      >;
      expect(turns().faultOf(message) === null).toBe(isTaken);
      expect(turns(true).faultOf(message)).toBe(null);
      const job = '0'.repeat(64);
      const { ms, lo, hi, errors: told } = message;
      const segment = { job, lo, hi, ms, errors: told, accepted: [], fresh: false } as const;
      expect('value' in decodeBody(encodeBody({ kind: 'segment', ...segment }))).toBe(isTaken);
    }
  });

  test('is an answer to a drain of an earlier listener while a span is in hand', () => {
    const made = turns();
    made.drain(1);
    expect(made.faultOf(batch(10, 20))).toBe(null);
    made.begin({ lo: 20, hi: 30 });
    expect(made.faultOf({ kind: 'drained', token: 1 })).toBe(null);
    expect(made.faultOf(batch(20, 21))).toBe(null);
  });

  test.each<[string, FromExecutor]>([
    ['a second load', LOADED],
    ['outcomes before its own', batch(9, 11)],
    ['outcomes that leave some out', batch(11, 12)],
    ['outcomes beyond its span', batch(10, 21)],
    ['a failure of another', failure(11)],
    ['an answer unasked', { kind: 'drained', token: 1 }],
    ['an end unasked', { kind: 'drained', token: -1 }],
    ['a teardown unasked', { kind: 'leaving' }],
    ['output without commands', { kind: 'output', index: 10, piece: PIECE }],
    ['a draw', { kind: 'draw', draw: { call: '', first: 0, count: 1, value: 0 } }],
  ])('is not %s', (_, message) => {
    expect(turns().faultOf(message)).toEqual(expect.any(String));
  });
});

test('frames come whole out of pieces of any size, and not one that is too long', () => {
  const frames = [frameOf({ a: 1 }), frameOf({ b: 'x'.repeat(300) }), frameOf({})];
  const whole = Buffer.concat(frames);
  for (let size = 1; size <= whole.length; size += 1) {
    const reader = new FrameReader(MOST_FRAME_BYTES);
    const bodies: Buffer[] = [];
    for (let at = 0; at < whole.length; at += size) {
      bodies.push(...reader.take(whole.subarray(at, at + size)));
    }
    expect(bodies.map((body) => body.length)).toEqual(frames.map(({ length }) => length - 4));
    expect(Buffer.concat(bodies).equals(Buffer.concat(frames.map((f) => f.subarray(4))))).toBe(
      true,
    );
    expect([reader.isHalf, reader.fault]).toEqual([false, null]);
  }
  for (const head of ['00000000', '00400001', 'ffffffff']) {
    const reader = new FrameReader(MOST_FRAME_BYTES);
    expect([...reader.take(Buffer.from(`${head}00`, 'hex'))]).toEqual([]);
    expect(reader.fault).toMatch(/a message of \d+ bytes/);
  }
});

test('a long batch goes in pieces that a message holds, with every outcome once', () => {
  const count = 3000;
  const own = Array.from({ length: count }, (_, k) => k);
  const accepted = own.filter((k) => k % 3 > 0);
  const column: ValueColumn = {
    kind: 'text',
    indices: Float64Array.from(accepted),
    texts: accepted.map((k) => `"${'中'.repeat(k === 100 ? 340_000 : k)}"`),
  };
  const errors: ErrorOutcome[] = own
    .filter((k) => k % 3 === 0)
    .map((index) => ({ index, name: 'E', detail: 'e'.repeat(2000) }));
  const pieces = piecesOf({ lo: 0, hi: count + 5, column, errors, ms: 30 });
  expect(pieces.length).toBeGreaterThan(5);
  const ends = pieces.map(({ hi }) => hi);
  expect(pieces.map(({ lo }) => lo)).toEqual([0, ...ends.slice(0, -1)]);
  expect(ends.at(-1)).toBe(count + 5);
  expect(pieces.flatMap((piece) => piece.errors)).toEqual(errors);
  const told = pieces.flatMap((piece) => (piece.column?.kind === 'text' ? piece.column.texts : []));
  expect(told).toEqual(column.texts);
  for (const piece of pieces) {
    const message = { ...EMPTY, ...piece };
    expect(check(fromExecutorForm, message)).toEqual({ value: message });
    expect(frameOf(message).length).toBeLessThan(MOST_FRAME_BYTES);
  }
  const short = { lo: 0, hi: 9, column: null, errors: [], ms: 1 };
  expect(piecesOf(short)).toEqual([short]);
});

/** A program of which candidate 3 writes bytes in its executor's name. */
function writing(hex: string): string {
  return `import { writeSync } from 'node:fs';
    export default ({ index }) => {
      const end = performance.now() + 600;
      if (index === 3) writeSync(5, Buffer.from('${hex}', 'hex'));
      while (index === 3 && performance.now() < end);
      return index * 2;
    };`;
}

test.each([
  ['what is null', 'not a message', '00000003ff0f30'],
  ['what nobody can read', 'a value that no message has', '00000004ff0fffff'],
  ['half a message', 'half a message', '00100000ff0f'],
  ['a list of holes without an end', 'ends too early', '00000007ff0f61feffff0f'],
])('a candidate that tells %s has died, and all others have their outcomes', async (...given) => {
  const [, why, hex] = given;
  await using bench = await openBench({ stillMs: 300 });
  const { parts, failed, ended } = bench.execute({ hi: 9 }, inputsOf(writing(hex)));
  expect(await ended).toBe('finished');
  expect(textsOf(parts)).toEqual([0, 1, 2, 4, 5, 6, 7, 8].map((k) => `${k}:${2 * k}`));
  expect(failed.map(({ index, failure }) => [index, failure.kind])).toEqual([[3, 'died']]);
  expect(failed[0]?.failure.detail).toMatch(/took its executor over: /);
  expect(failed[0]?.failure.detail).toContain(why);
  expect(bench.logged.at(-1)?.text).toMatch(/took its executor over/);
});

test('an executor has nothing of Node’s own channel', async () => {
  await using bench = await openBench();
  const source = `export default () => [process.send, process._send, process.channel,
    process.connected, process.env.NODE_CHANNEL_FD].every((one) => one === undefined)`;
  const { parts, ended } = bench.execute({}, inputsOf(source));
  await ended;
  expect(textsOf(parts)).toEqual(['0:true']);
});

test('of what an executor writes to stderr no more is read than a person could', async () => {
  let pieces = 0;
  const stream = new Readable({
    read() {
      pieces += 1;
      this.push(`${'x'.repeat(65_535)}\n`);
    },
  });
  const tail = new StderrTail(stream);
  for (let turn = 0; turn < 200; turn += 1) await setImmediate();
  stream.destroy();
  expect(pieces).toBeGreaterThan(2);
  expect(pieces).toBeLessThan(60);
  expect(tail.text).toBe(`${'x'.repeat(4095)}\n`);
});

test('long messages wait as many short ones do', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'meshd-channel-')), 'socket');
  const server = createServer().listen(path);
  const theirs = connect(path);
  const [ours] = (await once(server, 'connection')) as [Socket];
  server.close();
  const value = Float64Array.from({ length: 65_536 }, (_, k) => k);
  const column = { kind: 'number', indices: value, values: value.slice() };
  const frame = frameOf({ ...EMPTY, lo: 0, hi: 65_536, column });
  const frames = Math.ceil((13_000 * 16_384) / frame.length);
  const ended = Promise.withResolvers<void>();
  let heard = 0;
  const child = { stdio: [null, null, null, null, null, ours] } as unknown as ChildProcess;
  const channel = new ExecutorChannel(child, {
    hear() {
      heard += 1;
      if (heard === frames) ended.resolve();
    },
    fault: (why) => ended.reject(new Error(why)),
    ended: () => undefined,
  });
  const before = performance.now();
  for (let sent = 0; sent < frames; sent += 1) theirs.write(frame);
  await ended.promise;
  channel.close();
  theirs.destroy();
  // 10 000 at once, 3000 more at 2000 a second; the last ones are taken in one piece.
  expect(performance.now() - before).toBeGreaterThan(1000);
});
