import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Ran, runCaptured } from './captured-io.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-piping-'));
const home = join(folder, 'home');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(stdin: string, ...argv: string[]): Promise<Ran> {
  return runCaptured(['run', '--home', home, '--wd', folder, ...argv], { stdin });
}

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, k) => `${from + k}\n`).join('');

describe('commands that stdin is cut for', () => {
  test('run in the caller’s folder, and not again but for what is new in stdin', async () => {
    const command = 'echo "{#} in {}$(pwd)"; cat; echo ran >> runs';
    const first = await run(lines(1, 5), '--pipe', '-N2', command);
    const [one, two, three] = [1, 2, 3].map((seq) => `${seq} in ${folder}\n`);
    expect(first.stdout).toBe(`${one}1\n2\n${two}3\n4\n${three}5\n`);
    expect(first.stderr).toMatch(/^3 commands, /);
    const again = await run(lines(1, 5), '--pipe', '-N2', command);
    expect([again.stdout, again.stderr]).toEqual([
      first.stdout,
      expect.stringMatching(/^3 commands, all known before/),
    ]);
    const changed = await run(`${lines(1, 4)}six\n`, '--pipe', '-N2', command);
    expect(changed.stdout).toBe(`${one}1\n2\n${two}3\n4\n${three}six\n`);
    expect(readFileSync(join(folder, 'runs'), 'utf8')).toBe('ran\n'.repeat(4));
    // What was kept of stdin meanwhile is gone.
    expect(readdirSync(join(home, 'blocks'))).toEqual([]);
  });

  test.each(['--cat', '--fifo'])(
    'find a block in a file with %s, and have no stdin',
    async (how) => {
      const { code, stdout } = await run('a\nb\nc\n', '--pipe', how, '-N2', 'cat {}; wc -c');
      expect([code, stdout.replaceAll(' ', '')]).toEqual([0, 'a\nb\n0\nc\n0\n']);
    },
  );

  test('bring back what they declare, and have outputs of any length', async () => {
    const { code, stdout } = await run(
      ...([lines(1, 120_000), '--pipe', '--block', '400k', '--tag'] as const),
      ...['--return', 'part.{#}', 'cat; cat /dev/null > part.{#}'],
    );
    expect([code, stdout]).toEqual([0, lines(1, 120_000).replaceAll(/^/gm, '\t').slice(0, -1)]);
    expect(readdirSync(folder).filter((name) => name.startsWith('part.'))).toHaveLength(2);
  });

  test('with --basefile run in folders of their own', async () => {
    writeFileSync(join(folder, 'more'), 'more\n');
    const base = ['--basefile', join(folder, '.', 'more'), '--wd', '...'];
    const { stdout } = await runCaptured(
      ['run', '--home', home, ...base, '--pipe', 'cat; pwd | grep -c work/command'],
      { stdin: 'x\n' },
    );
    expect(stdout).toBe('x\n1\n');
  });

  test('leave their output in files that are named, with --files', async () => {
    const into = ['--files', '--tempdir', folder];
    const long = lines(1, 120_000);
    const { stdout } = await run(long, ...into, '--tag', '--pipe', '--block', '400k', 'sort -r');
    const names = stdout.trimEnd().split('\n');
    expect(names).toEqual([1, 2].map(() => expect.stringMatching(`^\t${folder}/par.*\\.par$`)));
    const texts = names.map((name) => readFileSync(name.slice(1), 'utf8')).join('');
    expect(texts.trimEnd().split('\n').sort()).toEqual(long.trimEnd().split('\n').sort());
    for (const other of ['--lb', '--json', '--out=x', '--results=x']) {
      const { code, stderr } = await run('', ...into, other, '--pipe', 'cat');
      expect([code, stderr]).toEqual([2, expect.stringContaining('--files prints the names')]);
    }
  });

  test('are left out by the job log', async () => {
    const log = join(folder, 'log');
    await run(lines(1, 3), '--joblog', log, '--pipe', '-N1', 'exit $(grep -c 2)');
    const rest = await run(lines(1, 3), '--joblog', log, '--resume-failed', '--pipe', '-N1', 'cat');
    expect(rest.stdout).toBe('2\n');
  });

  test('are as many as blocks with --dry-run, and nothing is kept', async () => {
    rmSync(join(home, 'blocks'), { recursive: true, force: true });
    const { stdout } = await run(lines(1, 5), '--dry-run', '--pipe', '-N2', 'wc', '-l');
    expect(stdout).toBe('wc -l\nwc -l\nwc -l\n');
    expect(readdirSync(home)).not.toContain('blocks');
    expect((await run('', '--pipe', 'cat')).stderr).toBe('nothing to run\n');
  });

  test.each([
    [['--pipe'], /--pipe needs a command/],
    [['--pipe', 'wc', ':::', 'a'], /leave ::: and :::: out/],
    [['--pipe', '-a', 'x', 'wc'], /--pipepart -a FILE/],
    [['--pipepart', 'wc'], /-a FILE/],
    [['--pipepart', '-a', 'x', '-N2', 'wc'], /give --pipe < FILE/],
    [['--pipepart', '-a', 'no-such-file', 'wc'], /no-such-file: it cannot be read/],
    [['--pipepart', '-a', '/dev/zero', 'wc'], /no regular file/],
    [['--pipe', '--block', '-2', 'wc'], /below 0 is for --pipepart/],
    [['--pipe', '--block', '0', 'wc'], /a size up to 1G/],
    [['--pipe', '-N0', 'wc'], /1 or more/],
    [['--pipe', '-X', 'wc'], /-X is for arguments; --pipe has none/],
    [['--pipe', '--cat', '-q', 'wc', '{}'], /-q/],
    [['--recend', ';', 'echo', ':::', 'a'], /--recend is for --pipe/],
    [['--pipe', '--round-robin', 'wc'], /--round-robin\/--round is not supported.*--block/],
    [['--pipe', '--tee', 'wc'], /--tee is not supported.*< FILE/],
    [['--pipe', '--shard', '1', 'wc'], /--shard is not supported.*awk/],
    [['--pipe', '--fifo', '-q', 'wc', '{}'], /-q would quote what --fifo/],
    [['--fifo', 'wc', '{}', ':::', 'a'], /--fifo is for --pipe/],
    [['--pipe', '--halt', 'now,fail=10%', 'wc'], /--halt now,fail=10%: .*give a number/],
    [['--pipe', '--regexp', '--recend', '(', 'wc'], /--recend "\(": this is no regular expression/],
    [['--pipe', '--bt', '0.5', 'wc'], /--block-timeout 0.5: it must be 1 second or more/],
  ])('%j is refused in one line', async (argv, says) => {
    const { code, stdout, stderr } = await run('x\n', ...argv);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
