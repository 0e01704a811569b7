import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bashChange } from '../../../src/cli/parallel/bash-change.ts';
import { perlChange } from '../../../src/cli/parallel/perl-change.ts';
import { runCaptured } from '../captured-io.ts';

/**
 * `arguments`, what Perl 5 made of them by an expression (`perl`), and what GNU parallel 20221122
 * printed with `-k --dry-run` for some words (`parallel`): each a line of JSON.
 */
const TEXT = readFileSync(join(import.meta.dirname, 'changes.txt'), 'utf8');

function lines<T>(kind: string): T[] {
  const found = TEXT.trimEnd()
    .split('\n')
    .filter((line) => line.startsWith(`${kind} `));
  return found.map((line) => JSON.parse(line.slice(kind.length + 1)) as T);
}

const [ARGUMENTS = []] = lines<string[]>('arguments');
const CHANGED = lines<[expression: string, made: string[]]>('perl');
const RECORDED = lines<[words: string[], printed: string]>('parallel');

test('there are enough records', () => {
  expect([ARGUMENTS.length, CHANGED.length, RECORDED.length]).toEqual([12, 29, 26]);
});

describe('changed arguments', () => {
  test.each(RECORDED)('%j are as in GNU parallel', async (words, printed) => {
    const ran = await runCaptured(['run', '--dry-run', ...words]);
    expect(ran).toEqual({ code: 0, stdout: printed, stderr: '' });
  });

  test.each(CHANGED)('%s makes of arguments what Perl makes of them', (expression, made) => {
    const change = perlChange(expression);
    expect(ARGUMENTS.map((argument) => change?.(argument))).toEqual(made);
  });

  test.each([
    ...['s/(\\d+)/$1+1/e', 's/$x/y/', 's/@x/y/', 's/[[:alpha:]]/x/', 's/a/b/x', 's/a++/x/'],
    ...['$_=`date`', 's/a/\\U$&/', 's/a/$10/', 's/a', 'tr/a-z/A-Z/r', 'uc', '', 's/a/b/ s/c/d/'],
    ...['s/(?i)a/x/', '$_ = $job->seq()', 's//x/', "s'a'$b'"],
  ])('%s is not taken for something else', (expression) => {
    expect(perlChange(expression)).toBeNull();
  });

  test.each(['#a*', '%.+', '//', '/a', '^', ':x', '%[[:alpha:]]'])('nor {%s}', (text) => {
    expect(bashChange(text)).toBeNull();
  });

  test.each([
    [['echo {= $_=`date` =}'], /\{= \$_=`date` =\}: of Perl only s\/X\/Y\/, tr/],
    [['--rpl', '{d} $_=`date`', 'echo {d}'], /--rpl \{d\} .*: of Perl only/],
    [['--rpl', '{d}', 'echo {d}'], /--rpl \{d\}: give a placeholder, a blank and an expression/],
    [['--plus', 'echo {#a*}'], /\{#a\*\}: not there of --plus/],
    [['--plus', 'echo {0#}'], /\{0#\}: not there of --plus/],
  ])('%j is refused in one line', async (words, says) => {
    const { code, stderr } = await runCaptured(['run', '--dry-run', ...words, ':::', 'a']);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
