import {
  randomBernoulli,
  randomBeta,
  randomBinomial,
  randomCauchy,
  randomExponential,
  randomGamma,
  randomGeometric,
  randomInt,
  randomLogistic,
  randomNormal,
  randomPareto,
  randomPoisson,
  randomWeibull,
} from 'd3-random';
import { doubleOf, philox } from './philox.ts';

const TWO_32 = 4294967296;

/**
 * What a candidate draws from. Everything comes from `uniform()`, so equal (seed, index) give equal
 * draws. Its functions need no `this` and may be taken out of it.
 */
export interface Rng {
  /** A double in [0, 1). `Math.random()` draws from the same stream. */
  uniform(): number;
  /** 32 bits (0 … 2^32 − 1) that no draw uses: the seed for a generator of one's own. */
  readonly seed32: number;
  /** A whole number in the half-open [lo, hi), as d3's randomInt. */
  int(lo: number, hi: number): number;
  /** Normal with this mean and standard deviation. @default mu 0, sigma 1 */
  normal(mu?: number, sigma?: number): number;
  /** e to the power of `normal(mu, sigma)`. */
  logNormal(mu?: number, sigma?: number): number;
  /** Exponential of rate lambda (mean 1 / lambda). @default lambda 1 */
  exponential(lambda?: number): number;
  /** Gamma of shape k and scale theta (mean k · theta). @default theta 1 */
  gamma(k: number, theta?: number): number;
  beta(alpha: number, beta: number): number;
  /** 1 with probability p, else 0. */
  bernoulli(p: number): number;
  /** Successes in n trials. */
  binomial(n: number, p: number): number;
  /** Trials up to the first success, at least 1. */
  geometric(p: number): number;
  /** Poisson of mean lambda. */
  poisson(lambda: number): number;
  /** Weibull of shape k, location a and scale b. @default a 0, b 1 */
  weibull(k: number, a?: number, b?: number): number;
  /** Pareto of shape alpha and minimum 1. */
  pareto(alpha: number): number;
  /** Cauchy of location a and scale b. @default a 0, b 1 */
  cauchy(a?: number, b?: number): number;
  /** Logistic of location a and scale b. @default a 0, b 1 */
  logistic(a?: number, b?: number): number;
}

/** The streams of one seed, one open at a time. */
export interface Streams {
  readonly rng: Rng;
  /** Draw 0 of candidate `index` (0 … 2^53 − 1) comes next. */
  open(index: number): void;
  /** Opens the stream of index 2^64 − 1: what import and setup draw from. */
  openSetup(): void;
  /** Doubles that were taken from the stream that is open. */
  drawn(): number;
  /** From the next stream on they are those of another seed (0 … 2^53 − 1). */
  reseed(seed: number): void;
}

/** Samplers that keep a spare value: made anew for each candidate that uses them, and only then. */
interface Samplers {
  normal?: () => number;
  gamma?: typeof randomGamma;
  beta?: typeof randomBeta;
  binomial?: typeof randomBinomial;
  poisson?: typeof randomPoisson;
}

/**
 * Opens the streams of a seed (0 … 2^53 − 1): Philox4x32-10 with the seed as key and
 * (draw, index) as counter. Every draw gives two doubles.
 * @see design.md section 7; distributions by d3-random
 */
export function createStreams(seed: number): Streams {
  const key = new Int32Array(2);
  const words = new Int32Array(4);
  const spare = new Float64Array(1);
  // Index low, index high, draw low, draw high, 1 while a spare double waits. A typed array, since
  // numbers beyond 31 bits in plain variables would be allocated anew at each change.
  const state = new Int32Array(5);
  let samplers: Samplers | null = null;

  function uniform(): number {
    if (state[4] === 1) {
      state[4] = 0;
      return spare[0] as number;
    }
    const draw = state[2] as number;
    const low = state[0] as number;
    const high = state[1] as number;
    philox(words, draw, state[3] as number, low, high, key[0] as number, key[1] as number);
    state[2] = draw + 1;
    if (draw === -1) state[3] = (state[3] as number) + 1;
    state[4] = 1;
    spare[0] = doubleOf(words[2] as number, words[3] as number);
    return doubleOf(words[0] as number, words[1] as number);
  }

  function reset(low: number, high: number): void {
    state[0] = low;
    state[1] = high;
    state[2] = 0;
    state[3] = 0;
    state[4] = 0;
    samplers = null;
  }

  function kept(): Samplers {
    samplers ??= {};
    return samplers;
  }

  function seed32(): number {
    const out = new Int32Array(4);
    const low = state[0] as number;
    const high = state[1] as number;
    philox(out, -1, -1, low, high, key[0] as number, key[1] as number);
    return (out[0] as number) >>> 0;
  }

  function reseed(to: number): void {
    key[0] = to | 0;
    key[1] = (to / TWO_32) | 0;
  }

  reseed(seed);
  return {
    rng: createRng(uniform, seed32, kept),
    open: (index) => reset(index | 0, (index / TWO_32) | 0),
    openSetup: () => reset(-1, -1),
    drawn() {
      const draws = ((state[3] as number) >>> 0) * TWO_32 + ((state[2] as number) >>> 0);
      return 2 * draws - (state[4] as number);
    },
    reseed,
  };
}

function createRng(uniform: () => number, seed32: () => number, kept: () => Samplers): Rng {
  const int = randomInt.source(uniform);
  const exponential = randomExponential.source(uniform);
  const bernoulli = randomBernoulli.source(uniform);
  const geometric = randomGeometric.source(uniform);
  const weibull = randomWeibull.source(uniform);
  const pareto = randomPareto.source(uniform);
  const cauchy = randomCauchy.source(uniform);
  const logistic = randomLogistic.source(uniform);

  /** d3 makes NaN of what is missing, and a candidate would go on with that. One is given twice. */
  function given(name: string, first: unknown, second: unknown): void {
    if (typeof first === 'number' && typeof second === 'number') return;
    throw new TypeError(`rng.${name} needs its arguments to be numbers; README has them`);
  }

  function normal(mu = 0, sigma = 1): number {
    const samplers = kept();
    samplers.normal ??= randomNormal.source(uniform)();
    return mu + sigma * samplers.normal();
  }
  return Object.freeze({
    uniform,
    get seed32(): number {
      return seed32();
    },
    int(lo: number, hi: number): number {
      given('int(lo, hi)', lo, hi);
      return int(lo, hi)();
    },
    normal,
    logNormal: (mu = 0, sigma = 1) => Math.exp(normal(mu, sigma)),
    exponential: (lambda = 1) => exponential(lambda)(),
    gamma(k: number, theta = 1): number {
      const samplers = kept();
      given('gamma(k, theta)', k, theta);
      samplers.gamma ??= randomGamma.source(uniform);
      return samplers.gamma(k, theta)();
    },
    beta(alpha: number, beta: number): number {
      const samplers = kept();
      given('beta(alpha, beta)', alpha, beta);
      samplers.beta ??= randomBeta.source(uniform);
      return samplers.beta(alpha, beta)();
    },
    bernoulli(p: number): number {
      given('bernoulli(p)', p, p);
      return bernoulli(p)();
    },
    binomial(n: number, p: number): number {
      const samplers = kept();
      given('binomial(n, p)', n, p);
      samplers.binomial ??= randomBinomial.source(uniform);
      return samplers.binomial(n, p)();
    },
    geometric(p: number): number {
      given('geometric(p)', p, p);
      return geometric(p)();
    },
    poisson(lambda: number): number {
      const samplers = kept();
      given('poisson(lambda)', lambda, lambda);
      samplers.poisson ??= randomPoisson.source(uniform);
      return samplers.poisson(lambda)();
    },
    weibull(k: number, a = 0, b = 1): number {
      given('weibull(k, a, b)', k, k);
      return weibull(k, a, b)();
    },
    pareto(alpha: number): number {
      given('pareto(alpha)', alpha, alpha);
      return pareto(alpha)();
    },
    cauchy: (a = 0, b = 1) => cauchy(a, b)(),
    logistic: (a = 0, b = 1) => logistic(a, b)(),
  });
}
