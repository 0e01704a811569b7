import { describe, expect, test } from 'vitest';
import { Stay } from '../../src/cli/stay.ts';

const HOUR_MS = 3_600_000;

describe('the time of a peer in a batch queue', () => {
  test('of four hours ends a whole grace before them, counted from the beginning', () => {
    const stay = new Stay({ for: 4 * HOUR_MS }, 1000);
    expect(stay.graceMs).toBe(25_000);
    expect(stay.drainMs).toBe(20_000);
    expect(stay.limits(1000 + HOUR_MS).forMs).toBe(3 * HOUR_MS - 25_000);
  });

  test('shorter than two graces is half work, half grace', () => {
    const stay = new Stay({ for: 10_000 }, 0);
    expect(stay.graceMs).toBe(5000);
    expect(stay.limits(0).forMs).toBe(5000);
    expect(stay.drainMs).toBe(2500);
  });

  test('is also the time in which the mesh is looked for', () => {
    expect(new Stay({}, 0).searchMs(0)).toBe(Number.POSITIVE_INFINITY);
    expect(new Stay({ for: 100_000 }, 0).searchMs(10_000)).toBe(65_000);
    expect(new Stay({ for: 100_000, idleExit: 30_000 }, 0).searchMs(10_000)).toBe(20_000);
    expect(new Stay({ idleExit: 30_000 }, 0).searchMs(40_000)).toBe(0);
  });
});
