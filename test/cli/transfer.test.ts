import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandFlags } from '../../src/cli/commands/flags.ts';
import { resultIn } from '../../src/cli/commands/gather.ts';
import { filePlanner, type PlannedFiles, sharedReturn } from '../../src/cli/commands/transfer.ts';
import { namesOfOutput } from '../../src/files/return-pattern.ts';

let folder = '';
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshd-planned-'));
  mkdirSync(file('in'));
  for (const name of ['a.txt', 'b.txt', 'in/a.txt', '[x]*.txt']) writeFileSync(file(name), '');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The files of one command. */
function planned(flags: CommandFlags, ...args: string[]): PlannedFiles {
  return filePlanner(flags)(args, 1);
}

const insides = ({ sends }: PlannedFiles): string[] => sends.map(({ inside }) => inside);

describe('the files of a command', () => {
  test('are its arguments, which it sees under their names in its folder', () => {
    const under = folder.slice(1);
    const { sends, args } = planned(
      { transfer: true },
      file('a.txt'),
      '17',
      'no/such',
      file('b.txt'),
    );
    expect(sends).toEqual([
      { path: file('a.txt'), inside: `${under}/a.txt` },
      { path: file('b.txt'), inside: `${under}/b.txt` },
    ]);
    expect(args).toEqual([`${under}/a.txt`, '17', 'no/such', `${under}/b.txt`]);
  });

  test('are those that patterns give, by position or for each argument', () => {
    const a = `${folder}/./a.txt`;
    expect(insides(planned({ transferfile: ['{1}'] }, a, 'x'))).toEqual(['a.txt']);
    expect(insides(planned({ transferfile: ['{}'] }, a, `${folder}/./b.txt`))).toEqual([
      ...['a.txt', 'b.txt'],
    ]);
    expect(insides(planned({ transferfile: [`${folder}/./{/.}.txt`] }, 'b.zip'))).toEqual([
      'b.txt',
    ]);
    expect(insides(planned({ basefile: [`${folder}/./in/a.txt`] }, 'x'))).toEqual(['in/a.txt']);
  });

  test.each(['return', 'transferfile', 'basefile', 'trc'] as const)(
    'that --%s gives have a name',
    (flag) => {
      const fault = new RegExp(`^--${flag} is empty; name a file$`);
      expect(() => filePlanner({ [flag]: ['a.txt', ''] })).toThrow(fault);
    },
  );

  test('that two commands return to one place are told, but not those of a pattern', () => {
    const of = (...returned: string[]) => {
      const files = filePlanner({ return: returned });
      return sharedReturn(
        ['x', 'y', 'z'].map((arg, k) => ({ seq: k + 1, files: files([arg], k) })),
      );
    };
    expect(of('{}.out', './r.txt')).toEqual({ name: 'r.txt', first: 1, second: 2 });
    expect(of('{}.out', '{}.out', 'r/*')).toBeNull();
    const [a, b] = ['a', './a'].map((arg, k) => {
      return { seq: k + 3, files: filePlanner({ return: ['{}.o'] })([arg], k) };
    });
    expect(a && b && sharedReturn([a, b])).toMatchObject({ first: 3, second: 4 });
  });

  test('are none that an argument cannot name, such as a long text', () => {
    const text = 'x'.repeat(300);
    const { sends, args } = planned({ transfer: true }, text);
    expect([sends, args]).toEqual([[], [text]]);
  });

  test('of two inputs under one name are refused', () => {
    const flags = { transfer: true };
    expect(() => planned(flags, `${folder}/./a.txt`, `${folder}/in/./a.txt`)).toThrow(
      /would both be a.txt in the working folder/,
    );
  });

  test('that it returns go back to where the argument is', () => {
    const { returns, args } = planned({ trc: ['{.}.out', 'logs/./{/.}.*'] }, file('in/a.txt'));
    const inside = file('in/a').slice(1);
    expect(args).toEqual([`${inside}.txt`]);
    expect(namesOfOutput(returns, `${inside}.out`)).toEqual([file('in/a.out')]);
    expect(namesOfOutput(returns, 'a.log')).toEqual(['logs/a.log']);
    expect(namesOfOutput(returns, 'b.log')).toEqual([]);
  });

  test('come back under each name that the user gave them, and once under one', () => {
    const patterns = ['x/./{/.}.q', 'y/./*.q', 'y/./{/.}.q'];
    const { returns } = planned({ transfer: true, return: patterns }, file('in/a.txt'));
    expect(namesOfOutput(returns, 'a.q')).toEqual(['x/a.q', 'y/a.q']);
  });

  test('are named by an argument as it stands, not as a pattern', () => {
    const { returns } = planned({ trc: ['{}.out'] }, `${folder}/./[x]*.txt`);
    expect(namesOfOutput(returns, '[x]*.txt.out')).toEqual([`${folder}/[x]*.txt.out`]);
    expect(namesOfOutput(returns, 'xy.txt.out')).toEqual([]);
  });

  test('stay where they are without --transfer, and so do the arguments', () => {
    const { sends, args, returns } = planned({ return: ['../{/.}.out'] }, file('a.txt'));
    expect([sends, args]).toEqual([[], [file('a.txt')]]);
    expect(returns).toEqual([{ inside: '__/a.out', from: '__/', to: '../' }]);
  });
});

test('a command that ran and whose result is lost is told from one that never ran', () => {
  expect(resultIn(undefined)).toEqual({ value: undefined });
  expect(resultIn({ index: 0, error: 'value lost' })).toEqual({
    value: undefined,
    lost: 'its result is lost with the machine that had it',
  });
  const value = { exit: 3, signal: 0, started: 1, seconds: 1, tries: 1 };
  expect(resultIn({ index: 0, error: 'exit 3', value })).toEqual({ value });
});
