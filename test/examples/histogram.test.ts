import { describe, expect, test } from 'vitest';
import { histogram, quantile } from '../../scripts/histogram.ts';

describe('histogram', () => {
  test('bars are as high as their counts, to an eighth of a line', () => {
    const values = [0, 0, 0, 0, 1, 1, 2, 3];
    const lines = histogram(values, { title: 'rate', columns: 20, rows: 2 });
    expect(lines).toEqual([
      'rate',
      '    4 ┤█',
      '      │█     █      ▄     ▄',
      '    0 └────────────────────',
      '       0.00    1.50    3.00',
      '       ├──┼──────────────┤   median 0.500, 95 % in 0.00 – 2.83',
    ]);
  });

  test('the axis reaches the range to compare with, and the range is drawn to scale', () => {
    const compare = { name: 'published', from: 2, to: 4 };
    const lines = histogram([1, 1, 1], { title: 'rate', columns: 30, rows: 2, compare });
    expect(lines.at(-3)).toMatch(/^ +1\.00 +2\.50 +4\.00$/);
    const drawn = lines.at(-1) ?? '';
    expect(drawn).toMatch(/^ +╘═+╛ {2}published 2\.00 – 4\.00$/);
    expect(drawn.indexOf('╘')).toBe(7 + 10);
    expect(drawn.indexOf('╛')).toBe(7 + 29);
  });

  test('equal values make one bar, and no value is refused', () => {
    const lines = histogram([5, 5], { title: 'rate', columns: 20, rows: 3 });
    expect(lines.filter((line) => line.includes('█'))).toHaveLength(3);
    expect(() => histogram([], { title: 'rate' })).toThrow(TypeError);
  });

  test('every line but the legends is as wide as asked', () => {
    const values = Array.from({ length: 500 }, (_, k) => Math.sin(k) * 1e-3);
    const lines = histogram(values, { title: 'rate', columns: 60, rows: 4 });
    for (const line of lines.slice(1, 7)) expect(line.length).toBeLessThanOrEqual(67);
    expect(lines.filter((line) => line.includes('\n'))).toEqual([]);
  });
});

describe('quantile', () => {
  test('is linear between order statistics, whatever the order of the sample', () => {
    const values = [4, 1, 3, 2];
    expect([0, 0.25, 0.5, 1].map((p) => quantile(values, p))).toEqual([1, 1.75, 2.5, 4]);
  });
});
