import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pow } from '../../src/work/candidate/pow.ts';
import { ulpsOff } from './exact-pow.ts';

const POW = Math.pow;
const SPECIAL = [
  ...[0, 0.5, 1, 1 / 3, 2, 3, 1e300, 5e-324, 1e-300, 2 ** 53 - 1, 2 ** 53 + 2, Number.MAX_VALUE],
  Number.POSITIVE_INFINITY,
].flatMap((x) => [x, -x]);

/** Answers that Number::exponentiate fixes: no rounding is involved. */
function isExact(x: number): boolean {
  return (
    Number.isNaN(x) || x === 0 || Math.abs(x) === 1 || Math.abs(x) === Number.POSITIVE_INFINITY
  );
}

describe('pow', () => {
  test('has the special cases of ECMAScript', () => {
    for (const x of [...SPECIAL, Number.NaN]) {
      for (const y of [...SPECIAL, Number.NaN]) {
        const expected = POW(x, y);
        if (isExact(expected)) expect([x, y, pow(x, y)]).toEqual([x, y, expected]);
        else expect([x, y, Math.sign(pow(x, y))]).toEqual([x, y, Math.sign(expected)]);
      }
    }
  });

  test.each<[string, fc.Arbitrary<number>, fc.Arbitrary<number>]>([
    ['ordinary', between(1e-5, 1e5), between(-40, 40)],
    ['near 1', between(1 - 1e-6, 1 + 1e-6), between(-1e8, 1e8)],
    ['huge and tiny', between(1e-300, 1e300), between(-1, 1)],
    ['subnormal', between(5e-324, 2e-308), between(-0.9, 0.9)],
    ['large answers', between(1.1, 3), between(-600, 600)],
    ['whole', between(0, 3), fc.integer({ min: -60, max: 60 })],
  ])('is within 0.51 ulp of the exact answer: %s', (_, bases, exponents) => {
    fc.assert(
      fc.property(bases, exponents, (x, y) => {
        fc.pre(x > 0 && y !== 0);
        expect(ulpsOff(x, y, pow(x, y))).toBeLessThan(0.51);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  test('is within 1 ulp where the answer is subnormal', () => {
    fc.assert(
      fc.property(between(1.5, 1000), between(-1074, -1022), (x, power) => {
        const y = power / Math.log2(x);
        expect(ulpsOff(x, y, pow(x, y))).toBeLessThan(1);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  test('is exact where a double holds the answer', () => {
    for (let base = 2; base < 40; base += 1) {
      for (let exact = base, n = 1; exact < 2 ** 53; exact *= base, n += 1) {
        expect(pow(base, n)).toBe(exact);
        expect(pow(-base, n)).toBe(n % 2 === 1 ? -exact : exact);
        // A square root is exact in the other direction.
        if (n % 2 === 0) expect(pow(exact, 0.5)).toBe(Math.sqrt(exact));
      }
    }
    for (let n = -1074; n < 1024; n += 1) expect(pow(2, n)).toBe(POW(2, n));
  });

  test('gives BigInts their own operator and coerces as Math.pow does', () => {
    const any = pow as (x: unknown, y: unknown) => unknown;
    expect(any(2n, 64n)).toBe(2n ** 64n);
    expect(() => any(2n, 3)).toThrow(TypeError);
    expect(any('2', { valueOf: () => 5 })).toBe(32);
    expect(any(2, undefined)).toBeNaN();
  });

  test('keeps its bits', () => {
    expect([pow(1.1, 10), pow(0.3, 3), pow(Math.PI, Math.E)]).toEqual([
      2.5937424601000023, 0.026999999999999996, 22.45915771836104,
    ]);
  });
});

function between(min: number, max: number): fc.Arbitrary<number> {
  return fc.double({ min, max, noNaN: true });
}
