import { hash } from 'node:crypto';

/**
 * Random numbers that depend on a text alone.
 * @see Doty-Humphrey, sfc32 (PractRand)
 */
export class Random {
  readonly #name: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(name: string) {
    this.#name = name;
    const seed = hash('sha256', name, 'buffer');
    this.#a = seed.readInt32LE(0);
    this.#b = seed.readInt32LE(4);
    this.#c = seed.readInt32LE(8);
  }

  /** A generator of its own for a part: what one part draws does not shift the others. */
  fork(part: string): Random {
    return new Random(`${this.#name}/${part}`);
  }

  /** Uniform in [0, 1). */
  next = (): number => {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };

  /** Uniform in [lo, hi). */
  between(lo: number, hi: number): number {
    return lo + this.next() * (hi - lo);
  }

  /** A whole number in [lo, hi]. */
  int(lo: number, hi: number): number {
    return lo + Math.floor(this.next() * (hi - lo + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const chosen = from[Math.floor(this.next() * from.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }

  /** All of a list in random order. */
  shuffle<T>(from: readonly T[]): T[] {
    const all = [...from];
    for (let k = all.length - 1; k > 0; k--) {
      const other = this.int(0, k);
      const [a, b] = [all[k], all[other]];
      if (a === undefined || b === undefined) continue;
      all[k] = b;
      all[other] = a;
    }
    return all;
  }
}

/** A number in [0, 1) that belongs to a seed and an index, whatever was asked before. */
export function drawAt(seed: number, index: number, draw: number): number {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 15) ^ Math.imul(draw + 1, 0x27d4eb2f), 0x2c1b3c6d);
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39);
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}
