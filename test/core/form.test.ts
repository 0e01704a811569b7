import { describe, expect, test } from 'vitest';
import * as form from '../../src/core/form.ts';

describe('forms', () => {
  const person = form.fields(
    { name: form.text(5, 1), tags: form.list(form.tuple(form.whole(0, 9), form.flag), 2) },
    { age: form.whole(0, 150) },
  );

  test('a value of the right form comes through, an absent optional key stays absent', () => {
    const value = { name: 'ada', tags: [[1, true]] };
    expect(form.check(person, value)).toEqual({ value });
    expect(form.check(person, { ...value, age: 36 })).toEqual({ value: { ...value, age: 36 } });
  });

  test.each([
    [null, 'not an object'],
    [[], 'not an object'],
    [{ tags: [] }, '.name: not a text of 1 to 5 characters'],
    [
      {
        name: 'ada',
        tags: [
          [1, true],
          [10, true],
        ],
      },
      '.tags[1][0]: not a whole number from 0 to 9',
    ],
    [{ name: 'ada', tags: [[1]] }, '.tags[0]: not a list of exactly 2'],
    [{ name: 'ada', tags: [1, 2, 3] }, '.tags: not a list of 0 to 2'],
    [{ name: 'ada', tags: [], age: 1.5 }, '.age: not a whole number from 0 to 150'],
    [{ name: 'ada', tags: [], more: 1 }, 'unknown key "more"'],
  ])('%j is refused with its path', (value, rejected) => {
    expect(form.check(person, value)).toEqual({ rejected });
  });

  test('bytes are counted and shown as digits', () => {
    expect(form.check(form.digits(2), Uint8Array.of(1, 255))).toEqual({ value: '01ff' });
    expect(form.check(form.hash, new Uint8Array(31))).toEqual({ rejected: 'not 32 to 32 bytes' });
    expect(form.check(form.bytes(3), 'abc')).toEqual({ rejected: 'not 0 to 3 bytes' });
  });

  test('choices, null, finite numbers and conditions are kept to', () => {
    expect(form.check(form.oneOf('a', 'b'), 'c')).toEqual({ rejected: 'not one of a, b' });
    expect(form.check(form.nullable(form.flag), null)).toEqual({ value: null });
    expect(form.check(form.finite, Number.NaN)).toEqual({ rejected: 'not a finite number' });
    const even = form.refine(form.whole(0, 9), (n) => (n % 2 === 0 ? undefined : 'odd'));
    expect(form.check(even, 3)).toEqual({ rejected: 'odd' });
    expect(form.check(form.map(even, String), 4)).toEqual({ value: '4' });
  });
});
