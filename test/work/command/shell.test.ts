import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isAlive, PROGRAMS, SHELL_ID, ShellBench, textOf } from './shell-bench.ts';

/** Prints a text from within single quotes. */
function printing(text: string): string {
  return `printf %s '${text.replaceAll("'", "'\\''")}'`;
}

/** Text whose UTF-8 has each byte that can go on a character. */
const LETTERS = String.fromCodePoint(...Array.from({ length: 64 }, (_, k) => 0x100 + k));

/** The exit code of what is no shell text: shells differ. */
const WRONG = 2;

describe.each(PROGRAMS)('a command in %s', (program) => {
  test.each([
    ['quotes', `it's "so" \\ \`not\` $HOME $(no) '' \\n`],
    ['line breaks and tabs', 'one\n\n\ttwo\r\nthree\n'],
    ['unicode', `größer 日本語 👩‍🚀 ${LETTERS}`],
    ['what ends a subshell', `) ; } fi done esac ' ) " && ( | & #`],
  ])('prints %s as they are', async (_, text) => {
    await using bench = new ShellBench(program);
    expect(await bench.text(printing(text))).toBe(text);
    expect(await bench.text(`X="$(${printing(text)})"\n# a comment\necho done`)).toBe('done\n');
  });

  test('may have a megabyte', async () => {
    await using bench = new ShellBench(program);
    const letters = 'abc\'"$\n'.repeat(150_000);
    const command = `X='${letters.replaceAll("'", "'\\''")}'; echo \${#X}`;
    expect(command.length).toBeGreaterThan(2 ** 20);
    expect(await bench.text(command)).toBe(`${letters.length}\n`);
    expect(await bench.text('echo next')).toBe('next\n');
  });

  test('has a value of its own for each variable, beside the environment', async () => {
    await using bench = new ShellBench(program);
    const variables = { MESHD_INDEX: '7', TEXT: "it's\n$HOME" };
    const command = 'env -0 | grep -zE "^(MESHD_INDEX|TEXT|GREETING)=" | sort -z | tr "\\0" "|"';
    const seen = textOf(await bench.run(command, { variables }));
    expect(seen).toBe("GREETING=good day|MESHD_INDEX=7|TEXT=it's\n$HOME|");
    expect(await bench.text(`echo "$MESHD_INDEX-$TEXT-"`)).toBe('--\n');
  });

  test.each([
    ['cd /', 0],
    ['export GREETING=bye; umask 077', 0],
    ['exit 3', 3],
    ['exec true', 0],
    ['exec 0<&- 1>&- 2>&-; true', 0],
    ['set -e; false; true', 1],
    ['trap "echo trapped" EXIT; alias echo=false; echo() { false; }; unset PATH', 0],
    ['if true', WRONG],
    ["echo 'open", WRONG],
    ['echo "open', WRONG],
    ['echo `open', WRONG],
    ['echo $(open', WRONG],
    ['cat <<END\nopen', 0],
    [') ; exit 9; (', WRONG],
    ['} ; done', WRONG],
    ['echo open \\', 0],
    ['', 0],
    ['# nothing', 0],
    ['-n', 127],
    ['-n $(true)', 127],
    ['no-such-program-anywhere', 127],
    ['return 4', WRONG],
  ])('leaves nothing of itself to the next: %s', async (command, exit) => {
    await using bench = new ShellBench(program);
    const state = `${SHELL_ID} pwd; echo "$GREETING"; umask; printf "%s\\n" "$PATH" $- $SHELL_ID`;
    const before = await bench.text(state);
    const ended = await bench.run(command);
    // Of what is no shell text bash goes on after some.
    if (exit === WRONG) expect(ended.exit).toBeGreaterThan(0);
    else expect(ended.exit).toBe(exit);
    expect(ended).toMatchObject({ signal: 0, ended: 'exit' });
    expect(await bench.text(state)).toBe(before);
  });

  test('gives its own outputs, 300 in order', async () => {
    await using bench = new ShellBench(program);
    for (let index = 0; index < 300; index += 1) {
      const variables = { MESHD_INDEX: String(index) };
      const command = 'printf "%s" "$MESHD_INDEX"; printf "<%s>" "$MESHD_INDEX" >&2; exit 5';
      const quiet = index % 3 === 0;
      const result = await bench.run(quiet ? 'true' : command, { variables });
      expect([
        result.exit,
        textOf(result),
        Buffer.from(result.stderr as Uint8Array).toString(),
      ]).toEqual(quiet ? [0, '', ''] : [5, String(index), `<${index}>`]);
    }
  });

  test('gives the bytes that it wrote, whatever they are', async () => {
    await using bench = new ShellBench(program);
    const { stdout } = await bench.run(`printf '\\000\\377\\n\\200\\000'`);
    expect([...(stdout as Uint8Array)]).toEqual([0, 255, 10, 128, 0]);
  });

  test('moves an output of more than 256 KiB to a file with the right bytes', async () => {
    await using bench = new ShellBench(program);
    const held = await bench.run('head -c 262144 /dev/zero');
    expect((held.stdout as Uint8Array).length).toBe(262_144);
    const first = await bench.run('seq 1 100000');
    const second = await bench.run('seq 2 100000 >&2');
    const lines = Array.from({ length: 100_000 }, (_, k) => `${k + 1}\n`).join('');
    if (first.stdout instanceof Uint8Array || second.stderr instanceof Uint8Array) {
      throw new Error('held');
    }
    expect(readFileSync(first.stdout.file, 'utf8')).toBe(lines);
    expect(first.stdout.bytes).toBe(lines.length);
    expect(readFileSync(second.stderr.file, 'utf8')).toBe(lines.slice(2));
    expect(dirname(first.stdout.file)).toBe(bench.folder);
    expect(first.stdout.file).not.toBe(second.stderr.file);
    expect(await bench.text('echo next')).toBe('next\n');
  });

  test('has an empty stdin', async () => {
    await using bench = new ShellBench(program);
    expect(await bench.text('cat; read LINE; echo $?')).toBe('1\n');
    expect(await bench.text('wc -c')).toBe('0\n');
  });

  test.each(['ls -1 /proc/self/fd', 'for X in 1; do ls -1 /proc/self/fd; done'])(
    'has no more open than any child of this process: %s',
    async (command) => {
      await using bench = new ShellBench(program);
      const open = execFileSync('ls', ['-1', '/proc/self/fd'], { encoding: 'utf8' });
      expect(open).toContain('0\n1\n2\n');
      expect(await bench.text(command)).toBe(open);
    },
  );

  test('tells what killed it, as GNU parallel logs it', async () => {
    await using bench = new ShellBench(program);
    expect(await bench.run(`sh -c 'kill -9 $$'`)).toMatchObject({ exit: 0, signal: 9 });
    expect(await bench.run(`sh -c 'kill -11 $$'; exit $?`)).toMatchObject({ exit: 0, signal: 11 });
    expect(await bench.run('exit 128')).toMatchObject({ exit: 128, signal: 0 });
    expect(await bench.run('exit 160')).toMatchObject({ exit: 160, signal: 0 });
    expect(await bench.run('exit 255')).toMatchObject({ exit: 255, signal: 0 });
  });

  test('that kills the shell is told killed, its rest with it, and another shell goes on', async () => {
    await using bench = new ShellBench(program);
    const before = await bench.text(`${SHELL_ID} echo $SHELL_ID`);
    const rest = 'sleep 1000 & echo $! > pids; kill -9 $SHELL_ID; exec sleep 1000';
    const command = `${SHELL_ID} ${rest}`;
    expect(await bench.run(command)).toMatchObject({ exit: 0, signal: 9, ended: 'exit' });
    expect(bench.pids('pids').filter(isAlive)).toEqual([]);
    expect(await bench.text(`${SHELL_ID} echo $SHELL_ID`)).not.toBe(before);
    expect(await bench.run(`${SHELL_ID} kill $SHELL_ID; sleep 1000`)).toMatchObject({
      exit: 0,
      signal: 15,
    });
    expect(await bench.text('pwd')).toBe(`${bench.directory}\n`);
  });

  test('goes on in the background after its end, until the shell is closed', async () => {
    await using bench = new ShellBench(program);
    expect(await bench.text('sleep 1000 & (trap "" TERM HUP; sleep 1001) & echo hi')).toBe('hi\n');
    await bench.run('sleep 1002 >/dev/null 2>&1 & echo $! > pids');
    await bench.run('(sleep 1003 & echo $! >> pids) & wait');
    const pids = bench.pids('pids');
    expect(pids.filter(isAlive)).toEqual(pids);
    await bench.shell.close();
    expect(pids.filter(isAlive)).toEqual([]);
    expect(readdirSync(bench.folder)).toEqual([]);
  });

  test.each(['echo early', 'true'])(
    'hears nothing of what an earlier one left running: %s',
    async (rest) => {
      await using bench = new ShellBench(program);
      await bench.run(`{ until [ -e go ]; do sleep 0.01; done; echo late; touch told; } & ${rest}`);
      const command = 'echo next; touch go; until [ -e told ]; do sleep 0.01; done; echo end';
      expect(await bench.text(command)).toBe('next\nend\n');
    },
  );

  test('may remove the file that its output goes to', async () => {
    await using bench = new ShellBench(program);
    const remove = `rm -f '${bench.folder.replaceAll("'", "'\\''")}'/*`;
    expect(await bench.text(`echo one; ${remove}; echo two`)).toBe('one\ntwo\n');
    expect(await bench.text('echo next')).toBe('next\n');
    expect(await bench.text(remove)).toBe('');
    expect(await bench.text('echo last')).toBe('last\n');
  });
});

describe.each(PROGRAMS)('$$ in a command of %s', (program) => {
  test('is a process of its own, with its variables and its place', async () => {
    await using bench = new ShellBench(program);
    const ids = [await bench.text('echo $$'), await bench.text(`echo \${$}`)];
    ids.push(await bench.text(`${SHELL_ID} echo $SHELL_ID`));
    expect(new Set(ids.map(Number)).size).toBe(3);
    const variables = { WORD: "it's" };
    const options = { variables, directory: bench.folder };
    const result = await bench.run('echo "$WORD $PWD" > own.$$; cat own.*; exit 5', options);
    expect([textOf(result), result.exit]).toEqual([`it's ${bench.folder}\n`, 5]);
  });

  test('is what a command ends itself by', async () => {
    await using bench = new ShellBench(program);
    const result = await bench.run('echo a; kill -9 $$; echo b');
    expect([textOf(result), result.signal]).toEqual(['a\n', 9]);
    expect(await bench.text('echo next')).toBe('next\n');
  });

  test('may be quoted, and a syntax error beside it is told', async () => {
    await using bench = new ShellBench(program);
    expect(await bench.text(`echo '$$' '-'`)).toBe('$$ -\n');
    expect(await bench.run('echo $$ "')).toMatchObject({ exit: 2 });
    expect(await bench.text('echo next')).toBe('next\n');
  });
});

describe('a shell', () => {
  test('that is killed as the parent of a command is replaced', async () => {
    await using bench = new ShellBench('dash');
    expect(await bench.run('kill -9 $PPID; sleep 1000')).toMatchObject({ exit: 0, signal: 9 });
    expect(await bench.run(`sh -c 'kill -9 $PPID'; true`)).toMatchObject({ ended: 'exit' });
    expect(await bench.text('echo next')).toBe('next\n');
  });

  test('is /bin/sh if nothing else is said, and stays the same', async () => {
    await using bench = new ShellBench();
    const shells = new Set<string>();
    for (let k = 0; k < 5; k += 1)
      shells.add(await bench.text(`${SHELL_ID} echo $SHELL_ID; readlink /proc/$SHELL_ID/exe`));
    expect(shells.size).toBe(1);
    expect([...shells][0]).toContain(await bench.text('readlink -f /bin/sh'));
  });

  test('runs one command at a time', async () => {
    await using bench = new ShellBench();
    const first = bench.run('echo one');
    await expect(bench.run('echo two')).rejects.toThrow('the shell runs another command');
    expect(textOf(await first)).toBe('one\n');
  });

  test('refuses what no shell takes, and goes on', async () => {
    await using bench = new ShellBench();
    await expect(bench.run('echo \0')).rejects.toThrow(TypeError);
    await expect(bench.run('true', { variables: { 'A;exit': '1' } })).rejects.toThrow(TypeError);
    expect(await bench.text('echo next')).toBe('next\n');
  });

  test('that is closed in the middle of a command says so, and leaves nothing', async () => {
    await using bench = new ShellBench();
    const running = bench.run('echo $$ > pids; sleep 1000 & echo $! >> pids; wait');
    const refused = expect(running).rejects.toThrow('the shell is closed');
    await expect.poll(() => bench.pids('pids')).toHaveLength(2);
    await bench.shell.close();
    await bench.shell.close();
    await refused;
    expect(bench.pids('pids').filter(isAlive)).toEqual([]);
    await expect(bench.run('true')).rejects.toThrow('the shell is closed');
  });

  test('that does not start has an error that names its program', async () => {
    await using bench = new ShellBench('/no/such/shell');
    await expect(bench.run('true')).rejects.toThrow(/no\/such\/shell.*ENOENT/);
    await expect(bench.run('true')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('whose folder is gone has an error, not an output of before', async () => {
    await using bench = new ShellBench();
    expect(await bench.text('echo one')).toBe('one\n');
    rmSync(join(bench.folder), { recursive: true });
    await expect(bench.run('echo two')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
