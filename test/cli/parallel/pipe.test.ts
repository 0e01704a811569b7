import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import type { CommandFlags } from '../../../src/cli/commands/flags.ts';
import { blocksOf, checkPiping } from '../../../src/cli/commands/piping.ts';
import { blockSize } from '../../../src/cli/option-values.ts';
import { cutRecords } from '../../../src/cli/parallel/record-cutter.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-pipe-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
writeFileSync(join(folder, 'numbers'), Array.from({ length: 30 }, (_, k) => `${k + 1}\n`).join(''));
writeFileSync(join(folder, 'letters'), 'a\nb\n');

interface Recorded {
  readonly claim: string;
  readonly line: string;
  readonly printed: string;
}

/**
 * What GNU parallel 20221122 printed with `-k` for each line and the command `tr "\n" ,; echo`, in
 * a folder with these files.
 */
const RECORDED: readonly Recorded[] = readFileSync(join(import.meta.dirname, 'pipe.txt'), 'utf8')
  .trimEnd()
  .split('\n\n')
  .map((record) => {
    const [claim = '', line = '', ...printed] = record.split('\n');
    return { claim: claim.slice(2), line: line.slice(2), printed: printed.join('\n') };
  });

const string = { type: 'string' } as const;
const boolean = { type: 'boolean' } as const;
const OPTIONS = {
  ...{
    pipe: boolean,
    pipepart: boolean,
    rrs: boolean,
    regexp: boolean,
    header: string,
    block: string,
  },
  ...{ recend: string, recstart: string, a: { ...string, short: 'a', multiple: true } },
  ...{ N: { ...string, short: 'N' }, n: { ...string, short: 'n' } },
  ...{ L: { ...string, short: 'L' }, j: { ...string, short: 'j' } },
} as const;

/** The flags of a line, and what it gets on stdin. */
function given(line: string): { readonly flags: CommandFlags; readonly stdin: string } {
  const script = `parallel() { printf '%s\\0' "$@"; printf '\\1'; cat; }\n${line} </dev/null`;
  const piped = line.startsWith('parallel') ? script : script.replace(/ <\/dev\/null$/, '');
  const told = execFileSync('sh', ['-c', piped], { encoding: 'utf8' });
  const [words = '', stdin = ''] = told.split('\u0001');
  // A value may begin with a dash there.
  const args = words.replace('--block\0', '--block=').split('\0').slice(0, -1);
  const { values } = parseArgs({ args, options: OPTIONS });
  const { N, n, L, j, block, ...rest } = values;
  const a = (rest.a ?? []) as readonly string[];
  const numbers = { maxReplaceArgs: N, maxArgs: n, maxLines: L, jobs: j };
  const flags = {
    ...rest,
    argFile: a.map((name) => join(folder, name)),
    ...(block === undefined ? {} : { block: blockSize(block) }),
    ...Object.fromEntries(
      Object.entries(numbers).flatMap(([name, text]) =>
        text === undefined ? [] : [[name, Number(text)]],
      ),
    ),
  };
  return { flags, stdin };
}

async function blocks(input: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: string[] = [];
  for await (const block of input) found.push(Buffer.from(block).toString('latin1'));
  return found;
}

describe('as GNU parallel', () => {
  test('there is a record of each kind of cut', () => {
    expect(RECORDED.length).toBeGreaterThanOrEqual(30);
    expect(new Set(RECORDED.map(({ claim }) => claim)).size).toBe(RECORDED.length);
  });

  test.each(RECORDED)('$claim: $line', async ({ line, printed }) => {
    const { flags, stdin } = given(line);
    checkPiping(flags, ['tr'], 0);
    const input = stdin === '' ? [] : [Buffer.from(stdin)];
    const found = await blocks(blocksOf(flags, Readable.from(input)));
    expect(found.map((block) => block.replaceAll('\n', ',')).join('\n')).toBe(printed);
  });
});

describe('an input', () => {
  const common = { records: null, lines: null, end: '\n', start: '', atLeast: false };
  const cut = { ...common, bare: false, blockBytes: 16 };
  const text = Array.from({ length: 400 }, (_, k) => 'x'.repeat((k * 7) % 23)).join('\n');

  async function* pieces(size: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < text.length; at += size) yield Buffer.from(text.slice(at, at + size));
  }

  test.each([
    ['records', { ...cut, records: 3 }],
    ['lines', { ...cut, lines: 2 }],
    ['bytes', cut],
    ['at least so many bytes', { ...cut, atLeast: true }],
    ['bytes, with records that begin with two signs', { ...cut, start: 'xx' }],
  ])('by %s is cut alike however it comes, and nothing of it is lost', async (_, options) => {
    const whole = await blocks(cutRecords(pieces(text.length), options));
    expect(whole.length).toBeGreaterThan(20);
    expect(whole.join('')).toBe(text);
    for (const size of [1, 5, 16, 17, 1000]) {
      expect(await blocks(cutRecords(pieces(size), options))).toEqual(whole);
    }
  });

  test('that is no text is cut byte for byte', async () => {
    const bytes = Buffer.from([0, 255, 10, 128, 10, 200]);
    const input = Readable.from([bytes]);
    const found = await blocks(cutRecords(input, { ...cut, records: 1 }));
    expect(found).toEqual(['\u0000\u00ff\n', '\u0080\n', '\u00c8']);
  });
});

test('sizes are as in GNU parallel: capitals are powers of 1024', () => {
  const told = ['10', '1k', '1K', '2m', '2M', '1G', '1.5k', '3Mi', '10MB', '-1'].map(blockSize);
  expect(told).toEqual([10, 1000, 1024, 2e6, 2 ** 21, 2 ** 30, 1500, 3 * 2 ** 20, 10485760, -1]);
  for (const bad of ['0', '2G', '-1k', '', 'x', '1T']) {
    expect(() => blockSize(bad)).toThrow(/a size up to 1G/);
  }
});
