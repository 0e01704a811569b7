import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startClocks } from '../../src/node/clocks.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('the wall clock is told each second, and when a deadline comes', () => {
  const told: number[] = [];
  const stop = startClocks({
    tick: () => undefined,
    wall: () => told.push(Date.now() - 1_000_000),
    load: () => undefined,
    deadline: () => (Date.now() < 1_002_345 ? 1_002_345 : null),
  });
  vi.advanceTimersByTime(4000);
  stop();
  vi.advanceTimersByTime(4000);
  expect(told).toEqual([1000, 2000, 2345, 3000, 4000]);
});

test('a deadline that has passed and changed nothing is not told again and again', () => {
  let told = 0;
  const stop = startClocks({
    tick: () => undefined,
    wall: () => {
      told += 1;
    },
    load: () => undefined,
    deadline: () => 1_000_500,
  });
  vi.advanceTimersByTime(3000);
  stop();
  expect(told).toBe(3);
});
