import { expect, test } from 'vitest';
import { gcText } from '../../src/cli/gc.ts';

test.each([
  [{ freedBytes: 2048, bytes: 0, files: 0 }, 0, /^2\.0 KiB freed; nothing is left$/],
  [{ freedBytes: 0, bytes: 941, files: 8 }, 0, /^0 B freed; 941 B are left, of 8 files: in use, /],
  [{ freedBytes: 0, bytes: 941, files: 1 }, 1000, /941 B are left, of 1 file$/],
])('after %o with room for %i gc says why what is left stays', (report, max, says) => {
  expect(gcText(report, max)).toMatch(says);
});
