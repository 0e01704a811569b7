import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPlainCommand } from '../../../src/work/command/plain-command.ts';
import { PROGRAMS } from './shell-bench.ts';

/** What shells read as more than letters, and letters. */
const PIECES = [
  ...['a', 'b1', '2', '-x', 'A=', '/dir/', '*', '?', '~', '%1', '^', '@', ':', ',', '+', '.'],
  ...[' ', ' ', ' ', '  ', '\t', '\n', ';', ';;', '&', '&&', '|', '||', '|&', '!', '#', '\\'],
  ...['(', ')', '{', '}', '[', ']', '[[', '>', '>>', '2>', '<', '<<', '<<<', '<&', '>&', '>&2'],
  ...["'", '"', '`', '$', '$A', '${', '$(', '$((', "'q r'", '"q $A"', '2>&1', '>|', '<>', '&>'],
  ...['if', 'then', 'fi', 'do', 'done', 'case', 'esac', 'in', 'for', 'while', 'until', 'else'],
  ...['time', 'function', 'select', 'coproc', 'elif', 'é', '\u00a0'],
];

const pieces = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 9 });

describe('a plain command', () => {
  test.each([
    'true',
    'cat file > file.out',
    'gzip -9 /data/part-00{}.txt'.replace('{}', '7'),
    `convert 'my photo.jpg' -resize "$SIZE" out.png 2>> errors`,
    'make -C dir all 2>&1 | tail -n 3 && echo done; exit 3',
    'A=1 B=$HOME env',
    'ls *.txt',
    ' echo if fi ',
    "printf 'two\nlines'",
  ])('is %s', (command) => expect(isPlainCommand(command)).toBe(true));

  test.each([
    '',
    'sleep 9 &',
    'a & b',
    "echo 'open",
    'echo "open',
    'echo "`date`"',
    'echo $(date)',
    'if true',
    'a; fi',
    'a |',
    '&& a',
    'a >',
    'a 2>&1x',
    '(a)',
    'a # b',
    'a\nb',
    'echo \\',
    'cat <<END',
    '! a',
    `echo ${'a'.repeat(5000)}`,
  ])('is not %s', (command) => expect(isPlainCommand(command)).toBe(false));

  test.each(PROGRAMS)('is no fault to %s in the middle of a line', (program) => {
    const lines = fc
      .sample(pieces, { numRuns: 60_000, seed: 1 })
      .map((sample) => sample.join(''))
      .filter(isPlainCommand)
      .map((command) => `(export A='1';${command})</dev/null >>'out' 2>>'err';echo $?\n`);
    expect(lines.length).toBeGreaterThan(3000);
    const input = lines.join('');
    expect(() => execFileSync(program, ['-n'], { input })).not.toThrow();
  });

  test('is told at once from one that fails at its end', () => {
    for (const piece of ['a ', '2 ', '2>1 ', "'' ", '""', '$A', '"$A"', 'a;', 'a|', '>a ', '> ']) {
      expect(isPlainCommand(`a ${piece.repeat(Math.floor(4000 / piece.length))}(`)).toBe(false);
    }
  });
});
