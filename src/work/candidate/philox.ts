/** 2^-53: the distance between neighbouring doubles that a draw can give. */
const STEP = 1.1102230246251565e-16;

/**
 * One block of Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key.
 * Writes the words into `out` as signed 32-bit numbers. Exact on every engine: products are split
 * into 16-bit halves because a double cannot hold a 64-bit product.
 * @see Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC11)
 */
export function philox(
  out: Int32Array,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  key0: number,
  key1: number,
): void {
  let a = c0 | 0;
  let b = c1 | 0;
  let c = c2 | 0;
  let d = c3 | 0;
  let k0 = key0 | 0;
  let k1 = key1 | 0;
  for (let round = 0; round < 10; round += 1) {
    const al = a & 0xffff;
    const ah = a >>> 16;
    const cl = c & 0xffff;
    const ch = c >>> 16;
    // High words of 0xd2511f53 · a and 0xcd9e8d57 · c, by their halves.
    const ua = (Math.imul(ah, 0x1f53) + (Math.imul(al, 0x1f53) >>> 16)) | 0;
    const va = (Math.imul(al, 0xd251) + (ua & 0xffff)) | 0;
    const ha = (Math.imul(ah, 0xd251) + (ua >>> 16) + (va >>> 16)) | 0;
    const uc = (Math.imul(ch, 0x8d57) + (Math.imul(cl, 0x8d57) >>> 16)) | 0;
    const vc = (Math.imul(cl, 0xcd9e) + (uc & 0xffff)) | 0;
    const hc = (Math.imul(ch, 0xcd9e) + (uc >>> 16) + (vc >>> 16)) | 0;
    const la = Math.imul(a, 0xd2511f53);
    const lc = Math.imul(c, 0xcd9e8d57);
    a = hc ^ b ^ k0;
    b = lc;
    c = ha ^ d ^ k1;
    d = la;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
}

/** The double in [0, 1) that two words of a block give: 53 bits, multiples of 2^-53. */
export function doubleOf(high: number, low: number): number {
  return ((high >>> 5) * 67108864 + (low >>> 6)) * STEP;
}
