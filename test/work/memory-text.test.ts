import { expect, test } from 'vitest';
import { memorySize } from '../../src/cli/option-values.ts';
import { memoryText } from '../../src/work/memory-text.ts';

test.each(['128MB', '512MB', '1GB', '1.5GB', '4GiB', '1.5GiB', '256MiB', '1234MB', '2000GB'])(
  'a limit of %s is told in the unit in which it was written',
  (written) => {
    const told = memoryText(memorySize(written)).replace(' ', '');
    expect(memorySize(told)).toBe(memorySize(written));
    const unit = /[A-Za-z]+/.exec(written)?.[0];
    // 1000 MB may be 1 GB; a power of two stays one.
    expect(told.includes('i')).toBe(unit?.includes('i'));
  },
);

test('a limit is told shortly', () => {
  expect(memoryText(128e6)).toBe('128 MB');
  expect(memoryText(2 ** 32)).toBe('4 GiB');
});
