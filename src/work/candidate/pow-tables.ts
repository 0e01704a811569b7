/** log2 tables start at this k: m · k/128 is near 1 for m in [0.707, 1.415). */
export const LOG_BASE = 90;
const LOG_LAST = 182;

/** Entries of the table of 2^(j/128). */
export const EXP2_STEPS = 128;

/** log2(e) as the sum of two doubles. */
export const LOG2E_HIGH: number = Math.LOG2E;
export const LOG2E_LOW = 2.0355273740931033e-17;

const FRACTION_BITS = 120n;
const ONE: bigint = 1n << FRACTION_BITS;
/** ln 2 · 2^120, rounded down. */
const LN2: bigint = 921350637599661305226344307672478454n;

/** What `pow` looks up, each number as the sum of two doubles. */
export interface PowTables {
  /** −log2(k/128), k = LOG_BASE … 182. */
  readonly log2High: Float64Array;
  readonly log2Low: Float64Array;
  /** 2^(j/128), j = 0 … 127. */
  readonly exp2High: Float64Array;
  readonly exp2Low: Float64Array;
}

/**
 * Computes the tables in whole numbers of 2^-120, so that they need no listing and no trust.
 * ln by the series of 2·atanh, exp by Taylor's.
 */
export function powTables(): PowTables {
  const count = LOG_LAST - LOG_BASE + 1;
  const log2High = new Float64Array(count);
  const log2Low = new Float64Array(count);
  for (let k = LOG_BASE; k <= LOG_LAST; k += 1) {
    const value = -(lnRatio(BigInt(k), 128n) * ONE) / LN2;
    split(value, log2High, log2Low, k - LOG_BASE);
  }
  const exp2High = new Float64Array(EXP2_STEPS);
  const exp2Low = new Float64Array(EXP2_STEPS);
  for (let j = 0; j < EXP2_STEPS; j += 1) {
    split(exp((LN2 * BigInt(j)) / BigInt(EXP2_STEPS)), exp2High, exp2Low, j);
  }
  return { log2High, log2Low, exp2High, exp2Low };
}

/** ln(a/b) = 2·atanh((a − b)/(a + b)). */
function lnRatio(a: bigint, b: bigint): bigint {
  const q = ((a - b) * ONE) / (a + b);
  const square = (q * q) >> FRACTION_BITS;
  let sum = 0n;
  let power = q;
  for (let n = 1n; power !== 0n && n < 200n; n += 2n) {
    sum += power / n;
    power = (power * square) >> FRACTION_BITS;
  }
  return 2n * sum;
}

function exp(x: bigint): bigint {
  let sum = 0n;
  let term = ONE;
  for (let n = 1n; term !== 0n; n += 1n) {
    sum += term;
    term = ((term * x) >> FRACTION_BITS) / n;
  }
  return sum;
}

/** The nearest double, and the nearest to what is left. BigInt to Number rounds to nearest. */
function split(value: bigint, high: Float64Array, low: Float64Array, at: number): void {
  const scale = 1 / Number(ONE);
  const first = Number(value);
  high[at] = first * scale;
  low[at] = Number(value - BigInt(first)) * scale;
}
