import { describe, expect, test } from 'vitest';
import { commandsOf, recordedLines } from './transcript.ts';

const RECORDED = recordedLines();

describe('as GNU parallel', () => {
  test('has at least forty lines to be compared, each with its own claim', () => {
    expect(RECORDED.length).toBeGreaterThanOrEqual(40);
    expect(new Set(RECORDED.map(({ claim }) => claim)).size).toBe(RECORDED.length);
    expect(RECORDED.filter(({ stdin }) => stdin !== '').length).toBeGreaterThan(5);
  });

  test.each(RECORDED)('$claim: $line', async (recorded) => {
    expect(await commandsOf(recorded)).toBe(recorded.printed);
  });
});
