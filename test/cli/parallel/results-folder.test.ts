import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type ResultsOptions,
  resultPaths,
  writeResults,
} from '../../../src/cli/parallel/results-folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-results-'));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The files below a new folder after jobs wrote their results. */
async function filesOf(
  name: string,
  jobs: readonly (readonly string[])[],
  options: ResultsOptions = {},
): Promise<string[]> {
  const dir = mkdtempSync(join(folder, 'case-'));
  for (const [k, args] of jobs.entries()) {
    await writeResults(`${dir}/${name}`, args, k + 1, bytes(`out ${k}`), bytes(''), options);
  }
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

/** The three files of each folder. */
const trios = (...folders: readonly string[]): string[] =>
  folders.flatMap((name) => ['seq', 'stderr', 'stdout'].map((file) => `${name}/${file}`)).sort();

describe('files lie where GNU parallel 20221122 puts them', () => {
  test('for one source', async () => {
    const args = ['a', 'x/y', 'b\\c', 't\tb', 'sp ace', '--', 'é'];
    const names = ['a', 'x\\_y', 'b\\\\c', 't\\tb', 'sp ace', '--', 'é'];
    const files = await filesOf(
      'R',
      args.map((arg) => [arg]),
    );
    expect(files).toEqual(trios(...names.map((name) => `R/1/${name}`)));
  });

  test('for arguments that are no names: empty, . and ..', async () => {
    expect(await filesOf('R', [['']])).toEqual(trios('R/1'));
    expect(await filesOf('R', [['.']])).toEqual(trios('R/1'));
    expect(await filesOf('R', [['..']])).toEqual(trios('R'));
  });

  test('for several sources', async () => {
    const jobs = [
      ['I', 'III'],
      ['II', 'III'],
    ];
    expect(await filesOf('R/', jobs)).toEqual(trios('R/1/I/2/III', 'R/1/II/2/III'));
  });

  test('for -N2, where each record counts from 1', async () => {
    const options = { perArgument: true, recordLength: 1 };
    const files = await filesOf('R', [['I', 'II'], ['III']], options);
    expect(files).toEqual(trios('R/1/I/1/II', 'R/1/III'));
  });

  test('for -N2 of two sources', async () => {
    const files = await filesOf('R', [['I', '1', 'I', '2']], { recordLength: 2 });
    expect(files).toEqual(trios('R/1/I/2/1/1/I/2/2'));
  });

  test('for a name with placeholders', async () => {
    const jobs = [['I , II'], ['a/b'], ['$x']];
    expect(await filesOf('R/{1}/{#}', jobs)).toEqual(
      ['R/I , II/1', 'R/a/b/2', 'R/$x/3']
        .flatMap((name) => [name, `${name}.err`, `${name}.seq`])
        .sort(),
    );
  });

  test('for a name with placeholders and a slash at its end', async () => {
    const files = await filesOf('R/{}/', [
      ['a', 'c'],
      ['b', 'c'],
    ]);
    expect(files).toEqual(trios('R/a c', 'R/b c'));
  });

  test('for -N2 and a name with placeholders', async () => {
    const { stdout } = resultPaths('R/{}', ['a', 'b'], 1, { perArgument: true });
    expect(stdout).toBe('R/a R/b');
  });

  test('for a long argument, which is cut to 255 bytes, unlike there at a whole character', () => {
    expect(resultPaths('R', ['x'.repeat(300)], 1).seq).toBe(`R/1/${'x'.repeat(255)}/seq`);
    expect(resultPaths('R', ['é'.repeat(200)], 1).seq).toBe(`R/1/${'é'.repeat(127)}/seq`);
  });
});

describe('results', () => {
  test('are the bytes or the file that was given, and the seq without a line end', async () => {
    const dir = join(folder, 'bytes');
    const spool = join(folder, 'spool');
    writeFileSync(spool, Uint8Array.of(0, 255, 10));
    await writeResults(dir, ['a'], 12, spool, bytes('oops\n'));
    const { stdout, stderr, seq } = resultPaths(dir, ['a'], 12);
    expect([...readFileSync(stdout)]).toEqual([0, 255, 10]);
    expect(readFileSync(stderr, 'utf8')).toBe('oops\n');
    expect(readFileSync(seq, 'utf8')).toBe('12');
    expect(statSync(spool).size).toBe(3);
  });

  test('of a job that runs again replace the earlier ones', async () => {
    const dir = join(folder, 'again');
    await writeResults(dir, ['a'], 1, bytes('a longer text'), bytes(''));
    await writeResults(dir, ['a'], 1, bytes('short'), bytes(''));
    expect(readFileSync(join(dir, '1/a/stdout'), 'utf8')).toBe('short');
  });

  test('that cannot be written are told of in one line', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await expect(writeResults(file, ['a'], 3, bytes(''), bytes(''))).rejects.toThrow(
      /^--results \S+file: job 3 cannot be written \(ENOTDIR.*\)$/,
    );
  });

  test('without a name, or with {%}, are refused', () => {
    expect(() => resultPaths('', ['a'], 1)).toThrow('--results: the name is empty');
    expect(() => resultPaths('out/{%}', ['a'], 1)).toThrow('{%}: ');
  });
});

test.runIf(process.platform === 'linux')('a folder that cannot be made is told', async () => {
  const writing = writeResults('/proc/nothing', ['a'], 1, new Uint8Array(), new Uint8Array());
  await expect(writing).rejects.toThrow(/--results \/proc\/nothing: job 1 cannot be written/);
});
