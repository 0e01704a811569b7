import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandFor, compileName, compileTemplate } from '../../../src/cli/parallel/template.ts';

/** The arguments that sh gives printf. */
function seenBySh(command: string): string[] {
  const printed = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
  return printed.split('\0').slice(0, -1);
}

const sign = fc.constantFrom(...'\'"\\`$ \t\n\r!*?[]{}()<>|&;~#=%-/.,é😀\u00a0\u2028\u0001x1');
const argument = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
  fc.array(sign, { maxLength: 12 }).map((signs) => signs.join('')),
);
const argumentLists = fc.array(argument, { minLength: 1, maxLength: 60 });

describe('sh gets exactly the arguments', () => {
  test('that stand for {}, whatever their text', () => {
    const template = compileTemplate(['printf', String.raw`'%s\0'`, '{}']);
    fc.assert(
      fc.property(argumentLists, (args) => {
        expect(seenBySh(template(args, 1))).toEqual(args);
      }),
      { numRuns: 60 },
    );
  });

  test('that stand for {} between other texts, and for positions', () => {
    fc.assert(
      fc.property(argumentLists, (args) => {
        const words = args.map((_, k) => `-x{${k + 1}}y{${k - args.length}}`);
        const command = commandFor(['printf', String.raw`'%s\0'`, ...words], args, 1);
        expect(seenBySh(command)).toEqual(args.map((text) => `-x${text}y${text}`));
      }),
      { numRuns: 30 },
    );
  });

  test('that -q and -N put into words, and the words themselves', () => {
    fc.assert(
      fc.property(argumentLists, argument, (args, text) => {
        const word = text.replaceAll(/[{}\s]/g, '');
        const command = commandFor(['printf', '%s\\0', word, 'a {}b'], args, 1, {
          ...{ quote: true, perArgument: true },
        });
        const [first, ...others] = args.map((arg) => `${arg}b`);
        expect(seenBySh(command)).toEqual([word, `a ${first}`, ...others]);
      }),
      { numRuns: 30 },
    );
  });
});

describe('the slot', () => {
  const env = { PARALLEL_JOBSLOT: '7' };
  const printed = (...words: string[]): string => {
    return execFileSync('sh', ['-c', commandFor(words, ['a b'], 1)], { env, encoding: 'utf8' });
  };

  // As GNU parallel 20221122 prints them in its first slot, with 1 for 7.
  test.each([
    ['7\n', 'echo {%}'],
    ['7x a b\n', 'echo', '{%}x', '{}'],
    ["in 7, {7} 7' 7\n", `echo 'in {%}, {{%}}' "{%}'" {%}`],
    [`"7' 7\n`, `echo \\"{%}\\' {%}`],
  ])('prints %j', (expected, ...words) => {
    expect(printed(...words)).toBe(expected);
  });
});

describe('one clear line refuses', () => {
  test.each([
    ['{2 %}', '{2 %}: a slot is no part of an argument; use {%}'],
    ['{= $_=`ls` =}', '{= $_=`ls` =}: of Perl only s/X/Y/, tr/x/y/, uc, lc and $_++ are there'],
  ])('%s', (word, expected) => {
    expect(() => commandFor(['echo', `x${word}`], ['a'], 1)).toThrow(expected);
    expect(() => compileName(`out/${word}`)).toThrow(expected);
  });

  test('{%} where it is not known yet, or would be quoted', () => {
    expect(() => compileName('out/{%}')).toThrow('{%}: which slot runs a command is known once');
    expect(() => commandFor(['echo', '{%}'], ['a'], 1, { quote: true })).toThrow('-q quotes');
  });

  test('a Perl expression of several words', () => {
    expect(() => commandFor(['echo', '{=', '$x++', '=}'], ['a'], 1)).toThrow('{= $x++ =}: of');
  });

  test('an empty -I', () => {
    expect(() => commandFor(['echo'], ['a'], 1, { replacement: '' })).toThrow(
      '-I: the text is empty; give one: {}',
    );
  });
});

test('unlike parallel, a position far below 0 is nothing', () => {
  expect(commandFor(['echo', '[{-3}]', '[{-4}]', '[{-5}]'], ['a', 'b', 'c'], 1)).toBe(
    'echo [a] [] []',
  );
});

test('unlike parallel, a separate {= is text', () => {
  expect(commandFor(['echo', '{=', '{}'], ['a'], 1)).toBe('echo {= a');
});

test('a name is not quoted, and has no {} added', () => {
  expect(compileName('out/{1}-{#}.{2}')?.(['a b', "c'"], 7)).toBe("out/a b-7.c'");
  expect(compileName('out')).toBeNull();
});

test('a million commands take seconds', () => {
  const template = compileTemplate(['convert', '{}', '-o', 'out/{/.}.png', '{#}']);
  const started = performance.now();
  let length = 0;
  for (let k = 1; k <= 1_000_000; k += 1) length += template([`in/image ${k}.jpg`], k).length;
  expect(length).toBeGreaterThan(40_000_000);
  expect(performance.now() - started).toBeLessThan(30_000);
});
