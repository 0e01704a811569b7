import { describe, expect, test } from 'vitest';
import { parseDelay, parseTimeout } from '../../../src/cli/parallel/delay.ts';

describe('a delay', () => {
  test.each([
    ['0', 0],
    ['0.5', 500],
    ['.5', 500],
    ['2', 2000],
    ['90s', 90_000],
    ['2m3s', 123_000],
    ['2m3', 123_000],
    ['1.5h', 5_400_000],
    ['1H', 3_600_000],
    ['1d2h3m4s', 93_784_000],
    ['3s2m', 123_000],
    ['3s2', 5000],
    ['0.0004', 0],
    ['0.0006', 1],
    ['10000d', 864_000_000_000],
  ])('of %s is %d ms', (text, ms) => {
    expect(parseDelay(text)).toBe(ms);
  });

  test.each([
    ...['', ' ', 'abc', '-1', '1 s', '1ms', '1auto', '1m/3', '1e3', '2m 3s', 's', '1,5'],
    ...['10001d', '9'.repeat(400), '1..5', '5%', 'Infinity', '+1'],
  ])('of "%s" is refused', (text) => {
    expect(() => parseDelay(text)).toThrow(
      `--delay ${text}: it must be seconds, or a duration up to 10000d such as 0.5, 90s or 2m3s`,
    );
  });
});

describe('a time limit', () => {
  test('has the form of a delay, or is a share of the median', () => {
    expect(parseTimeout('1m0.5s')).toEqual({ ms: 60_500 });
    expect(parseTimeout('250.5%')).toEqual({ share: 2.505 });
    expect(() => parseTimeout('soon')).toThrow('--timeout soon: it must be seconds, or a duration');
  });

  test('of no percent is refused', () => {
    expect(() => parseTimeout('0%')).toThrow(
      '--timeout 0%: a share of the median time is above 0% and below 1000000%, such as 200%',
    );
  });

  test('of nothing is refused', () => {
    expect(() => parseTimeout('0')).toThrow('--timeout 0: it must be above 0, such as 30s');
  });
});
