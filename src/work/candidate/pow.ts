import { EXP2_STEPS, LOG_BASE, LOG2E_HIGH, LOG2E_LOW, powTables } from './pow-tables.ts';

/** 2^27 + 1: multiplying by it splits a double in two halves (Veltkamp). */
const SPLITTER = 134217729;
const { log2High, log2Low, exp2High, exp2Low } = powTables();
const view = new DataView(new ArrayBuffer(8));

/**
 * x to the power of y with the same bits on every engine: only operations that IEEE 754 and
 * ECMAScript specify exactly are used. Within 0.51 ulp in the normal range, within 1 ulp below;
 * results that a double can hold are exact. Special cases are those of
 * ECMAScript's Number::exponentiate. Two BigInts get BigInt's own operator, because a bundler that
 * lowers `**` to Math.pow lowers that of BigInts as well.
 *
 * Method: log2(x) as the sum of two doubles, by a table of 1/m to 8 bits and a series; times y in
 * the same precision; 2 to the power of that by a table of 2^(j/128) and a series.
 */
export function pow(base: number, exponent: number): number {
  if (typeof base === 'bigint' || typeof exponent === 'bigint') return base ** exponent;
  const x = +base;
  const y = +exponent;
  if (y === 1) return x;
  if (y === 2) return x * x;
  if (y === 0) return 1;
  // Not a number, infinite, or zero.
  if (x - x !== 0 || y - y !== 0 || x === 0) return powSpecial(x, y);
  if (x > 0) return powPositive(x, y);
  if (Math.floor(y) !== y) return Number.NaN;
  return isOdd(y) ? -powPositive(-x, y) : powPositive(-x, y);
}

function isOdd(y: number): boolean {
  return Math.abs(y) < 9007199254740992 && Math.abs(y) % 2 === 1;
}

function powSpecial(x: number, y: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN;
  const size = Math.abs(x);
  if (y - y !== 0) {
    if (size === 1) return Number.NaN;
    return size > 1 === y > 0 ? Number.POSITIVE_INFINITY : 0;
  }
  const result = (size === 0) === y > 0 ? 0 : Number.POSITIVE_INFINITY;
  const negative = x < 0 || Object.is(x, -0);
  return negative && isOdd(y) ? -result : result;
}

function powPositive(x: number, y: number): number {
  if (x === 1) return 1;
  // |log2 x| is at least 2^-53 and at most 1075: beyond these bounds the answer is known.
  if (Math.abs(y) > 3.7e19) return x > 1 === y > 0 ? Number.POSITIVE_INFINITY : 0;
  if (Math.abs(y) < 1e-21) return 1;

  let scale = 0;
  let scaled = x;
  if (x < 2.2250738585072014e-308) {
    scaled = x * 18014398509481984;
    scale = -54;
  }
  view.setFloat64(0, scaled);
  const high = view.getUint32(0);
  // m in [0.707, 1.415) so that no table value cancels against the power of two.
  const up = (high & 0xfffff) > 0x6a09e ? 1 : 0;
  scale += (high >>> 20) - 1023 + up;
  view.setUint32(0, (high & 0xfffff) | ((1023 - up) << 20));
  const m = view.getFloat64(0);

  // r = m · k/128 − 1 exactly, as rHigh + rLow: k has 8 bits, so both half products are exact.
  const k = Math.floor(128 / m + 0.5);
  const c = k / 128;
  const t = m * SPLITTER;
  const mHigh = t - (t - m);
  const first = mHigh * c - 1;
  const second = (m - mHigh) * c;
  const rHigh = first + second;
  const rLow = first - rHigh + second;
  return exp2Product(rHigh, rLow, k - LOG_BASE, scale, y);
}

/** 2^(y · (scale + table log + log2(1 + rHigh + rLow))). |rHigh| < 2^-7.4 */
function exp2Product(rHigh: number, rLow: number, k: number, scale: number, y: number): number {
  // ln(1 + r) = r − r²/2 + r³/3 in two doubles, and the rest, below 2^-30 · r, in one.
  let t = rHigh * SPLITTER;
  const r1 = t - (t - rHigh);
  const r0 = rHigh - r1;
  const squareHigh = rHigh * rHigh;
  const squareLow = r1 * r1 - squareHigh + 2 * r1 * r0 + r0 * r0 + 2 * rHigh * rLow;
  t = squareHigh * SPLITTER;
  const s1 = t - (t - squareHigh);
  const s0 = squareHigh - s1;
  const cube = squareHigh * rHigh;
  const cubeLow =
    s1 * r1 - cube + s1 * r0 + s0 * r1 + s0 * r0 + squareHigh * rLow + squareLow * rHigh;
  const thirdHigh = cube / 3;
  t = thirdHigh * SPLITTER;
  const h1 = t - (t - thirdHigh);
  const thirdLow = (cube - 3 * h1 - 3 * (thirdHigh - h1) + cubeLow) / 3;
  const fourth = squareHigh * squareHigh;
  const rest =
    fourth *
    (-1 / 4 +
      rHigh *
        (1 / 5 +
          rHigh *
            (-1 / 6 +
              rHigh *
                (1 / 7 + rHigh * (-1 / 8 + rHigh * (1 / 9 + rHigh * (-1 / 10 + rHigh / 11)))))));
  // Sum from the largest: |r| > |r²/2| > |r³/3| > rest, each step keeps its rounding error.
  const half = -0.5 * squareHigh;
  const sum1 = rHigh + half;
  const error1 = rHigh - sum1 + half;
  const sum2 = sum1 + thirdHigh;
  const error2 = sum1 - sum2 + thirdHigh;
  const lnLow = error1 + error2 + (rLow - 0.5 * squareLow + thirdLow + rest);
  const lnHigh = sum2 + lnLow;
  const lnRest = sum2 - lnHigh + lnLow;

  // To base 2.
  t = lnHigh * SPLITTER;
  const l1 = t - (t - lnHigh);
  const l0 = lnHigh - l1;
  const productHigh = lnHigh * LOG2E_HIGH;
  const e1 = LOG2E_SPLIT_HIGH;
  const e0 = LOG2E_SPLIT_LOW;
  const productLow =
    l1 * e1 - productHigh + l1 * e0 + l0 * e1 + l0 * e0 + lnHigh * LOG2E_LOW + lnRest * LOG2E_HIGH;

  const tableHigh = log2High[k] as number;
  const a = scale + tableHigh;
  const aError = scale - a + tableHigh;
  const b = a + productHigh;
  const bBack = b - a;
  const bError = a - (b - bBack) + (productHigh - bBack);
  const logLow = bError + (aError + (log2Low[k] as number) + productLow);
  const logHigh = b + logLow;
  const logRest = b - logHigh + logLow;
  return exp2Scaled(logHigh, logRest, y);
}

const LOG2E_T: number = LOG2E_HIGH * SPLITTER;
const LOG2E_SPLIT_HIGH: number = LOG2E_T - (LOG2E_T - LOG2E_HIGH);
const LOG2E_SPLIT_LOW: number = LOG2E_HIGH - LOG2E_SPLIT_HIGH;

/** 2^(y · (logHigh + logLow)). */
function exp2Scaled(logHigh: number, logLow: number, y: number): number {
  let t = logHigh * SPLITTER;
  const l1 = t - (t - logHigh);
  const l0 = logHigh - l1;
  t = y * SPLITTER;
  const y1 = t - (t - y);
  const y0 = y - y1;
  const z = logHigh * y;
  if (z >= 1025) return Number.POSITIVE_INFINITY;
  if (z <= -1076) return 0;
  const zLow = l1 * y1 - z + l1 * y0 + l0 * y1 + l0 * y0 + logLow * y;

  // z = whole + j/128 + g, |g| ≤ 2^-8.
  const steps = Math.floor(z * 128 + 0.5);
  const j = steps & (EXP2_STEPS - 1);
  const whole = (steps - j) / EXP2_STEPS;
  const w = (z - steps / 128) * Math.LN2 + zLow * Math.LN2;
  const q = w * (1 + w * (1 / 2 + w * (1 / 6 + w * (1 / 24 + w * (1 / 120 + w * (1 / 720))))));
  const high = exp2High[j] as number;
  const result = high + ((exp2Low[j] as number) + high * q);
  // Two steps, so that neither factor leaves the normal range; only the last one may round.
  const part = whole >> 1;
  return result * powerOfTwo(part) * powerOfTwo(whole - part);
}

function powerOfTwo(n: number): number {
  view.setUint32(0, (n + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}
