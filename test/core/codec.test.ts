import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, decode, encode, hexToBytes } from '../../src/core/codec.ts';

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true }).map((x) => (x === 0 ? 0 : x)),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string({ maxLength: 6 }), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;

function rejected(hex: string, maxBytes = 1000): string {
  const decoded = decode(hexToBytes(hex), maxBytes);
  return 'rejected' in decoded ? decoded.rejected : 'accepted';
}

describe('canonical encoding', () => {
  test('a value comes back from its bytes', () => {
    fc.assert(
      fc.property(plain, (value) => {
        expect(decode(encode(value), 1_000_000)).toEqual({ value });
      }),
      { numRuns: 1000 },
    );
  });

  test('the order in which keys were set does not reach the bytes', () => {
    expect(encode({ b: 1, aa: 2, a: 3 })).toEqual(encode({ a: 3, b: 1, aa: 2 }));
    expect(encode({ a: 1, b: undefined })).toEqual(encode({ a: 1 }));
  });

  test('undefined and BigInt cannot be encoded', () => {
    expect(() => encode([undefined])).toThrow(TypeError);
    expect(() => encode(10n)).toThrow(TypeError);
  });

  test.each([
    ['more bytes than allowed', '83010203', 3, '4 bytes, at most 3'],
    ['nothing', '', 9, 'cut short'],
    ['trailing bytes', '0100', 9, '1 bytes too many'],
    ['a list cut short', '8301', 9, 'cut short'],
    ['a text that claims 2^64 bytes', '7bffffffffffffffff', 9, 'cut short'],
    ['a list that claims 2^32 entries', '9affffffff', 9, 'cut short'],
    ['seventeen lists in one another', `${'81'.repeat(17)}00`, 99, 'deeper than 16'],
    ['a list of unstated length', '9f01ff', 9, 'byte 0: length is not stated'],
    ['a tag', 'c100', 9, 'byte 0: a tag'],
    ['a number longer than need be', '1801', 9, 'integer encoded in more bytes'],
    ['a whole number as a float', 'f93c00', 9, 'not canonical'],
    ['minus zero', 'f98000', 9, 'not canonical'],
    ['a long float where a short one does', 'fb3ff8000000000000', 9, 'not canonical'],
    ['keys out of order', 'a2616201616101', 9, 'not canonical'],
    ['a key twice', 'a2616101616102', 9, 'repeat map key'],
    ['a number above 2^53', '1bffffffffffffffff', 9, 'not supported'],
    ['text that is not UTF-8', '61ff', 9, 'not canonical'],
    ['undefined', 'f7', 9, 'undefined'],
  ])('%s is refused', (_, hex, maxBytes, reason) => {
    expect(rejected(hex, maxBytes)).toContain(reason);
  });

  test('sixteen lists in one another are taken, and 8 MiB of opening ones end at once', () => {
    expect(rejected(`${'81'.repeat(16)}00`)).toBe('accepted');
    const opening = new Uint8Array(8_388_608).fill(0x81);
    expect(decode(opening, opening.length)).toEqual({ rejected: 'deeper than 16' });
  });

  test('more than a million entries are refused before they are built', () => {
    const zeros = new Uint8Array(1_100_005);
    zeros.set([0x9a, 0x00, 0x10, 0xc8, 0xe0]);
    expect(decode(zeros, zeros.length)).toEqual({ rejected: 'more than 1048576 entries' });
  });

  test('hexadecimal digits and bytes turn into one another', () => {
    expect(bytesToHex(Uint8Array.of(0, 15, 255))).toBe('000fff');
    expect(hexToBytes('000fff')).toEqual(Uint8Array.of(0, 15, 255));
    expect(() => hexToBytes('0')).toThrow(TypeError);
    expect(() => hexToBytes('FF')).toThrow('not hexadecimal digits: FF');
  });
});
