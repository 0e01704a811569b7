import { expect, test } from 'vitest';
import { eventText } from '../../src/cli/rerun.ts';

test.each([
  [0, /^took {3}0 doubles of its stream, /],
  [1, /^took {3}1 double of its stream, /],
  [1234, /^took {3}1 234 doubles of its stream, /],
])('a candidate that drew %i says so', (drawn, says) => {
  expect(eventText({ kind: 'usage', drawn, residentBytes: 1e8, cpuMs: 12 })).toMatch(says);
});
