import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readParams } from '../../src/cli/params.ts';
import { jsonText } from '../../src/node/jobs/json-text.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-params-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fileOf = (bytes: string | Uint8Array): string => {
  const path = join(folder, 'params.json');
  writeFileSync(path, bytes);
  return `@${path}`;
};

test('parameters begin behind a byte order mark, as items do', async () => {
  expect(await readParams(fileOf('\u{feff}{"a":\r\n1}\r\n'))).toEqual({ a: 1 });
});

test('a file of parameters that is no UTF-8 is refused, and not changed silently', async () => {
  const bytes = Uint8Array.of(0x22, 0xff, 0x22);
  await expect(readParams(fileOf(bytes))).rejects.toMatchObject({
    code: 'MESH_USAGE',
    message: expect.stringContaining('it is not UTF-8; convert it'),
  });
});

test('parameters with a number that JSON does not keep are told of by its path', async () => {
  const warnings: string[] = [];
  const warn = (line: string): void => void warnings.push(line);
  const text = '{"name":"90071992547409931","a":\n[{"id":-9007199254740993}],"b":1}';
  expect(await readParams(fileOf(text), warn)).toMatchObject({ b: 1 });
  expect(await readParams('9007199254740993', warn)).toBe(2 ** 53);
  const rest = 'as numbers above 2^53 may; as a string it keeps its digits';
  expect(warnings).toEqual([
    `--params @${join(folder, 'params.json')}: params.a[0].id: -9007199254740993 becomes ` +
      `-9007199254740992, ${rest}`,
    `--params: params: 9007199254740993 becomes 9007199254740992, ${rest}`,
  ]);
});

test('a file without an end is not read to it', async () => {
  await expect(readParams('@/dev/zero')).rejects.toMatchObject({
    code: 'MESH_USAGE',
    message: expect.stringContaining('more than 16 MiB'),
  });
});

test.each([
  ['', 'MESH_BAD_PARAMS', /not JSON .*a file is given as @FILE/],
  ['@no-such-file', 'MESH_NO_FILE', /^--params @no-such-file: it cannot be read/],
])('%j is refused in one line', async (given, code, says) => {
  await expect(readParams(given)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(says),
  });
});

test('what is wrong deep inside is told by the beginning of its path', () => {
  const deep: unknown = JSON.parse('['.repeat(5000) + ']'.repeat(5000));
  expect(() => jsonText(deep, 'params')).toThrow(
    /^.{60}… is nested too deeply, or contains itself$/,
  );
  const long = { ['k'.repeat(1e5)]: Number.NaN };
  expect(() => jsonText(long, 'params')).toThrow(/^.{60}… is NaN, which JSON cannot hold$/);
});
