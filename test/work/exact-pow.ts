/** Bits behind the point of the reference's fixed-point numbers. */
const BITS = 260n;
const ONE = 1n << BITS;

/** A positive finite double as whole · 2^power. */
function parts(x: number): readonly [whole: bigint, power: number] {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const field = Number(bits >> 52n) & 0x7ff;
  const fraction = bits & 0xfffffffffffffn;
  return field === 0 ? [fraction, -1074] : [fraction | 0x10000000000000n, field - 1075];
}

function lnRatio(a: bigint, b: bigint): bigint {
  const q = ((a - b) * ONE) / (a + b);
  let sum = 0n;
  let power = q;
  for (let n = 1n; power !== 0n; n += 2n) {
    sum += power / n;
    power = (power * q * q) / ONE / ONE;
  }
  return 2n * sum;
}

const LN2 = lnRatio(2n, 1n);

/**
 * x^y for finite x > 0 as fraction · 2^exponent, 2^260 ≤ fraction < 2^261, in whole-number
 * arithmetic alone. Right to about 180 bits.
 */
export function exactPow(x: number, y: number): readonly [fraction: bigint, exponent: number] {
  const [whole, power] = parts(x);
  let shift = whole.toString(2).length;
  // Halve or keep, so that the series converges.
  const half = 1n << BigInt(shift);
  const ln = lnRatio(whole, half) + LN2 * BigInt(shift + power);
  const [yWhole, yPower] = parts(Math.abs(y));
  let z = ln * yWhole;
  z = yPower >= 0 ? z << BigInt(yPower) : z >> BigInt(-yPower);
  if (y < 0) z = -z;
  let n = z / LN2;
  if (z < 0n) n -= 1n;
  const rest = z - n * LN2;
  let sum = 0n;
  let term = ONE;
  for (let k = 1n; term !== 0n; k += 1n) {
    sum += term;
    term = (term * rest) / ONE / k;
  }
  shift = Number(n);
  while (sum >= 2n * ONE) {
    sum >>= 1n;
    shift += 1;
  }
  return [sum, shift];
}

/** How far `got` is from x^y, in units of the last place of the answer. */
export function ulpsOff(x: number, y: number, got: number): number {
  const [fraction, exponent] = exactPow(x, y);
  if (got === Number.POSITIVE_INFINITY) {
    return exponent >= 1024 || (exponent === 1023 && fraction >= 2n * ONE - (ONE >> 54n)) ? 0 : 1e9;
  }
  if (exponent >= 1024) return 1e9;
  // 2^-1074 is the smallest unit.
  const unit = Math.max(exponent - 52, -1074);
  const [whole, power] = got === 0 ? [0n, -1074] : parts(got);
  // Both as multiples of 2^(unit − 40).
  const exact = shifted(fraction, exponent - 260 - unit + 40);
  return Math.abs(Number(exact - shifted(whole, power - unit + 40))) / 2 ** 40;
}

function shifted(value: bigint, by: number): bigint {
  return by >= 0 ? value << BigInt(by) : value >> BigInt(-by);
}
