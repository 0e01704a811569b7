import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive } from '../e2e/process-state.ts';

/**
 * Groups of two processes each, which a guardian watches: [first, second, forgotten]; and
 * a daemon of each, marked by its environment, that left its group.
 */
const PEER = `
import { spawn } from 'node:child_process';
import { Guardian } from '${new URL('../../src/work/guardian.ts', import.meta.url).href}';
const guardian = new Guardian(process.argv[1] ?? '/nowhere');
const start = (script, mark) => {
  const env = { PATH: process.env.PATH, MESHD_EXECUTOR: mark };
  const leader = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore', env });
  leader.unref();
  return leader.pid;
};
const marks = ['a1', 'a2', 'a3'].map((name) => name + process.pid);
const all = marks.map((mark) => ({ group: start('sleep 100 & wait', mark), mark }));
const daemons = marks.map((mark) => start('sleep 100 & wait', mark));
for (const each of all) guardian.watch(each);
guardian.watch({ group: start('exit 0', ''), mark: null });
guardian.forget(all[2]);
const timer = setInterval(() => {}, 1000);
process.on('SIGTERM', () => { guardian.close(); clearInterval(timer); });
console.log(all.map(({ group }) => group).concat(daemons).join(' '));
`;

let folder: string;
let scratch: string;
let peer: ChildProcess;
let groups: number[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-guardian-'));
  scratch = join(folder, 'scratch');
  mkdirSync(join(scratch, 'a', 'shut'), { recursive: true });
  mkdirSync(join(folder, 'kept'));
  writeFileSync(join(folder, 'kept', 'file'), '');
  symlinkSync(join(folder, 'kept'), join(scratch, 'a', 'link'));
  chmodSync(join(scratch, 'a', 'shut'), 0);
  peer = spawn(process.execPath, ['--input-type=module', '-e', PEER, scratch], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(peer.stdout as NonNullable<typeof peer.stdout>, 'data')) as [Buffer];
  groups = line.toString().trim().split(' ').map(Number);
});
afterEach(() => {
  peer.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL');
    } catch {
      // It is gone.
    }
  }
});

const alive = (): boolean[] => groups.map(isAlive);

const ALL = [true, true, true];
const WATCHED = [false, false, true];

test('a killed peer takes along what is watched, and the daemons of it, and no other', async () => {
  expect(alive()).toEqual([...ALL, ...ALL]);
  peer.kill('SIGKILL');
  const left = [...WATCHED, ...WATCHED];
  await expect.poll(alive, { timeout: 5000, interval: 10 }).toEqual(left);
});

test('a killed peer’s scratch folders are removed, and no link in them is followed', async () => {
  peer.kill('SIGKILL');
  await expect.poll(() => existsSync(scratch), { timeout: 5000, interval: 10 }).toBe(false);
  expect(readdirSync(join(folder, 'kept'))).toEqual(['file']);
});

test('a peer that closes its guardian before it ends leaves the groups alone', async () => {
  peer.kill('SIGTERM');
  await once(peer, 'exit');
  // Its stdin is closed, and it has had its time.
  const guardians = spawn('sh', ['-c', 'sleep 0.5']);
  await once(guardians, 'exit');
  expect(alive()).toEqual([...ALL, ...ALL]);
  expect(existsSync(scratch)).toBe(true);
});
