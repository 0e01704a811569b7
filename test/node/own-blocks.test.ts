import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ComputationId } from '../../src/core/ids.ts';
import { type BlockFolder, BlockFolders } from '../../src/files/block-folders.ts';
import { describeFile } from '../../src/files/describe.ts';
import { FileStore } from '../../src/files/file-store.ts';
import { FileService } from '../../src/node/files/file-service.ts';
import { WorkFolders } from '../../src/node/files/work-folders.ts';
import type { WorkInputs } from '../../src/work/workforce.ts';

const COMPUTATION = 'c'.repeat(64) as ComputationId;

let home = '';
let files: FileService;
let folders: WorkFolders;
let blocks: BlockFolder;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'meshd-own-blocks-'));
  const all = new BlockFolders(join(home, 'blocks'));
  blocks = await all.make();
  files = await FileService.open(join(home, 'files'), 'self', 1e9, all);
  folders = new WorkFolders(files, join(home, 'commands'), 'self', { log: () => undefined });
});
afterEach(() => {
  files.close();
  rmSync(home, { recursive: true, force: true });
});

interface Placed {
  readonly place: { readonly folder: string; readonly store: string; readonly block?: string };
}

/** Items of commands with these blocks; gives as many as come at once. */
async function filled(
  texts: readonly string[],
  { isFile = false, owner = 'self', tier = 'none', inPlace = true } = {},
): Promise<{ placed: Placed[]; common: string }> {
  const items = await Promise.all(
    texts.map(async (text) => {
      const sends = [{ inside: '.block', ...(await blocks.keep(Buffer.from(text))) }];
      return JSON.stringify({ command: 'cat', sends, block: { name: '.block', isFile } });
    }),
  );
  const inputs = folders.inputsOf(
    1,
    {
      ...{ computation: COMPUTATION, params: '{}', seed: 1, commands: true },
      program: Buffer.from(JSON.stringify({ transfer: true, inPlace, directory: '/' })),
      sandbox: { tier, net: false, reads: [], writes: [] },
      items: async (lo: number, hi: number) => items.slice(lo, hi),
    } as unknown as WorkInputs,
    owner,
  );
  const given = (await inputs.items?.(0, texts.length)) ?? [];
  const common = inputs.sandbox?.writes[0] ?? '';
  return { placed: given.map((text) => JSON.parse(text) as Placed), common };
}

test('blocks of the own stdin are read where they are kept, and no folder is made', async () => {
  const { placed, common } = await filled(['one\n', 'two\n', 'three\n']);
  const read = placed.map(({ place }) => readFileSync(place.block ?? '', 'utf8'));
  expect(read).toEqual(['one\n', 'two\n', 'three\n']);
  folders.done(1, 3);
  const made = [common, join(home, 'commands', 'aside')].map((path) => readdirSync(path));
  expect(made).toEqual([[], []]);
});

test('what such a command writes at length is taken, and its folder goes', async () => {
  const { placed, common } = await filled(['one\n']);
  const path = join(home, 'long');
  writeFileSync(path, 'a long output');
  const store = await FileStore.open(placed[0]?.place.store ?? '');
  const hash = await store.adopt(path, await describeFile(path));
  folders.done(1, 1);
  expect(readFileSync(join(files.folder, `${hash}.data`), 'utf8')).toBe('a long output');
  const aside = join(home, 'commands', 'aside');
  await expect.poll(() => [common, aside].flatMap((one) => readdirSync(one))).toEqual([]);
});

test.each([
  ['that may write to its block (--cat)', { isFile: true }],
  ['that is held', { tier: 'bwrap' }],
  ['of somebody else', { owner: 'other' }],
  ['that runs in a folder of its own', { inPlace: false }],
])('a command %s gets a copy, one at a time', async (_, how) => {
  const { placed } = await filled(['one\n', 'two\n'], how);
  expect(placed).toHaveLength(1);
  const { folder, block } = placed[0]?.place ?? { folder: '' };
  expect(block).toBeUndefined();
  expect(readFileSync(join(folder, '.block'), 'utf8')).toBe('one\n');
  expect(existsSync(dirname(folder))).toBe(true);
});
