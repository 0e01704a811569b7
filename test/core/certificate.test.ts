import { createHash } from 'node:crypto';
import { encode } from 'cborg';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { certificateOf } from '../../src/core/certificate.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const anyHash = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex'));
const anyIndex = fc.oneof(
  fc.maxSafeNat(),
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1),
);

test('a certificate is the SHA-256 of the canonical CBOR of the question and its lines', () => {
  fc.assert(
    fc.property(
      anyHash,
      fc.array(fc.tuple(anyIndex, anyHash), { maxLength: 300 }),
      fc.array(anyIndex, { maxLength: 5 }),
      fc.option(anyIndex),
      (computation, lines, skipped, maxEvals) => {
        const target = { kind: 'accept', count: 7, maxEvals } as const;
        const expected = encode([
          Buffer.from(computation, 'hex'),
          ['accept', 7, maxEvals],
          skipped,
          lines.map(([index, hash]) => [index, Buffer.from(hash, 'hex')]),
        ]);
        const given = { count: lines.length, each: lines };
        expect(certificateOf(computation, target, skipped, given, sha256)).toBe(sha256(expected));
      },
    ),
  );
});
