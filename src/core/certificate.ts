import { encode, hexToBytes } from './codec.ts';
import type { ComputationId, Hash } from './ids.ts';
import { type Target, targetTuple } from './manifest.ts';

/** Bytes of one line at most: list head, index, byte string head, hash. */
const LINE_BYTES = 1 + 9 + 2 + 32;

/** What a hexadecimal digit stands for, by its character code. */
const DIGITS = new Uint8Array(128);
for (let k = 0; k < 16; k++) DIGITS[k.toString(16).charCodeAt(0)] = k;

/**
 * The certificate of an answer: SHA-256 over the canonical
 * [computation, target, skip list, [[index, value hash] …]], so that equal questions have equal
 * certificates. Lines are in rising index order; an item's error counts by the hash of its name.
 * The lines are written as CBOR here, one after the other: an answer may have millions.
 * @see RFC 8949 section 3
 */
export function certificateOf(
  computation: ComputationId,
  target: Target,
  skipped: readonly number[],
  lines: { readonly count: number; readonly each: Iterable<readonly [number, Hash]> },
  hash: (bytes: Uint8Array) => Hash,
): Hash {
  const head = [encode(hexToBytes(computation)), encode(targetTuple(target)), encode([...skipped])];
  const size = 1 + head.reduce((sum, { length }) => sum + length, 0) + 9;
  const bytes = new Uint8Array(size + lines.count * LINE_BYTES);
  let at = 0;
  bytes[at++] = 0x84;
  for (const part of head) {
    bytes.set(part, at);
    at += part.length;
  }
  at = writeHead(bytes, at, 4, lines.count);
  for (const [index, valueHash] of lines.each) {
    bytes[at++] = 0x82;
    at = writeHead(bytes, at, 0, index);
    bytes[at++] = 0x58;
    bytes[at++] = 32;
    at = writeHex(bytes, at, valueHash);
  }
  return hash(bytes.subarray(0, at));
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
    const high = DIGITS[hex.charCodeAt(2 * k)] ?? 0;
    bytes[at + k] = (high << 4) | (DIGITS[hex.charCodeAt(2 * k + 1)] ?? 0);
  }
  return at + 32;
}
