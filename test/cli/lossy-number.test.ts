import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lossyNumber } from '../../src/cli/lossy-number.ts';

test.each([
  '9007199254740992',
  '9007199254740994',
  '-9007199254740991',
  '1000000000000000000000000',
  '0.12345678901234567',
  '12345678901234567.5',
  '12345678901234567e3',
  '"9007199254740993"',
  '"id 9007199254740993, and more"',
  '{"9007199254740993":1}',
])('%s keeps its digits', (text) => {
  expect(lossyNumber(text, false)).toBeNull();
});

test.each([
  ['9223372036854775807', '9223372036854776000'],
  ['[-9007199254740993]', '-9007199254740992'],
  ['123456789012345678901234567890', '1.2345678901234568e+29'],
  ['["9007199254740993",0.12345678901234567,9007199254740995]', '9007199254740996'],
])('%s does not', (text, becomes) => {
  expect(lossyNumber(text, false)).toMatchObject({ line: 1, becomes });
});

test('it is found wherever it begins, and behind shorter ones', () => {
  const digits = '9007199254740993';
  for (let shorter = 1; shorter < 16; shorter++) {
    for (let spaces = 0; spaces < 16; spaces++) {
      const text = `[${'1'.repeat(shorter)},${' '.repeat(spaces)}${digits}]`;
      expect(lossyNumber(text, false)).toMatchObject({ path: '[1]', digits });
    }
  }
});

test('in lines it is the first that changes, wherever it stands', () => {
  const digits = fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map(String);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string(), digits)), (pairs) => {
      const text = pairs.map(([name, each]) => `{${JSON.stringify(name)}:${each}}\n`).join('');
      const at = pairs.findIndex(([, each]) => BigInt(String(Number(each))) !== BigInt(each));
      const [name, given] = pairs[at] ?? ['', ''];
      const first = { line: at + 1, path: `.${name}`, digits: given, becomes: `${Number(given)}` };
      expect(lossyNumber(text, true)).toEqual(at < 0 ? null : first);
    }),
  );
});

test('many texts of long digits, and one of a million digits, take no longer than reading them', () => {
  const id = '"a 9007199254740993"';
  const text = `[${Array.from({ length: 20_000 }, () => id).join(',')},"${'7'.repeat(1e6)}."]`;
  const startedAt = performance.now();
  expect(lossyNumber(text, false)).toBeNull();
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test('what is nested too deeply is left to those who refuse it', () => {
  const text = `${'['.repeat(1e5)}9007199254740993${']'.repeat(1e5)}`;
  expect(() => lossyNumber(text, false)).not.toThrow();
});
