import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RuntimeBook } from '../../../src/work/command/runtime-book.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-book-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a book has the median of what all its writers noted, and none at first', () => {
  const path = join(folder, 'book');
  const [one, other] = [new RuntimeBook(path), new RuntimeBook(path)];
  expect(one.medianMs()).toBeNull();
  one.note(30);
  expect([one.medianMs(), other.medianMs()]).toEqual([30, 30]);
  other.note(10);
  expect(one.medianMs()).toBe(10);
  other.note(20);
  expect([one.medianMs(), other.medianMs()]).toEqual([20, 20]);
});

test('a book looks at the last 999 times', () => {
  const book = new RuntimeBook(join(folder, 'book'));
  for (let k = 0; k < 1500; k++) book.note(1);
  for (let k = 0; k < 500; k++) book.note(7);
  expect(book.medianMs()).toBe(7);
  expect(statSync(join(folder, 'book')).size).toBe(2000 * 8);
});
