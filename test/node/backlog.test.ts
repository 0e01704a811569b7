import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileStore } from '../../src/files/file-store.ts';
import { Backlog } from '../../src/node/files/backlog.ts';
import type { WorkInputs } from '../../src/work/workforce.ts';

/** Half of it is what waits to be fetched. */
const QUOTA = 2_000_000;
const [OWN, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];

let folder: string;
let outputs: string;
let store: FileStore;
const closing = new AbortController();
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-backlog-'));
  outputs = join(folder, 'outputs');
  mkdirSync(outputs);
  store = await FileStore.open(join(folder, 'files'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a command made, as it lies in the store. */
function made(name: string, computation: string, bytes: number): string {
  const hash = name.repeat(64);
  writeFileSync(join(folder, 'files', `${hash}.data`), Buffer.alloc(bytes, 1));
  writeFileSync(join(folder, 'files', `${hash}.made`), `${computation}\n`);
  return hash;
}

function backlog(waitMs: number): { backlog: Backlog; next(): Promise<readonly string[]> } {
  const isOwn = (computation: string): boolean => computation === OWN;
  const own = new Backlog({
    ...{ store, outputs, quotaBytes: QUOTA, isOwn, lookMs: 10, waitMs, signal: closing.signal },
  });
  const inputs = own.heldBack({ items: async () => ['an item'] } as unknown as WorkInputs);
  expect(inputs.itemsAtOnce).toBe(1);
  return { backlog: own, next: async () => (await inputs.items?.(0, 1)) ?? [] };
}

test('commands of others wait while too much of what they made was not fetched', async () => {
  made('1', OTHER, 600_000);
  expect(await backlog(60_000).next()).toEqual(['an item']);
  const hash = made('2', OTHER, 600_000);
  const { backlog: own, next } = backlog(60_000);
  expect(own.notices()).toEqual([]);
  let isThere = false;
  const waiting = next().then(() => {
    isThere = true;
  });
  const text =
    'commands of other people wait: what they made here was not fetched yet, 1 MB of 1 MB';
  await expect
    .poll(() => own.notices(), { timeout: 5000 })
    .toEqual([`${text} that half of --cache leaves it`]);
  expect(isThere).toBe(false);
  store.fetched(hash, '');
  await waiting;
  expect(own.notices()).toEqual([]);
});

test('what commands of this user made holds nothing back', async () => {
  made('1', OWN, 1_500_000);
  expect(await backlog(60_000).next()).toEqual(['an item']);
});

test('a command that has waited for long is left to other machines, and status says why', async () => {
  made('1', OTHER, 1_500_000);
  const { backlog: own, next } = backlog(500);
  await expect(next()).rejects.toMatchObject({ code: 'MESH_DISK_FULL' });
  expect(own.notices()).toHaveLength(1);
});

test('of long outputs of held commands that nobody fetches the oldest go', async () => {
  const held = join(outputs, '0'.repeat(16));
  mkdirSync(held);
  const names = ['1', '2', '3'].map((number) => `${'0'.repeat(16)}-${number}.stdout`);
  for (const [k, name] of names.entries()) {
    writeFileSync(join(held, name), Buffer.alloc(400_000, 1));
    utimesSync(join(held, name), 1000 + k, 1000 + k);
  }
  const ownName = `${'1'.repeat(16)}-1.stdout`;
  writeFileSync(join(outputs, ownName), Buffer.alloc(1_500_000, 1));
  await backlog(60_000).next();
  await expect.poll(() => readdirSync(held).sort(), { timeout: 5000 }).toEqual(names.slice(1));
  expect(readdirSync(outputs)).toContain(ownName);
});
