import { expect, test } from 'vitest';
import { BUGS } from './bugs.ts';
import { unfit } from './plant.ts';

test('every planted bug has a name of its own and fits the source as it is', () => {
  expect(BUGS.length).toBeGreaterThanOrEqual(20);
  expect(new Set(BUGS.map(({ name }) => name)).size).toBe(BUGS.length);
  expect(BUGS.map(unfit).filter((fault) => fault !== null)).toEqual([]);
});
