import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Scratch } from '../../src/work/sandbox/scratch.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-scratch-clear-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Lets the clock go on without giving the time away. */
function spin(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

// Since Linux 6.13 ext4, XFS and tmpfs give each change a time of its own; before, and elsewhere,
// the changes of some milliseconds have one and the same.
test('a file is removed however soon it came after the folder was emptied', () => {
  const scratch = new Scratch(join(folder, 'soon'));
  const left: number[] = [];
  for (let round = 0; round < 2000; round += 1) {
    const path = scratch.ask();
    if (round % 3 > 0) writeFileSync(join(path, 'file'), '');
    scratch.clear();
    if (readdirSync(path).length > 0) left.push(round);
  }
  expect(left).toEqual([]);
});

test('a file is removed where nothing had come for long, whatever time the folder is given', () => {
  const scratch = new Scratch(join(folder, 'late'));
  const path = scratch.ask();
  const past = new Date(0);
  for (let round = 0; round < 3; round += 1) {
    utimesSync(path, past, past);
    spin(25);
    scratch.ask();
    scratch.clear();
    scratch.ask();
    writeFileSync(join(path, 'file'), '');
    utimesSync(path, past, past);
    scratch.clear();
    expect(readdirSync(path)).toEqual([]);
  }
});
