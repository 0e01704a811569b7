import { expect, test } from 'vitest';
import { InputFaults } from '../../src/node/files/input-faults.ts';

test('an input that cannot be had is tried after a second, then after twice that, up to a minute', () => {
  const faults = new InputFaults(() => 0);
  const pauses = Array.from({ length: 9 }, () => {
    const pauseMs = faults.pauseMs('a');
    faults.note('a', 'no room');
    return pauseMs;
  });
  expect(pauses).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
  expect(faults.pauseMs('b')).toBe(0);
  faults.clear('a');
  expect(faults.pauseMs('a')).toBe(0);
});

test('it is news once, and a notice until it is here, or ten minutes after the last try', () => {
  let now = 0;
  const faults = new InputFaults(() => now);
  const notice = 'inputs of commands: no room for a';
  expect([faults.note('a', 'no room for a'), faults.note('a', 'no room for a')]).toEqual([
    true,
    false,
  ]);
  now = 599_999;
  expect(faults.notices()).toEqual([notice]);
  now = 600_000;
  expect(faults.notices()).toEqual([]);
  faults.note('a', 'no room for a');
  expect(faults.notices()).toEqual([notice]);
  faults.clear('a');
  expect(faults.notices()).toEqual([]);
});

test('three of many are named, and the number of those that are kept has a limit', () => {
  const faults = new InputFaults(() => 0);
  for (let k = 0; k < 1500; k += 1) faults.note(`${k}`, `no room for ${k}`);
  expect(faults.notices()).toEqual([
    ...[1497, 1498, 1499].map((k) => `inputs of commands: no room for ${k}`),
    'inputs of commands: 997 more could not be had',
  ]);
});
