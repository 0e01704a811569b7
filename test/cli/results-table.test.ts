import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-table-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Recorded {
  readonly name: string;
  readonly words: readonly string[];
  readonly stdin: string | null;
  readonly table: string;
}

/** What GNU parallel 20221122 wrote with `-k --results NAME` and these words; TIME is a time. */
const RECORDED = JSON.parse(
  readFileSync(join(import.meta.dirname, 'parallel', 'results-table.json'), 'utf8'),
) as readonly Recorded[];

const run = (argv: readonly string[], stdin = '') =>
  runCaptured(['run', '--home', join(folder, 'home'), '--wd', folder, ...argv], { stdin });

const TIMES = /(:"?[,\t] ?(?:"Starttime": )?)\d{10}\.\d{3}([,\t] ?(?:"JobRuntime": )?)\d+\.\d{3}/g;

describe('--results of one file', () => {
  test.each(RECORDED)('$name of $words is what GNU parallel writes', async (one) => {
    const { name, words, stdin, table } = one;
    const path = name.startsWith('-') ? name : join(folder, name);
    const { stdout } = await run(['--results', path, ...words], stdin ?? '');
    const text = name.startsWith('-') ? stdout : readFileSync(path, 'utf8');
    expect(text.replaceAll(TIMES, '$1TIME$2TIME')).toBe(table);
    if (!name.startsWith('-')) expect(stdout).toBe('');
  });

  test('has outputs of any length', async () => {
    const path = join(folder, 'long.csv');
    await run(['--results', path, 'seq 100000; echo {}', ':::', '"']);
    const [, ...rows] = readFileSync(path, 'utf8').split('\n');
    expect([rows[0]?.endsWith(',"1'), rows.slice(1, 100_000).at(-1)]).toEqual([true, '100000']);
    expect(rows.slice(100_000)).toEqual(['""', '",', '']);
  });

  test('that cannot be written is told in one line, and nothing runs', async () => {
    const { code, stderr } = await run(['--results', '/no/such/a.csv', 'touch ran; :', ':::', 'a']);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/--results \/no\/such\/a\.csv: it cannot be written \(ENOENT.*\)\n$/),
    ]);
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });

  test('does not say what ran: --resume needs a job log', async () => {
    const { code, stderr } = await run(['--results', 'a.csv', '--resume', 'echo', ':::', 'a']);
    expect([code, stderr]).toEqual([2, expect.stringContaining('--resume needs --joblog FILE')]);
  });
});
