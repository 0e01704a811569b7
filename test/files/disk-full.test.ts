import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MeshError } from '../../src/core/mesh-error.ts';
import { isDiskFull } from '../../src/files/disk-full.ts';

const coded = (code: string): Error => Object.assign(new Error(`${code}: write`), { code });

test.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('%s of the system is a full disk', (code) => {
  expect(isDiskFull(coded(code))).toBe(true);
  expect(isDiskFull(new Error('it cannot be written', { cause: coded(code) }))).toBe(true);
});

test.each([
  'IO error: /home/db/000005.ldb: No space left on device',
  'IO error: /home/db/LOG: Disk quota exceeded',
  'IO error: /home/db/000005.log: File too large',
])('what LevelDB says is a full disk: %s', (text) => {
  const inner = Object.assign(new Error(text), { code: 'LEVEL_IO_ERROR' });
  expect(isDiskFull(Object.assign(new Error('failed', { cause: inner })))).toBe(true);
});

test('other faults are none, and neither is what a user’s own text says', () => {
  expect(isDiskFull(coded('EACCES'))).toBe(false);
  expect(isDiskFull(new MeshError('MESH_BAD_FUNCTION', 'setup: No space left on device'))).toBe(
    false,
  );
  expect(isDiskFull('ENOSPC')).toBe(false);
  expect(isDiskFull(null)).toBe(false);
});

test('causes that go round end', () => {
  const error = new Error('round');
  error.cause = error;
  expect(isDiskFull(error)).toBe(false);
});

test('nobody else asks for the codes of a full disk', () => {
  const files = globSync('src/**/*.ts');
  expect(files.length).toBeGreaterThan(100);
  const asking = files.filter((file) => {
    return /=== '(?:ENOSPC|EDQUOT|EFBIG)'/.test(readFileSync(file, 'utf8'));
  });
  expect(asking).toEqual([]);
});
