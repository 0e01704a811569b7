import * as cborg from 'cborg';

/** What bytes say, or why they are refused. */
export type Decoded = { readonly value: unknown } | { readonly rejected: string };

/** How many lists and maps may lie in one another. */
const MAX_DEPTH = 16;

/** How many numbers, texts, lists … one encoding may hold: a bound on memory while decoding. */
const MAX_ENTRIES = 1_048_576;

const ENCODE: cborg.EncodeOptions = {
  ignoreUndefinedProperties: true,
  typeEncoders: { undefined: refuse, bigint: refuse },
};

const DECODE: cborg.DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
};

/**
 * Encodes a value as canonical CBOR: sorted keys, shortest forms, no tags. Takes null, booleans,
 * numbers, text, Uint8Array, arrays and plain objects; properties that are undefined are left out.
 * −0 becomes 0. Equal values give equal bytes on every engine.
 * @throws TypeError for undefined and BigInt, Error for anything else that CBOR cannot hold.
 * @see RFC 8949; key order as in RFC 7049 section 3.9 (shorter keys first)
 */
export function encode(value: unknown): Uint8Array {
  return cborg.encode(value, ENCODE);
}

/**
 * Decodes what `encode` gives, and nothing else: bytes that another encoder would write otherwise
 * are refused, so that a value has one hash. Never throws.
 * maxBytes: longer encodings are refused unread. isChecked: these very bytes were decoded before,
 * or any form will do, so that how they are written is not looked at. @default false
 */
export function decode(bytes: Uint8Array, maxBytes: number, isChecked: boolean = false): Decoded {
  if (bytes.length > maxBytes) return { rejected: `${bytes.length} bytes, at most ${maxBytes}` };
  const fault = structureFault(bytes);
  if (fault !== undefined) return { rejected: fault };
  try {
    const value: unknown = cborg.decode(bytes, DECODE);
    const isCanonical = isChecked || equalBytes(encode(value), bytes);
    return isCanonical ? { value } : { rejected: 'not canonical' };
  } catch (error) {
    return { rejected: error instanceof Error ? error.message : 'not CBOR' };
  }
}

/** Says whether two byte strings are the same. */
function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

/** Bytes as lower-case hexadecimal digits. */
export function bytesToHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}

/** The bytes of lower-case hexadecimal digits. @throws TypeError when they are not such digits. */
export function hexToBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length >>> 1);
  let wrong = hex.length & 1;
  for (let i = 0; i < bytes.length; i++) {
    const high = digitOf(hex.charCodeAt(2 * i));
    const low = digitOf(hex.charCodeAt(2 * i + 1));
    wrong |= (high | low) & ~15;
    bytes[i] = 16 * high + low;
  }
  if (wrong !== 0) throw new TypeError(`not hexadecimal digits: ${hex}`);
  return bytes;
}

/** The value of a digit by its character code; −1 for what is none. */
function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}

function refuse(value: unknown): never {
  throw new TypeError(`cannot be encoded: ${String(value)}`);
}

/**
 * Walks over the heads of all entries before anything is built: depth, count and lengths are
 * checked here because the decoder recurses and allocates without a limit of its own.
 */
function structureFault(bytes: Uint8Array): string | undefined {
  const open: number[] = [];
  let at = 0;
  let entries = 0;
  do {
    const head = bytes[at];
    if (head === undefined) return 'cut short';
    if (++entries > MAX_ENTRIES) return `more than ${MAX_ENTRIES} entries`;
    const major = head >>> 5;
    const minor = head & 31;
    if (minor > 27) return `byte ${at}: length is not stated`;
    if (major === 6) return `byte ${at}: a tag`;
    const width = minor < 24 ? 0 : 1 << (minor - 24);
    const argument = width === 0 ? minor : bigEndian(bytes, at + 1, width);
    at += 1 + width;
    if (major === 2 || major === 3) at += argument;
    if (at > bytes.length) return 'cut short';
    if (major === 4 || major === 5) {
      const inside = major === 5 ? 2 * argument : argument;
      if (inside > bytes.length - at) return 'cut short';
      if (inside > 0) {
        if (open.push(inside) > MAX_DEPTH) return `deeper than ${MAX_DEPTH}`;
        continue;
      }
    }
    closeEnded(open);
  } while (open.length > 0);
  return at === bytes.length ? undefined : `${bytes.length - at} bytes too many`;
}

/** Counts one entry as read, and with it every list and map that it ends. */
function closeEnded(open: number[]): void {
  for (let top = open.length - 1; top >= 0; top--) {
    const left = (open[top] ?? 0) - 1;
    open[top] = left;
    if (left > 0) return;
    open.pop();
  }
}

function bigEndian(bytes: Uint8Array, from: number, width: number): number {
  let value = 0;
  for (let i = from; i < from + width; i++) value = value * 256 + (bytes[i] ?? 0);
  return value;
}
