import { encode, hexToBytes } from './codec.ts';
import type { Hasher } from './event.ts';
import type { ComputationId, Hash } from './ids.ts';
import { type Target, targetTuple } from './manifest.ts';

/** Bytes of one line at most: list head, index, byte string head, hash. */
const LINE_BYTES = 1 + 9 + 2 + 32;

/** Lines that are hashed at a time. */
const LINES_AT_ONCE = 128;

/**
 * The certificate of an answer: SHA-256 over the canonical
 * [computation, target, skip list, [[index, value hash] …]], so that equal questions have equal
 * certificates. Lines are in rising index order; an item's error counts by the hash of its name.
 * An answer may have millions: they are written as CBOR here, one after the other, and hashed as
 * they come.
 * @see RFC 8949 section 3
 */
export class Certificate {
  /** Lines that the answer is to have. */
  readonly count: number;
  readonly #hasher: Hasher;
  readonly #bytes = new Uint8Array(LINES_AT_ONCE * LINE_BYTES);
  #at = 0;
  #lines = 0;

  constructor(
    computation: ComputationId,
    target: Target,
    skipped: readonly number[],
    count: number,
    hasher: Hasher,
  ) {
    this.count = count;
    this.#hasher = hasher;
    this.#bytes[this.#at++] = 0x84;
    this.#flush();
    for (const part of [hexToBytes(computation), targetTuple(target), [...skipped]]) {
      hasher.update(encode(part));
    }
    this.#at = writeHead(this.#bytes, 0, 4, count);
  }

  /** How many lines were added. */
  get lines(): number {
    return this.#lines;
  }

  /** Adds the next line. */
  add(index: number, valueHash: Hash): void {
    const bytes = this.#bytes;
    if (this.#at + LINE_BYTES > bytes.length) this.#flush();
    let at = this.#at;
    bytes[at++] = 0x82;
    at = writeHead(bytes, at, 0, index);
    bytes[at++] = 0x58;
    bytes[at++] = 32;
    this.#at = writeHex(bytes, at, valueHash);
    this.#lines++;
  }

  /** The hash, once all lines are added; nothing is added or asked for after it. */
  end(): Hash {
    if (this.#lines !== this.count) throw new Error(`${this.#lines} lines of ${this.count}`);
    this.#flush();
    return this.#hasher.digest();
  }

  #flush(): void {
    this.#hasher.update(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
  }
}

/** Writes the head of a CBOR item in its shortest form: major type and argument. */
function writeHead(bytes: Uint8Array, at: number, major: number, argument: number): number {
  const type = major << 5;
  if (argument < 24) {
    bytes[at] = type | argument;
    return at + 1;
  }
  const width = argument < 0x100 ? 1 : argument < 0x1_0000 ? 2 : argument < 0x1_0000_0000 ? 4 : 8;
  bytes[at] = type | (24 + Math.log2(width));
  let rest = argument;
  for (let k = width; k > 0; k--) {
    bytes[at + k] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  return at + 1 + width;
}

function writeHex(bytes: Uint8Array, at: number, hex: string): number {
  for (let k = 0; k < 32; k++) {
    const [high, low] = [hex.charCodeAt(2 * k), hex.charCodeAt(2 * k + 1)];
    bytes[at + k] = (digit(high) << 4) | digit(low);
  }
  return at + 32;
}

/** What a hexadecimal digit stands for, by its character code: 0x30 … or 0x61 …. */
function digit(code: number): number {
  return (code & 15) + 9 * (code >> 6);
}
