import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startBuilt } from '../e2e/built-command.ts';
import { Lab } from '../e2e/lab.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

let lab: Lab;
let work: string;
beforeEach(async () => {
  lab = await Lab.open();
  work = join(lab.folder, 'publisher-files');
  mkdirSync(work);
});
afterEach(async () => await lab[Symbol.asyncDispose]());

async function two(): Promise<void> {
  const publisher = await lab.start('publisher', '--slots', '0');
  await lab.join('worker', [publisher]);
  await lab.sees('publisher', 2);
}

/** A file of the publisher's; `solid` MiB of it, spread evenly, are random. */
function put(name: string, bytes: number, solid: number): string {
  const path = join(work, name);
  const file = openSync(path, 'w');
  ftruncateSync(file, bytes);
  for (let k = 0; k < solid; k++) {
    writeSync(file, randomBytes(MIB), 0, MIB, Math.floor((k * bytes) / solid / MIB) * MIB);
  }
  closeSync(file);
  return path;
}

/** What a file, or all that is in a folder, takes of the disk. */
function diskBytes(path: string): number {
  return 1024 * Number(execFileSync('du', ['-sk', path], { encoding: 'utf8' }).split('\t')[0]);
}

test('a sparse file of 4 GiB goes there and back, and takes neither its size of disk nor of memory', async () => {
  await two();
  const path = put('big.img', 4 * GIB, 32);
  const startedAt = performance.now();
  const { ended } = startBuilt(
    [
      'run',
      '--transfer',
      '--return',
      '{.}.out',
      '--',
      'cp --sparse=always {} {.}.out',
      ':::',
      'big.img',
    ],
    { home: lab.home('publisher'), cwd: work },
  );
  const { code, stderr } = await ended;
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^1 command, /)]);
  expect(performance.now() - startedAt).toBeLessThan(150_000);
  const out = join(work, 'big.out');
  expect(statSync(out).size).toBe(4 * GIB);
  execFileSync('cmp', [path, out]);
  expect(diskBytes(out)).toBeLessThan(64 * MIB);
  for (const home of ['publisher', 'worker']) {
    const { rssBytes, files } = await lab.status(home);
    expect(rssBytes).toBeLessThan(512 * MIB);
    expect(files.bytes).toBeLessThan(100 * MIB);
    expect(diskBytes(lab.home(home))).toBeLessThan(200 * MIB);
  }
  // One byte more is refused before anything is sent.
  put('more.img', 4 * GIB + 1, 1);
  const more = startBuilt(['run', '--transfer', '--', 'wc -c', ':::', 'more.img'], {
    ...{ home: lab.home('publisher'), cwd: work },
  });
  expect((await more.ended).stderr).toMatch(
    /more.img has 4294967297 bytes; files of at most 4 GiB/,
  );
});

test('a gigabyte is sent while heartbeats go on: nobody is suspect', async () => {
  await two();
  put('random.bin', GIB, 1024);
  const line = ['run', '--transfer', '--cleanup', '--', 'wc -c <', ':::', 'random.bin'];
  const { ended } = startBuilt(line, { home: lab.home('publisher'), cwd: work });
  let isOver = false;
  const over = ended.finally(() => {
    isOver = true;
  });
  const seen = new Set<string>();
  // A look each second: looking takes a process each, and the machine is busy enough.
  for (; !isOver; await sleep(1000)) {
    for (const home of ['publisher', 'worker']) {
      for (const { state } of await lab.peers(home)) seen.add(state);
    }
  }
  const { code, stdout } = await over;
  expect([code, stdout.trim()]).toEqual([0, String(GIB)]);
  expect([...seen]).toEqual(['alive']);
});
