import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, startBuilt } from '../e2e/built-command.ts';
import { type BuiltPeer, startBuiltPeer } from '../e2e/built-peer.ts';

const FILES = 9999;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-many-'));
  mkdirSync(join(folder, 'work'));
  for (let k = 0; k < FILES; k++) writeFileSync(at(`f${k}`), `content of ${k}\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, 'work', name);
const names = Array.from({ length: FILES }, (_, k) => `f${k}`);

/** Each command notes its file, and the shell that runs it. */
const SCRIPT = 'echo {} $PPID >> ran; cat {} > {}.out';

function run(): Promise<Ended> {
  const place = { home: join(folder, 'home'), cwd: join(folder, 'work') };
  return startBuilt(['run', '--', SCRIPT], { ...place, stdin: `${names.join('\n')}\n` }).ended;
}

/** The shells that ran each file, in order. */
function runs(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of readFileSync(at('ran'), 'utf8').trimEnd().split('\n')) {
    const [name = '', shell = ''] = line.split(' ');
    found.set(name, [...(found.get(name) ?? []), shell]);
  }
  return found;
}

/** How many files were run how often. */
function times(): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { length } of runs().values()) counts[length] = (counts[length] ?? 0) + 1;
  return counts;
}

function expectOutputs(): void {
  const made = readdirSync(at('')).filter((name) => name.endsWith('.out'));
  expect(made).toHaveLength(FILES);
  for (const name of names) {
    expect(readFileSync(at(`${name}.out`), 'utf8')).toBe(readFileSync(at(name), 'utf8'));
  }
}

test('9 999 files make their outputs; again none runs; of three deleted outputs three run', async () => {
  expect((await run()).code).toBe(0);
  expectOutputs();
  expect(times()).toEqual({ 1: FILES });
  const again = await run();
  expect(again.stderr).toMatch(/9 999 commands, all known before/);
  expect(times()).toEqual({ 1: FILES });
  const lost = ['f17', 'f5000', 'f9998'];
  for (const name of lost) rmSync(at(`${name}.out`));
  expect((await run()).stderr).toMatch(/9 999 commands, 9996 known before/);
  expectOutputs();
  expect(times()).toEqual({ 1: FILES - 3, 2: 3 });
  const twice = [...runs()].filter(([, { length }]) => length === 2).map(([name]) => name);
  expect(twice.sort()).toEqual(lost);
}, 400_000);

test('kill -9 of a peer in the middle: all ran, and twice only what it had just in hand', async () => {
  const peers: BuiltPeer[] = [];
  try {
    const first = await startBuiltPeer(join(folder, 'home'), ['start', '--slots', '1']);
    peers.push(first);
    const how = ['join', first.invite, '--slots', '2'];
    const second = await startBuiltPeer(join(folder, 'other'), how);
    peers.push(second);
    const ended = run();
    const ran = (): number => {
      try {
        return runs().size;
      } catch {
        return 0;
      }
    };
    const options = { timeout: 120_000, interval: 200 };
    await expect.poll(ran, options).toBeGreaterThan(FILES / 3);
    second.child.kill('SIGKILL');
    // What was under way there comes to its end, or is killed: it is the dead peer's all the same.
    const before = runs();
    expect((await ended).code).toBe(0);
    expectOutputs();
    const twice = [...runs()].filter(([, shells]) => shells.length > 1);
    const shells = new Set([...before.values()].flat());
    expect(shells.size).toBe(3);
    console.log(`of ${FILES} commands ${twice.length} ran twice`);
    // Two slots, and what was finished less than 50 ms before.
    expect(twice.length).toBeLessThanOrEqual(100);
    for (const [, all] of twice) expect(all).toHaveLength(2);
    // None that was finished a second before the kill.
    const old = new Set([...before.keys()].slice(0, Math.floor(before.size / 2)));
    expect(twice.filter(([name]) => old.has(name))).toEqual([]);
  } finally {
    for (const { child } of peers) child.kill('SIGKILL');
  }
}, 400_000);
