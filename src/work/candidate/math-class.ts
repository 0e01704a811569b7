import { pow } from './pow.ts';
import { createStreams } from './rng.ts';

/** Functions of one number whose last bits ECMAScript leaves open, and a few that it does not. */
const ONE_ARGUMENT = [
  'acos',
  'acosh',
  'asin',
  'asinh',
  'atan',
  'atanh',
  'cbrt',
  'cos',
  'cosh',
  'exp',
  'expm1',
  'fround',
  'log',
  'log10',
  'log1p',
  'log2',
  'sin',
  'sinh',
  'sqrt',
  'tan',
  'tanh',
] as const;
const TWO_ARGUMENTS = ['atan2', 'hypot', 'pow'] as const;

/** Inputs per function: a quarter each in (0, 1), (−1, 1), (−30, 30) and (0, 10^6). */
const INPUTS = 64;

/** The functions of Math that the fingerprint asks. */
export type MathFunctions = Pick<
  Math,
  (typeof ONE_ARGUMENT)[number] | (typeof TWO_ARGUMENTS)[number]
>;

/** This engine's Math as a candidate sees it: with the `pow` that is the same everywhere. */
export function candidateMath(): MathFunctions {
  const names = [...ONE_ARGUMENT, ...TWO_ARGUMENTS];
  const own = Object.fromEntries(names.map((name) => [name, Math[name]]));
  return { ...(own as unknown as MathFunctions), pow };
}

/**
 * The fingerprint of a Math: 16 hexadecimal digits, equal when all results over fixed inputs have
 * equal bits. FNV-1a, 64 bits, over the doubles' big-endian bytes; every NaN counts as one value.
 */
export function mathClass(functions: MathFunctions = candidateMath()): string {
  const streams = createStreams(0);
  streams.open(0);
  const { uniform } = streams.rng;
  const inputs = new Float64Array(INPUTS + 1);
  for (let i = 0; i < INPUTS; i += 1) inputs[i] = scaled(uniform(), i % 4);
  const digest = createDigest();
  for (const name of ONE_ARGUMENT) {
    for (let i = 0; i < INPUTS; i += 1) digest.add(functions[name](inputs[i] as number));
  }
  for (const name of TWO_ARGUMENTS) {
    for (let i = 0; i < INPUTS; i += 1) {
      digest.add(functions[name](inputs[i] as number, inputs[(i * 7 + 1) % INPUTS] as number));
    }
  }
  return digest.text();
}

function scaled(u: number, kind: number): number {
  if (kind === 0) return u;
  if (kind === 1) return u * 2 - 1;
  return kind === 2 ? u * 60 - 30 : u * 1e6;
}

function createDigest(): { add(value: number): void; text(): string } {
  const view = new DataView(new ArrayBuffer(8));
  let hash = 0xcbf29ce484222325n;
  return {
    add(value) {
      view.setFloat64(0, value);
      if (Number.isNaN(value)) view.setBigUint64(0, 0x7ff8000000000000n);
      for (let at = 0; at < 8; at += 1) {
        hash = BigInt.asUintN(64, (hash ^ BigInt(view.getUint8(at))) * 0x100000001b3n);
      }
    },
    text: () => hash.toString(16).padStart(16, '0'),
  };
}
