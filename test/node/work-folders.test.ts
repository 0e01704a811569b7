import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ComputationId } from '../../src/core/ids.ts';
import { MeshError } from '../../src/core/mesh-error.ts';
import { describeFile } from '../../src/files/describe.ts';
import { FileStore } from '../../src/files/file-store.ts';
import { FileService } from '../../src/node/files/file-service.ts';
import { WorkFolders } from '../../src/node/files/work-folders.ts';
import type { WorkInputs } from '../../src/work/workforce.ts';

const COMPUTATION = 'c'.repeat(64) as ComputationId;

let home = '';
let files: FileService;
let folders: WorkFolders;
let told: string[] = [];
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'meshd-work-folders-'));
  files = await FileService.open(join(home, 'files'), 'self');
  told = [];
  const log = (_: string, event: string): number => told.push(event);
  folders = new WorkFolders(files, join(home, 'commands'), 'self', {
    ...{ log, faultMs: 20, againMs: [1] },
  });
});
afterEach(() => {
  files.close();
  rmSync(home, { recursive: true, force: true });
});

interface Placed {
  readonly problem: string | null;
  readonly place: { readonly folder: string; readonly store: string } | null;
}

/** An execution of commands that are held by bubblewrap; gives the folders of commands. */
function held(...items: object[]): { common: string; fill(index: number): Promise<Placed> } {
  const program = new TextEncoder().encode(JSON.stringify({ transfer: true, directory: '/' }));
  const { sandbox, items: filled } = folders.inputsOf(
    1,
    {
      ...{ computation: COMPUTATION, program, params: '{}', seed: 1, commands: true },
      sandbox: { tier: 'bwrap', net: false, reads: [], writes: [] },
      items: (lo: number, hi: number) =>
        Promise.resolve(items.slice(lo, hi).map((item) => JSON.stringify(item))),
    } as unknown as WorkInputs,
    'other',
  );
  const fill = async (index: number): Promise<Placed> => {
    const [text = ''] = (await filled?.(index, index + 1)) ?? [];
    return JSON.parse(text) as Placed;
  };
  return { common: sandbox?.writes[0] ?? '', fill };
}

/** Publishes an input of some content. */
async function input(inside: string, content: string): Promise<object> {
  const path = join(home, `original-${inside}`);
  writeFileSync(path, content);
  const hash = await files.store.offer(path, await describeFile(path));
  return { inside, hash, bytes: content.length };
}

/** Puts a file into a store as a command does. */
async function make(store: string, content: string): Promise<string> {
  const path = join(home, 'made-by-command');
  writeFileSync(path, content);
  return (await FileStore.open(store)).adopt(path, await describeFile(path));
}

function folderAt(...parts: string[]): string {
  const path = join(home, ...parts);
  mkdirSync(path, { recursive: true });
  return path;
}

test('a command finds its inputs and folders of outputs, and what it made is taken', async () => {
  const returns = [{ inside: 'out/*.txt', from: '', to: '' }];
  const run = held({ command: 'x', sends: [await input('a', 'the input')], returns });
  const { place, problem } = await run.fill(0);
  expect(problem).toBeNull();
  expect(dirname(dirname(place?.folder ?? ''))).toBe(run.common);
  expect(readFileSync(join(place?.folder ?? '', 'a'), 'utf8')).toBe('the input');
  expect(existsSync(join(place?.folder ?? '', 'out'))).toBe(true);
  const hash = await make(place?.store ?? '', 'the output');
  folders.done(1, 1);
  expect(readFileSync(join(files.folder, `${hash}.data`), 'utf8')).toBe('the output');
  expect(readFileSync(join(files.folder, `${hash}.made`), 'utf8')).toBe(`${COMPUTATION}\n`);
  await expect.poll(() => readdirSync(run.common), { timeout: 5000 }).toEqual([]);
  const aside = join(home, 'commands', 'aside');
  await expect.poll(() => readdirSync(aside), { timeout: 5000 }).toEqual([]);
  expect(told).toEqual([]);
});

test('what held commands leave beside their folders goes when nothing of them runs', async () => {
  const outside = folderAt('outside');
  const run = held({ command: 'x' });
  const { place } = await run.fill(0);
  for (const beside of [run.common, dirname(place?.folder ?? '')]) {
    writeFileSync(join(beside, 'fill'), 'x');
    symlinkSync(outside, join(beside, 'link'));
  }
  writeFileSync(join(outside, 'kept'), '');
  folders.over(1);
  await expect.poll(() => readdirSync(run.common), { timeout: 5000 }).toEqual([]);
  expect(readdirSync(outside)).toEqual(['kept']);
});

test('links that a command puts where the next one may run lead no input out', async () => {
  const outside = folderAt('outside');
  const sent = [await input('a', 'the input')];
  const run = held(...Array.from({ length: 3 }, () => ({ command: 'x', sends: sent })));
  const { place } = await run.fill(0);
  const mine = dirname(place?.folder ?? '');
  // Any name that follows from the ones seen.
  for (let k = 0; k < 20; k++) {
    const guess = join(run.common, `command-${k}`);
    if (guess === mine) continue;
    mkdirSync(guess);
    symlinkSync(outside, join(guess, 'work'));
  }
  await run.fill(1);
  await run.fill(2);
  expect(readdirSync(outside)).toEqual([]);
});

test('while inputs are brought, what they are brought into is in no reach of commands', async () => {
  const run = held({ command: 'x', sends: [await input('a', 'the input')] });
  const seen: string[][] = [];
  const bring = files.bring.bind(files);
  files.bring = async (...words) => {
    seen.push([dirname(words[1]), ...readdirSync(run.common)]);
    return await bring(...words);
  };
  await run.fill(0);
  expect(seen).toHaveLength(1);
  expect(seen[0]?.slice(1)).toEqual([]);
  expect(seen[0]?.[0]?.startsWith(run.common)).toBe(false);
});

test('a link in place of the folder of what was made takes nothing from where it leads', async () => {
  const other = folderAt('other-store');
  const hash = await make(other, 'of somebody else');
  const run = held({ command: 'x' });
  const { place } = await run.fill(0);
  symlinkSync(other, place?.store ?? '');
  folders.done(1, 1);
  expect(readFileSync(join(other, `${hash}.data`), 'utf8')).toBe('of somebody else');
  expect(existsSync(join(files.folder, `${hash}.data`))).toBe(false);
  expect(existsSync(join(files.folder, `${hash}.made`))).toBe(false);
});

test('links and pipes among what was made are neither read nor taken', async () => {
  const secret = join(home, 'secret');
  const run = held({ command: 'x' }, { command: 'x' });
  for (const index of [0, 1]) {
    const { store = '' } = (await run.fill(index)).place ?? {};
    const hash = await make(store, 'the output');
    const path = join(store, `${hash}.${index === 0 ? 'data' : 'file'}`);
    renameSync(path, secret);
    symlinkSync(secret, path);
    if (process.platform !== 'win32') {
      execFileSync('mkfifo', [join(store, `${'0'.repeat(64)}.file`)]);
    }
    folders.done(1, index + 1);
    expect(readdirSync(files.folder)).toEqual([]);
    expect(existsSync(secret)).toBe(true);
  }
});

test('a link to the peer’s own files marks none of them, nor removes any', async () => {
  const hash = await make(files.folder, 'kept here');
  rmSync(join(files.folder, `${hash}.made`));
  const run = held({ command: 'x' });
  const { place } = await run.fill(0);
  symlinkSync(files.folder, place?.store ?? '');
  folders.done(1, 1);
  expect(existsSync(join(files.folder, `${hash}.made`))).toBe(false);
  expect(existsSync(join(files.folder, `${hash}.data`))).toBe(true);
});

test('a link in place of a whole folder of a command leads the peer nowhere', async () => {
  const outside = folderAt('outside');
  const hash = await make(join(outside, 'made'), 'of somebody else');
  const empty = folderAt('outside', 'empty');
  const run = held({ command: 'x' });
  const { place } = await run.fill(0);
  const path = dirname(place?.folder ?? '');
  renameSync(path, `${path}-moved`);
  symlinkSync(outside, path);
  folders.done(1, 1);
  await expect.poll(() => lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  const aside = join(home, 'commands', 'aside');
  await expect.poll(() => readdirSync(aside), { timeout: 5000 }).toEqual([]);
  expect(existsSync(empty)).toBe(true);
  expect(existsSync(join(outside, 'made', `${hash}.data`))).toBe(true);
  expect(existsSync(join(files.folder, `${hash}.data`))).toBe(false);
});

describe('an input that this machine cannot write', () => {
  /** Bringing fails so from now on, with some of the file here; gives how often it was tried. */
  function failing(code: string): { tries: number } {
    const told = { tries: 0 };
    files.bring = async ({ hash }) => {
      told.tries += 1;
      writeFileSync(join(files.folder, `${hash}.part`), 'some of it');
      throw Object.assign(new Error(`${code}: write`), { code });
    };
    return told;
  }
  const cases: [bytes: number, code: string, detail: string][] = [
    [39_600_000, 'ENOSPC', 'no room for its input big.bin (40 MB)'],
    [12, 'EDQUOT', 'no room for its input big.bin (12 B)'],
    [12, 'EIO', 'its input big.bin cannot be written: EIO'],
  ];
  for (const [bytes, code, detail] of cases) {
    test(`for ${code} is an attempt that failed, and leaves nothing of it: ${detail}`, async () => {
      const sent = { ...(await input('big.bin', 'content')), bytes };
      const run = held({ command: 'x', sends: [sent] });
      const told = failing(code);
      const failure = { kind: 'system', detail };
      await expect(run.fill(0)).rejects.toMatchObject({ failure });
      expect(told.tries).toBe(2);
      expect(readdirSync(files.folder).filter((name) => name.endsWith('.part'))).toEqual([]);
      expect(readdirSync(run.common)).toEqual([]);
      const aside = join(home, 'commands', 'aside');
      await expect.poll(() => readdirSync(aside), { timeout: 5000 }).toEqual([]);
    });
  }

  test('is told of until there is room, and waited for longer each time', async () => {
    const run = held({ command: 'x', sends: [await input('a', 'the input')] });
    const bring = files.bring.bind(files);
    failing('ENOSPC');
    await expect(run.fill(0)).rejects.toThrow('no room');
    expect(folders.notices()).toEqual(['inputs of commands: no room for its input a (9 B)']);
    files.bring = bring;
    const before = performance.now();
    expect((await run.fill(0)).problem).toBeNull();
    expect(performance.now() - before).toBeGreaterThan(990);
    expect(folders.notices()).toEqual([]);
  });

  test('as nobody has it now, is told of once', async () => {
    const run = held({ command: 'x', sends: [await input('a', 'the input')] });
    files.bring = async () => {
      throw new MeshError('MESH_NO_PEER', 'no connected member has it');
    };
    for (let k = 0; k < 2; k += 1) await expect(run.fill(0)).rejects.toThrow('no connected');
    expect(told.filter((event) => event === 'input.unreachable')).toHaveLength(1);
    const notice = 'inputs of commands: a cannot be had: no connected member has it';
    expect(folders.notices()).toEqual([notice]);
  });

  test('nor make a folder for, is an attempt that failed', async () => {
    const run = held({
      command: 'x',
      returns: [{ inside: `${'n'.repeat(300)}/x`, from: '', to: '' }],
    });
    const detail = 'its working folder cannot be made: ENAMETOOLONG';
    await expect(run.fill(0)).rejects.toMatchObject({ failure: { kind: 'system', detail } });
  });

  test('is written after all when there is room at the second try', async () => {
    const run = held({ command: 'x', sends: [await input('a', 'the input')] });
    const bring = files.bring.bind(files);
    failing('ENOSPC');
    const fails = files.bring.bind(files);
    let calls = 0;
    files.bring = (...words) => (++calls === 1 ? fails(...words) : bring(...words));
    const { place } = await run.fill(0);
    expect(readFileSync(join(place?.folder ?? '', 'a'), 'utf8')).toBe('the input');
  });
});

test('outputs that an item declares above its folder make none there', async () => {
  const run = held({ command: 'x', returns: [{ inside: '../../../up/x', from: '', to: '' }] });
  expect((await run.fill(0)).problem).toBe('what it says of its files is malformed');
  expect(existsSync(join(home, 'up'))).toBe(false);
});
