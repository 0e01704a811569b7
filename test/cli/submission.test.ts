import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { readItems } from '../../src/cli/items.ts';
import { NO_NEEDS } from '../../src/core/needs.ts';
import { jsonText } from '../../src/node/jobs/json-text.ts';
import { toSubmission } from '../../src/node/jobs/submission.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-submission-'));
const fn = join(folder, 'square.js');
writeFileSync(fn, 'export default ({ item }) => item * item;');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a publication request', () => {
  test.each([
    [{ fn }, /exactly one of accept and items/],
    [{ fn, accept: 1, items: [1] }, /exactly one of accept and items/],
    [{ fn, accept: 0 }, /accept must be a whole number from 1 .* not 0/],
    [{ fn, accept: 2 ** 31 + 1 }, /not 2147483649/],
    [{ fn, accept: 1, seed: 0.5 }, /seed must .* not 0\.5/],
    [{ fn, accept: 1, maxEvals: 0 }, /maxEvals must .* not 0/],
    [{ fn, accept: 1, deadlineMs: Number.NaN }, /deadlineMs must .* not NaN/],
    [{ fn, accept: 1, timeoutMs: 0 }, /timeoutMs must .* not 0/],
    [{ fn, accept: 1, memoryBytes: 1e6 }, /memoryBytes must be .* from 128000000 .* not 1000000/],
    [{ fn, accept: 1, maxErrors: -1 }, /maxErrors must .* not -1/],
    [{ fn, accept: 1, cpus: 0 }, /cpus must be a whole number from 1 to 1024, not 0/],
    [{ fn, accept: 1, needs: 'gpu' }, /needs must be a list of texts, not "gpu"/],
    [{ fn, accept: 1, needs: ['a b'] }, /needs\[0\]: not a tag/],
    [{ fn, accept: 1, allowNet: 1 }, /allowNet is no boolean: 1/],
    [{ fn, accept: 1, allowRead: ['x'.repeat(2000)] }, /allowRead\[0\]: not a text of 1 to 1024/],
    [{ fn, accept: 1, allowRead: ['/a\0b'] }, /allowRead\[0\]: not an absolute path/],
    [{ fn, accept: 1, allowWrite: ['/\ud800'] }, /allowWrite\[0\]: not an absolute path/],
    [{ fn, accept: 1, allowRead: [''] }, /allowRead has an empty path/],
    [{ fn, accept: 1, allowRead: new Array(2) }, /allowRead must be a list of texts/],
    [{ fn, accept: 1, rate: 0 }, /rate must be from 1\/3600 to 1000000, not 0/],
    [{ fn, accept: 1, rate: '5/s' }, /rate must be .* not "5\/s"/],
    [{ fn, accept: 1, priority: 11 }, /priority must be a whole number from -10 to 10, not 11/],
    [{ fn, accept: 1, name: 'a\nb' }, /name must have 1 to 64 printable characters, not "a\\nb"/],
    [{ fn, accept: 1, params: { rate: Number.NaN } }, /params\.rate is NaN/],
    [{ fn, accept: 1, params: [1, [2n]] }, /params\[1\]\[0\] is a bigint/],
    [{ fn, items: [1, () => 2] }, /items\[1\] is a function/],
    [{ fn, items: [] }, /no items/],
    [{ fn: '', accept: 1 }, /fn is no path/],
    [{ fn, accept: 1, retries: 2 }, /no option "retries"/],
  ])('case %# is refused with what is wrong', async (request, says) => {
    await expect(toSubmission(request as never)).rejects.toThrow(says);
    await expect(toSubmission(request as never)).rejects.toThrow(TypeError);
  });

  test('a good one gives the bundle, the defaults and the file’s name', async () => {
    const { program, sources, ...rest } = await toSubmission({
      fn,
      items: new Set([1, 'a', null]),
    });
    expect(program.length).toBeGreaterThan(0);
    const map = JSON.parse(new TextDecoder().decode(sources ?? new Uint8Array()));
    expect(map.sources).toEqual(['meshd:square.js']);
    expect(rest).toEqual({
      ...{ name: 'square', params: 'null', seed: 0, priority: 0, maxEvals: null, deadlineMs: null },
      ...{ limits: { timeoutMs: null, memoryBytes: null }, maxErrors: null, fresh: false },
      ...{ needs: NO_NEEDS, perHour: null, logIf: null, commands: false },
      target: { kind: 'map', items: ['1', '"a"', 'null'] },
    });
  });

  test('says what it needs, each thing once and in order, and paths from the root on', async () => {
    const wish = {
      cpus: 2,
      needs: ['ssd', 'gpu', 'gpu'],
      allowNet: true,
      allowRead: ['/b', '/a/.'],
    };
    const { needs, perHour } = await toSubmission({ fn, accept: 1, ...wish, rate: 0.5 });
    const reads = ['/a', '/b'];
    expect(needs).toEqual({ cpus: 2, tags: ['gpu', 'ssd'], net: true, reads, writes: [] });
    expect(perHour).toBe(1800);
  });

  test('is another program where something is opened to it, and the same one otherwise', async () => {
    const programOf = async (wish: object): Promise<string> => {
      const { program } = await toSubmission({ fn, accept: 1, ...wish });
      return new TextDecoder().decode(program);
    };
    const plain = await programOf({});
    expect(await programOf({ cpus: 2, rate: 1, needs: ['gpu'], allowNet: false })).toBe(plain);
    const opened = await programOf({ allowRead: ['/data'] });
    expect(opened).not.toBe(plain);
    expect(opened.startsWith(plain)).toBe(true);
    expect(await programOf({ allowNet: true })).not.toBe(plain);
  });

  test('typed arrays become arrays, -0 becomes 0, undefined members go', () => {
    const value = { a: new Float64Array([1.5, -0]), b: undefined, c: { d: -0 } };
    expect(jsonText(value, 'params')).toBe('{"a":[1.5,0],"c":{"d":0}}');
  });

  test('a value that contains itself is refused by its path', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => jsonText(loop, 'params')).toThrow(/^params(\[0\])+… is nested too deeply/);
    expect(() => jsonText({ when: new Date(0) }, 'params')).toThrow('params.when is a Date');
  });
});

describe('items of a file', () => {
  const warnings: string[] = [];
  const read = (text: string) =>
    readItems('-', Readable.from([text]), (line) => void warnings.push(line));
  beforeEach(() => warnings.splice(0));

  test('are JSON values if every line parses as JSON', async () => {
    expect(await read('1\r\n"a"\n\n{"b":2}\n')).toEqual([1, 'a', { b: 2 }]);
  });

  test('begin behind a byte order mark, and blank lines are none', async () => {
    expect(await read('\u{feff}{"a":1}\n  \n2\n')).toEqual([{ a: 1 }, 2]);
  });

  test('are all texts if one line does not', async () => {
    expect(await read('1\nhello world\n3')).toEqual(['1', 'hello world', '3']);
    expect(warnings).toEqual([
      '--items: a line is not JSON ("hello world"), so all 3 items are texts',
    ]);
  });

  test('with a number that JSON does not keep are told of, and of the first one alone', async () => {
    const text = '1\n\n{"user":{"ids":[7,9007199254740993]}}\n9007199254740993\n';
    expect(await read(text)).toHaveLength(3);
    expect(warnings).toEqual([
      '--items -, line 3: item.user.ids[1]: 9007199254740993 becomes 9007199254740992, as numbers ' +
        'above 2^53 may; as a string it keeps its digits',
    ]);
  });

  test('that are texts keep their digits, and nothing is told', async () => {
    expect(await read('9007199254740993\nabc\nabd')).toEqual(['9007199254740993', 'abc', 'abd']);
    expect(warnings).toEqual([]);
  });

  test('that are words, a few of them numbers, are texts without a word', async () => {
    expect(await read('one\n2\nthree')).toEqual(['one', '2', 'three']);
    expect(warnings).toEqual([]);
  });
});
