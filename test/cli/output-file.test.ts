import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { runCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-outputs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CODE = 'export default ({ index }) => index;';
const at = (name: string): string => join(folder, name);
const [fn, lines, params, link] = ['fn.mjs', 'lines', 'params', 'link'].map(at) as [
  ...[string, string, string, string],
];
writeFileSync(fn, CODE);
writeFileSync(lines, '1\n');
writeFileSync(params, '2');
linkSync(lines, link);

describe('a file that a command would write', () => {
  test.each([
    ['--out', fn, ['publish', fn, '--accept', '1']],
    ['--summary', params, ['publish', fn, '--accept', '1', '--params', `@${params}`]],
    ['--out', lines, ['map', fn, '--items', lines]],
    ['--out', link, ['map', fn, '--items', lines]],
    ['--joblog', lines, ['run', 'echo', '::::', lines]],
    ['--out', lines, ['run', '-a', lines, 'echo']],
  ])('is no file that it reads: %s %s', async (flag, path, [verb = '', ...rest]) => {
    const ran = await runCaptured([verb, '--home', at('home'), flag, path, ...rest]);
    const text = `${flag} ${path}: that is an input, which would be lost; give another file`;
    expect(ran).toMatchObject({ code: 2, stderr: `meshd ${verb}: ${text}\n` });
    expect([fn, lines, params].map((file) => readFileSync(file, 'utf8'))).toEqual([
      ...[CODE, '1\n', '2'],
    ]);
  });

  test('is not two of them', async () => {
    const both = ['--joblog', at('both'), '--out', at('both')];
    const ran = await runCaptured(['run', '--home', at('home'), ...both, 'echo', ':::', '1']);
    const text = `--out and --joblog are one file, ${at('both')}; give two`;
    expect(ran).toMatchObject({ code: 2, stderr: `meshd run: ${text}\n` });
  });

  test.each([
    ['--out', 'x'.repeat(300), 'it cannot be used (ENAMETOOLONG)'],
    ['--summary', 'x'.repeat(300), 'it cannot be used (ENAMETOOLONG)'],
    ['--out', join(lines, 'x'), `${lines} is no folder`],
  ])('is refused before anything is done where it can be none: %s', async (flag, path, why) => {
    const ran = await runCaptured(['map', fn, '--items', lines, '--home', at('new'), flag, path]);
    expect(ran).toMatchObject({ code: 2, stderr: `meshd map: ${flag} ${path}: ${why}\n` });
    expect(existsSync(at('new'))).toBe(false);
  });

  const full = existsSync('/dev/full') ? ['--out', '--summary'] : [];
  test.each(full)('is named where its disk is full: %s', async (flag) => {
    const argv = ['map', fn, '--items', lines, '--home', at('home'), flag, '/dev/full'];
    const { code, stderr } = await runCaptured(argv);
    expect(code).toBe(1);
    expect(stderr).toContain(`meshd map: ${flag} /dev/full: the disk is full; free some space\n`);
  });
});
