import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeFile } from '../../src/files/describe.ts';
import { FileStore } from '../../src/files/file-store.ts';
import { type Ended, startBuilt } from './built-command.ts';

let folder = '';
let work = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-transfer-'));
  work = join(folder, 'work');
  mkdirSync(work);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const put = (name: string, text: string): void => writeFileSync(join(work, name), text);
const get = (name: string): string => readFileSync(join(work, name), 'utf8');

/** `meshd run` in the work folder, with a peer inside itself. */
function run(...args: string[]): Promise<Ended> {
  return startBuilt(['run', ...args], { home: join(folder, 'home'), cwd: work }).ended;
}

/** What one line on stderr says of how many ran. */
function told({ stderr }: Ended): string {
  return stderr.split('\n')[0]?.replace(/, [\d.]+ s$/, '') ?? '';
}

const UPPER = 'tr a-z A-Z < {} > {.}.up; pwd';

const MAKE = 'echo {} > out/{}; echo {} > out/log';

// Between machines: test/lab/transfer.test.ts.
describe('files that commands declare', () => {
  test('that two commands bring back under one name are told once', async () => {
    const words = ['--', MAKE, ':::', 'x', 'y', 'z'];
    const own = await run('--wd', '...', '--return', 'out/[xyz]', ...words);
    expect([own.code, own.stderr]).toEqual([0, expect.stringMatching(/^3 commands/)]);
    const { code, stderr } = await run('--wd', '...', '--return', 'out/*', ...words);
    expect(code).toBe(0);
    expect(stderr.match(/^warning: .*/gm)).toEqual([
      'warning: --return: commands 1 and 2 both brought back out/log, and one overwrote the other: ' +
        'name it by the argument, such as {/.}.out',
    ]);
    expect(get('out/y')).toBe('y\n');
  });

  test('that a command did not make are an error that names them', async () => {
    put('x.txt', '');
    for (const transfer of [['--transfer'], []]) {
      const ended = await run(...transfer, '--return', '{.}.no', '--', 'true', ':::', 'x.txt');
      expect([ended.code, ended.stderr]).toEqual([
        1,
        expect.stringMatching(/ \(its output x\.no is missing\): true x\.txt\n$/),
      ]);
    }
    const glob = await run('--transfer', '--return', 'out/*', '--', 'true', ':::', 'x.txt');
    expect(glob.stderr).toMatch(/ \(none of its files matches out\/\*\): true x\.txt\n$/);
    const link = await run(
      '--transfer',
      '--return',
      '{.}.link',
      '--',
      'ln -s /etc/passwd {.}.link',
      ':::',
      'x.txt',
    );
    expect(link.stderr).toMatch(/lies outside its working folder\): ln /);
  });

  test('that cannot be sent are refused in one line, and nothing runs', async () => {
    mkdirSync(join(work, 'folder'));
    put('a.txt', '');
    const refused: [string[], RegExp][] = [
      [['--transfer', '--', 'ls', ':::', 'folder'], /folder is a folder: only files are sent/],
      [['--tf', '{}.no', '--', 'ls', ':::', 'a.txt'], /a.txt.no: there is no such file to send/],
      [['--bf', 'no', '--', 'ls', ':::', 'a.txt'], /no: there is no such file to send/],
      [['--trc', '/tmp/{/}.up', '--', 'ls', ':::', 'a.txt'], /writes into a folder of its own/],
      [['--trc', '../{/}.up', '--', 'ls', ':::', 'a.txt'], /writes into a folder of its own/],
    ];
    for (const [args, message] of refused) {
      const { code, stdout, stderr } = await run(...args);
      expect([code, stdout, stderr.split('\n').length]).toEqual([2, '', 2]);
      expect(stderr).toMatch(message);
    }
  });

  test('are shown by --dry-run, which sends none', async () => {
    put('x.txt', 'four');
    const line = ['--dry-run', '--bf', 'x.txt', '--trc', '{.}.up', '--', 'wc {}', ':::', 'x.txt'];
    const { stdout, stderr } = await run(...line);
    expect([stdout, stderr]).toEqual(['wc x.txt\n', '# sends x.txt (4 B), returns x.up\n']);
  });

  test('run again only where an output is gone or is another one', async () => {
    const names = ['1.txt', '2.txt', '3.txt', '4.txt', '5.txt'];
    for (const name of names) put(name, `text of ${name}\n`);
    const args = ['--trc', '{.}.up', '--', UPPER, ':::', ...names];
    expect(told(await run(...args))).toBe('5 commands');
    for (const k of [1, 3]) rmSync(join(work, `${k}.up`));
    put('4.up', 'changed');
    expect(told(await run(...args))).toBe('5 commands, 2 known before');
    expect([1, 3, 4].map((k) => get(`${k}.up`))).toEqual(
      [1, 3, 4].map((k) => `TEXT OF ${k}.TXT\n`),
    );
    expect(told(await run(...args))).toBe('5 commands, all known before');
  });

  test('and what a killed run made of them and nobody fetched goes once its job is over', async () => {
    put('x.txt', 'four');
    expect((await run('--trc', '{.}.up', '--', UPPER, ':::', 'x.txt')).code).toBe(0);
    const home = join(folder, 'home');
    const meshd = (...args: string[]): Promise<Ended> =>
      startBuilt(args, { home, cwd: work }).ended;
    const [job] = (await meshd('jobs', '--json')).stdout.split('\n');
    const { job: id } = JSON.parse(job ?? '') as { job: string };
    const shown = JSON.parse((await meshd('show', id, '--json')).stdout) as { computation: string };
    // As a peer leaves it that is killed when it has taken what a command made.
    put('made', 'z'.repeat(100_000));
    const store = await FileStore.open(join(home, 'files'));
    const hash = await store.adopt(join(work, 'made'), await describeFile(join(work, 'made')));
    writeFileSync(join(home, 'files', `${hash}.made`), `${shown.computation}\n`);
    const { stdout } = await meshd('gc');
    expect([stdout, await store.has(hash)]).toEqual([expect.stringMatching(/ KiB freed/), false]);
  });
});
