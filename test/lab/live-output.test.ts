import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Ended, startBuilt } from '../e2e/built-command.ts';
import { type BuiltPeer, startBuiltPeer } from '../e2e/built-peer.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-live-'));
  mkdirSync(join(folder, 'work'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Waits for a file that the test makes. */
const WAIT = 'while ! test -e go; do sleep 0.02; done';
const go = (): void => writeFileSync(join(folder, 'work', 'go'), '');

/** `meshd run`, with what it wrote to stdout so far. */
function start(...args: string[]): { soFar: () => string; ended: Promise<Ended> } {
  const place = { home: join(folder, 'home'), cwd: join(folder, 'work') };
  const { child, ended } = startBuilt(['run', '-j', '2', ...args], place);
  let text = '';
  child.stdout?.on('data', (piece: string) => {
    text += piece;
  });
  return { soFar: () => text, ended };
}

const sorted = (text: string): string[] => text.trimEnd().split('\n').sort();

test('--line-buffer prints lines of all commands that run, as they come, and each once', async () => {
  const script = `echo first {}; printf half; ${WAIT}; echo; echo last {}`;
  const { soFar, ended } = start('--line-buffer', '--tag', '--', script, ':::', 'a', 'b');
  await expect
    .poll(() => sorted(soFar()), { timeout: 20_000 })
    .toEqual(['a\tfirst a', 'b\tfirst b']);
  go();
  const { code, stdout } = await ended;
  expect([code, sorted(stdout)]).toEqual([
    0,
    ['a\tfirst a', 'a\thalf', 'a\tlast a', 'b\tfirst b', 'b\thalf', 'b\tlast b'],
  ]);
});

test('-u prints what comes, within a line, too, and without tags', async () => {
  const { soFar, ended } = start('-u', '--tag', '--', `printf half; ${WAIT}; echo {}`, ':::', 'a');
  await expect.poll(soFar, { timeout: 20_000 }).toBe('half');
  go();
  expect((await ended).stdout).toBe('halfa\n');
});

test('-k with --line-buffer streams one command after the other', async () => {
  const script = `test {} = b && ${WAIT}; echo one {}; test {} = a && ${WAIT}; echo two {}`;
  const { soFar, ended } = start('-k', '--lb', '--', script, ':::', 'a', 'b');
  await expect.poll(soFar, { timeout: 20_000 }).toBe('one a\n');
  go();
  expect((await ended).stdout).toBe('one a\ntwo a\none b\ntwo b\n');
});

test('commands that end early are shown before those that still run', async () => {
  const script = `test {} = slow && ${WAIT}; echo {}`;
  const { soFar, ended } = start('--lb', '--', script, ':::', 'slow', 'quick');
  await expect.poll(soFar, { timeout: 20_000 }).toBe('quick\n');
  go();
  expect((await ended).stdout).toBe('quick\nslow\n');
});

test('no line is torn or lost when several write much at once', async () => {
  const script = `seq -f '{} %.0f {}' 1 60000; sleep 0.3; echo {} end {}`;
  const { code, stdout } = await start('--lb', '--', script, ':::', 'x', 'y', 'z').ended;
  const numbers = Array.from({ length: 60_000 }, (_, k) => String(k + 1));
  const wanted = ['x', 'y', 'z'].flatMap((name) =>
    [...numbers, 'end'].map((middle) => `${name} ${middle} ${name}`),
  );
  expect(code).toBe(0);
  expect(sorted(stdout)).toEqual(wanted.sort());
});

test('--halt ends the run when a later command fails, and tells of it', async () => {
  // The bad one ends only once the good one runs, however late that begins.
  const began = 'while ! test -e began; do sleep 0.02; done';
  const script = `echo {}; test {} = good && : > began; test {} = bad && ${began} && exit 3; ${WAIT}`;
  const { ended } = start('--halt', 'now,fail=1', '--', script, ':::', 'good', 'bad', 'more');
  const { code, stdout, stderr } = await ended;
  expect([code, stdout]).toEqual([1, 'bad\n']);
  expect(stderr).toMatch(
    /3 commands, 1 failed, (2 ended by --halt|1 ended by --halt, 1 not run), /,
  );
});

test('lines of commands that run on another machine come as they are written, too', async () => {
  const peers: BuiltPeer[] = [];
  try {
    const first = await startBuiltPeer(join(folder, 'home'), ['start', '--slots', '0']);
    peers.push(first);
    const how = ['join', first.invite, '--slots', '2'];
    peers.push(await startBuiltPeer(join(folder, 'other'), how));
    const script = `echo first {}; ${WAIT}; echo last {}`;
    const { soFar, ended } = start('--lb', '--', script, ':::', 'a', 'b');
    await expect.poll(() => sorted(soFar()), { timeout: 20_000 }).toEqual(['first a', 'first b']);
    go();
    const { code, stdout } = await ended;
    expect([code, sorted(stdout)]).toEqual([0, ['first a', 'first b', 'last a', 'last b']]);
  } finally {
    for (const { child } of peers) child.kill('SIGKILL');
  }
});

test('what cannot be is refused in one line', async () => {
  const wrong: [string[], RegExp][] = [
    [['--lb', '-u', 'true', ':::', '1'], /--ungroup cannot be combined with --line-buffer/],
    [['--lb', '--out', 'lines', 'true', ':::', '1'], /--line-buffer .* --out has none/],
    [['-u', '--results', 'out', 'true', ':::', '1'], /--ungroup .* --results has none/],
    [['--lb', '--detach', 'true', ':::', '1'], /--line-buffer .* --detach has none/],
  ];
  for (const [args, line] of wrong) {
    const { code, stderr } = await start(...args).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(line);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  }
});
