import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isGlob, literal, matches, plainName } from '../../src/files/glob.ts';
import { workPath } from '../../src/files/work-path.ts';

describe('the place of a path in a working folder', () => {
  test.each([
    ['a.svg', 'a.svg', '', ''],
    ['in/a.svg', 'in/a.svg', '', ''],
    ['./in//a.svg', 'in/a.svg', '', ''],
    ['in/../a.svg', 'a.svg', '', ''],
    ['/data/a.svg', 'data/a.svg', '', '/'],
    ['/data/../../a.svg', 'a.svg', '', '/'],
    ['../a.svg', '__/a.svg', '__/', '../'],
    ['../../x/a.svg', '__/__/x/a.svg', '__/__/', '../../'],
    ['/tmp/./foo/bar', 'foo/bar', '', '/tmp/'],
    ['tmp/./foo/bar', 'foo/bar', '', 'tmp/'],
    ['tmp/./../bar', '__/bar', '__/', 'tmp/../'],
    ['-n a\n.svg', '-n a\n.svg', '', ''],
  ])('of %j is %j', (path, inside, from, to) => {
    expect(workPath(path)).toEqual({ inside, from, to });
  });

  test('never leaves the folder', () => {
    const part = fc.constantFrom('..', '.', '', 'a', '__', '/./', '-');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const { inside, from } = workPath(parts.join('/'));
        expect(inside.startsWith('/')).toBe(false);
        expect(inside.split('/').filter((one) => one === '..' || one === '.')).toEqual([]);
        expect(inside.startsWith(from)).toBe(true);
      }),
    );
  });
});

describe('a pattern', () => {
  test.each([
    ['*.png', 'a.png', true],
    ['*.png', '.png', false],
    ['*.png', 'x/a.png', false],
    ['out/*.png', 'out/a.png', true],
    ['out/*', 'out/..', false],
    ['out/*/..', 'out/a/..', false],
    ['*', '../a', false],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['[a-c]x', 'bx', true],
    ['[!a-c]x', 'bx', false],
    ['[]]x', ']x', true],
    ['[z-a]', '[z-a]', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['a.b', 'axb', false],
    ['é*', 'éa', true],
    ['a*', 'a\nb', true],
  ])('%j and %j', (pattern, name, fits) => {
    expect(matches(pattern, name)).toBe(fits);
  });

  test('made of a text stands for that text alone', () => {
    const name = fc.string({
      unit: fc.constantFrom('a', '*', '?', '[', ']', '\\', '-', '!', 'é', '.'),
    });
    fc.assert(
      fc.property(name, name, (one, other) => {
        fc.pre(one !== '' && one !== '.' && one !== '..');
        expect(isGlob(literal(one))).toBe(false);
        expect(plainName(literal(one))).toBe(one);
        expect(matches(literal(one), one)).toBe(true);
        if (other !== one) expect(matches(literal(one), other)).toBe(false);
      }),
    );
  });
});
