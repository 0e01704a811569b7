import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { combine } from '../../../src/cli/parallel/combinations.ts';
import {
  readSources,
  type Source,
  type SourceOptions,
  splitWords,
} from '../../../src/cli/parallel/sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-sources-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The jobs of words, with what stdin has in pieces. */
function jobsOf(
  words: readonly string[],
  { stdin = [], ...options }: Partial<Omit<SourceOptions, 'stdin'>> & { stdin?: Buffer[] } = {},
): Promise<string[][]> {
  return readSources(splitWords(words).sources, {
    ...{ stdin: Readable.from(stdin), argFiles: [], delimiter: '\n', colsep: null },
    ...{ maxArgs: null, link: false },
    ...options,
  });
}

function sourceOf(count: number): Source {
  return { kind: 'arguments', values: Array.from({ length: count }, String), linked: false };
}

const bytes = (...texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text));

describe('words', () => {
  test('before the first separator are the command, and words that only look like one', () => {
    expect(splitWords(['ls', '::', ':::++', 'a:::', ':::::'])).toEqual({
      command: ['ls', '::', ':::++', 'a:::', ':::::'],
      sources: [],
    });
  });

  test('after a separator are a source, or one for each file', () => {
    expect(splitWords(['a', ':::', 'b', 'c', '::::+', 'd', 'e', ':::'])).toEqual({
      command: ['a'],
      sources: [
        { kind: 'arguments', values: ['b', 'c'], linked: false },
        { kind: 'file', path: 'd', linked: true },
        { kind: 'file', path: 'e', linked: true },
        { kind: 'arguments', values: [], linked: false },
      ],
    });
  });

  test('unlike parallel, :::: without a file is refused', () => {
    expect(() => splitWords(['a', '::::', ':::', 'b'])).toThrow(
      '::::: no file follows it; name one, or - for stdin',
    );
  });
});

describe('sources', () => {
  test('a character and a delimiter may be cut between pieces of stdin', async () => {
    const [start, end] = [Buffer.from([0x61, 0xc3]), Buffer.from([0xa9, 0x0d])];
    const stdin = [start, end, ...bytes('\nb', '', 'c\r', '\n')];
    expect(await jobsOf([], { stdin, delimiter: '\r\n' })).toEqual([['aé'], ['bc']]);
  });

  test('a carriage return is part of the argument', async () => {
    expect(await jobsOf([], { stdin: bytes('a\r\nb\r\n') })).toEqual([['a\r'], ['b\r']]);
  });

  test('unlike parallel, a byte order mark is left out', async () => {
    expect(await jobsOf([], { stdin: bytes('\ufeffa\nb') })).toEqual([['a'], ['b']]);
  });

  test('unlike parallel, ::: without arguments has no jobs and leaves stdin alone', async () => {
    expect(await jobsOf([':::'], { stdin: bytes('a\n') })).toEqual([]);
    expect(await jobsOf([':::', ':::'], { link: true })).toEqual([]);
  });

  test('unlike parallel, --link takes an empty source as one empty argument', async () => {
    expect(await jobsOf([':::', 'a', 'b', ':::'], { link: true })).toEqual([
      ['a', ''],
      ['b', ''],
    ]);
  });

  test('unlike parallel, files of --arg-file do not shift what :::+ links', async () => {
    const list = join(folder, 'list');
    writeFileSync(list, '1\n2\n');
    const jobs = await jobsOf([':::', 'a', 'b', ':::+', 'c', 'd'], { argFiles: [list] });
    expect(jobs.map((args) => args.join(''))).toEqual(['1ac', '1bd', '2ac', '2bd']);
  });

  test('--colsep reads what JavaScript and Perl share', async () => {
    const stdin = bytes('a😀b🙂c');
    expect(await jobsOf([], { stdin, colsep: '[😀\\🙂]' })).toEqual([['a', 'b', 'c']]);
  });
});

describe('one clear line tells of', () => {
  test.each([
    ['nofile', [], /^argument file \S*nofile: it cannot be read \(ENOENT.*\)$/],
    ['.', [], /^argument file .*: it cannot be read \(EISDIR.*\)$/],
    ['latin1', [0x61, 0xe9, 0x0a], /^argument file .*latin1: it is not UTF-8; .*iconv/],
    ['half', [0x61, 0xc3], /^argument file .*half: it is not UTF-8; .*iconv/],
    ['nul', [0x61, 0x0a, 0x00, 0x0a], /^argument file .*nul: argument 2 has a NUL .*; use -0 /],
  ])('the file %s', async (name, content, expected) => {
    if (content.length > 0) writeFileSync(join(folder, name), Buffer.from(content));
    await expect(jobsOf(['::::', join(folder, name)])).rejects.toThrow(expected);
  });

  test('stdin that is named twice', async () => {
    await expect(jobsOf(['::::', '-'], { argFiles: ['-'] })).rejects.toThrow(
      'stdin (-) is named as a source twice; it can be read once',
    );
  });

  test.each([
    ['\\h', /Perl|JavaScript/],
    ['[[:space:]]', /JavaScript/],
    ['a{', /JavaScript/],
    ['\\s*', /matches the empty text/],
    ['', /matches the empty text/],
  ])('--colsep %s', async (colsep, expected) => {
    await expect(jobsOf([':::', 'a'], { colsep })).rejects.toThrow(expected);
  });

  test.each([-1, 1.5, Number.NaN])('-N %s', async (maxArgs) => {
    const text = `-N ${maxArgs}: it must be a whole number, 0 or more`;
    await expect(jobsOf([':::', 'a'], { maxArgs })).rejects.toThrow(text);
  });

  test('an argument that never ends', async () => {
    const stdin = Array.from({ length: 17 }, () => Buffer.alloc(2 ** 20, 'x'));
    await expect(jobsOf([], { stdin })).rejects.toThrow(
      'stdin: argument 1 is over 16 MiB; check the delimiter',
    );
  });
});

describe('more than ten million jobs', () => {
  test('of several sources are refused before they are built', async () => {
    const sources = [sourceOf(4000), sourceOf(4000)];
    const started = process.memoryUsage().heapUsed;
    await expect(
      readSources(sources, {
        ...{ stdin: Readable.from([]), argFiles: [], delimiter: '\n', colsep: null },
        ...{ maxArgs: 10, link: false },
      }),
    ).rejects.toThrow(
      'the sources make 4000 × 4000 = 16000000 jobs; 10 000 000 jobs is the limit: run them in parts',
    );
    expect(process.memoryUsage().heapUsed - started).toBeLessThan(100 * 2 ** 20);
  });

  test('are not what linked sources make', async () => {
    const sources = [sourceOf(4000), { ...sourceOf(4000), linked: true }];
    const jobs = combine(
      sources.map((source) => ({
        records: source.kind === 'arguments' ? source.values.map((value) => [value]) : [],
        linked: source.linked,
      })),
      { link: false, maxArgs: null },
    );
    expect(jobs).toHaveLength(4000);
  });

  test('of stdin are refused once they are read', async () => {
    const piece = Buffer.from('\n'.repeat(1_000_000));
    let pieces = 0;
    const stdin = Readable.from(
      (function* () {
        for (; pieces < 20; pieces += 1) yield piece;
      })(),
    );
    await expect(
      readSources([], {
        ...{ stdin, argFiles: [], delimiter: '\n', colsep: null, maxArgs: null, link: false },
      }),
    ).rejects.toThrow(/^stdin: more than 10 000 000/);
    expect(pieces).toBeLessThan(15);
  });

  test('nor may all jobs together have more than forty million arguments', () => {
    const records = Array.from({ length: 3000 }, () => Array.from({ length: 10 }, () => 'x'));
    const source = { records, linked: false };
    expect(() => combine([source, source], { link: false, maxArgs: null })).toThrow(
      'the jobs have more than 40 000 000 arguments together; run them in parts',
    );
  });
});
