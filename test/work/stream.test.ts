import { randomGamma, randomInt, randomNormal, randomPoisson } from 'd3-random';
import { describe, expect, test } from 'vitest';
import { mathClass } from '../../src/work/candidate/math-class.ts';
import { philox } from '../../src/work/candidate/philox.ts';
import { createStreams, type Rng, type Streams } from '../../src/work/candidate/rng.ts';

function block(...words: [number, number, number, number, number, number]): string {
  const out = new Int32Array(4);
  philox(out, ...words);
  return [...out].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(' ');
}

describe('Philox4x32-10', () => {
  test.each([
    [[0, 0, 0, 0, 0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[-1, -1, -1, -1, -1, -1], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0],
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    ],
  ] as const)('gives the known answer of counter and key %j', (words, answer) => {
    expect(block(...(words as [number, number, number, number, number, number]))).toBe(answer);
  });
});

/** Words as the contract of the stream lays them out, for one draw. */
function drawn(seed: number, index: bigint, draw: bigint): number[] {
  const out = new Int32Array(4);
  const low = (x: bigint) => Number(x & 0xffffffffn);
  const key = BigInt(seed);
  philox(
    out,
    low(draw),
    low(draw >> 32n),
    low(index),
    low(index >> 32n),
    low(key),
    low(key >> 32n),
  );
  return [...out].map((word) => word >>> 0);
}

function doubles(words: readonly number[]): number[] {
  const [a = 0, b = 0, c = 0, d = 0] = words;
  const scale = 2 ** -53;
  return [((a >>> 5) * 2 ** 26 + (b >>> 6)) * scale, ((c >>> 5) * 2 ** 26 + (d >>> 6)) * scale];
}

describe("the candidate's stream", () => {
  test('accepts 93 and 154 first in the quarter disc of seed 7', () => {
    const { rng, open } = createStreams(7);
    const accepted: [number, number, number][] = [];
    for (let index = 0; index < 155; index += 1) {
      open(index);
      const x = rng.uniform();
      const y = rng.uniform();
      if (x * x + y * y < 0.01) accepted.push([index, x, y]);
    }
    expect(accepted[0]).toEqual([93, 0.0729733503668536, 0.032275132423154496]);
    expect(accepted.map(([index]) => index)).toEqual([93, 154]);
  });

  test('carries all 53 bits of seed and index, and counts its draws', () => {
    const seed = 2 ** 53 - 1;
    const index = 2 ** 52 + 2 ** 33 + 5;
    const { rng, open } = createStreams(seed);
    open(index);
    const got = Array.from({ length: 6 }, () => rng.uniform());
    const expected = [0n, 1n, 2n].flatMap((draw) => doubles(drawn(seed, BigInt(index), draw)));
    expect(got).toEqual(expected);
  });

  test('of import and setup is that of index 2^64 − 1', () => {
    const streams = createStreams(7);
    streams.openSetup();
    const got = [streams.rng.uniform(), streams.rng.uniform()];
    expect(got).toEqual(doubles(drawn(7, 2n ** 64n - 1n, 0n)));
  });

  test('keeps draw 2^64 − 1 for seed32, which moves nothing', () => {
    const { rng, open } = createStreams(7);
    open(3);
    const first = rng.uniform();
    expect(rng.seed32).toBe(drawn(7, 3n, 2n ** 64n - 1n)[0]);
    expect([first, rng.uniform()]).toEqual(doubles(drawn(7, 3n, 0n)));
  });
});

/** Mean and variance of one draw in each of `count` candidates. */
function moments(draw: (rng: Rng) => number, count: number): [mean: number, variance: number] {
  const { rng, open } = createStreams(20);
  let sum = 0;
  let squares = 0;
  for (let index = 0; index < count; index += 1) {
    open(index);
    const value = draw(rng);
    sum += value;
    squares += value * value;
  }
  const mean = sum / count;
  return [mean, squares / count - mean * mean];
}

describe('distributions', () => {
  const euler = 0.5772156649015329;
  test.each<[string, (rng: Rng) => number, number, number]>([
    ['int(-3, 5)', (rng) => rng.int(-3, 5), 0.5, 63 / 12],
    ['normal(2, 3)', (rng) => rng.normal(2, 3), 2, 9],
    ['log of logNormal(1, 0.5)', (rng) => Math.log(rng.logNormal(1, 0.5)), 1, 0.25],
    ['exponential(4)', (rng) => rng.exponential(4), 0.25, 1 / 16],
    ['gamma(2, 3)', (rng) => rng.gamma(2, 3), 6, 18],
    ['gamma(0.5, 1)', (rng) => rng.gamma(0.5), 0.5, 0.5],
    ['beta(2, 3)', (rng) => rng.beta(2, 3), 0.4, 0.04],
    ['bernoulli(0.3)', (rng) => rng.bernoulli(0.3), 0.3, 0.21],
    ['binomial(100, 0.3)', (rng) => rng.binomial(100, 0.3), 30, 21],
    ['geometric(0.2)', (rng) => rng.geometric(0.2), 5, 20],
    ['poisson(100)', (rng) => rng.poisson(100), 100, 100],
    ['weibull(1, 2, 3)', (rng) => rng.weibull(1, 2, 3), 5, 9],
    ['log of weibull(1)', (rng) => Math.log(rng.weibull(1)), -euler, Math.PI ** 2 / 6],
    ['log of pareto(3)', (rng) => Math.log(rng.pareto(3)), 1 / 3, 1 / 9],
    ['atan of cauchy()', (rng) => Math.atan(rng.cauchy()), 0, Math.PI ** 2 / 12],
    ['logistic(1, 2)', (rng) => rng.logistic(1, 2), 1, (4 * Math.PI ** 2) / 3],
  ])('%s has its mean and variance', (_, draw, mean, variance) => {
    const count = 20_000;
    const [gotMean, gotVariance] = moments(draw, count);
    // Four standard errors; that of the variance for a kurtosis of 9, the exponential's.
    expect(Math.abs(gotMean - mean)).toBeLessThan(4 * Math.sqrt(variance / count));
    expect(Math.abs(gotVariance - variance)).toBeLessThan(4 * variance * Math.sqrt(8 / count));
  });

  test('draw the bits of d3-random over uniform()', () => {
    const ours = createStreams(5);
    const theirs = createStreams(5);
    const { uniform } = theirs.rng;
    ours.open(9);
    theirs.open(9);
    const normal = randomNormal.source(uniform)();
    const got = [ours.rng.int(2, 9), ours.rng.normal(), ours.rng.normal(), ours.rng.gamma(3, 2)];
    got.push(ours.rng.poisson(40));
    const expected = [randomInt.source(uniform)(2, 9)(), normal(), normal()];
    expected.push(randomGamma.source(uniform)(3, 2)(), randomPoisson.source(uniform)(40)());
    expect(got).toEqual(expected);
  });

  test.each<[string, (rng: Rng) => number]>([
    ['normal', (rng) => rng.normal()],
    ['gamma', (rng) => rng.gamma(3)],
    ['beta', (rng) => rng.beta(2, 3)],
    ['binomial', (rng) => rng.binomial(200, 0.4)],
    ['poisson', (rng) => rng.poisson(40)],
  ])('two candidates do not share a spare value of %s', (_, draw) => {
    const alone = createStreams(5);
    alone.open(2);
    const expected = draw(alone.rng);
    const { rng, open } = createStreams(5);
    open(1);
    draw(rng);
    open(2);
    expect(draw(rng)).toBe(expected);
  });
});

test.each([
  ['int(lo, hi)', ({ rng }: Streams) => rng.int(3, undefined as never)],
  ['bernoulli(p)', ({ rng }: Streams) => rng.bernoulli(undefined as never)],
  ['beta(alpha, beta)', ({ rng }: Streams) => rng.beta(1, undefined as never)],
  ['gamma(k, theta)', ({ rng }: Streams) => rng.gamma('2' as never)],
])('%s without its arguments throws, and gives no NaN', (name, draw) => {
  expect(() => draw(createStreams(1))).toThrow(`rng.${name} needs`);
});

test('the Math class is 16 digits, repeats, and changes with one last bit of one function', () => {
  expect(mathClass()).toMatch(/^[0-9a-f]{16}$/);
  expect(mathClass()).toBe(mathClass());
  const { abs, ...rest } = Object.fromEntries(
    Object.getOwnPropertyNames(Math).map((name) => [name, Math[name as keyof Math]]),
  ) as unknown as Math;
  expect(abs(-1)).toBe(1);
  const off = { ...rest, tanh: (x: number) => Math.tanh(x) * (1 + 2 ** -52) };
  expect(mathClass(off)).not.toBe(mathClass({ ...rest }));
});
