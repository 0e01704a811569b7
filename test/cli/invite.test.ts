import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MeshError } from '../../src/core/mesh-error.ts';
import { decodeInvite, encodeInvite } from '../../src/node/admission/invite.ts';

const address = fc
  .tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => `/ip4/${host}/tcp/${port}/p2p/12D3KooWExample`);
const invite = fc.record({
  mesh: fc.stringMatching(/^[0-9a-f]{16}$/),
  secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  addresses: fc.array(address, { maxLength: 8 }),
});
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

function fault(text: string): string {
  try {
    decodeInvite(text);
  } catch (error) {
    if (error instanceof MeshError && error.code === 'MESH_BAD_INVITE') return error.message;
    throw error;
  }
  return 'accepted';
}

describe('invite', () => {
  test('what was encoded is decoded, also with line breaks in it', () => {
    fc.assert(
      fc.property(invite, fc.nat(), (given, at) => {
        const text = encodeInvite(given);
        const cut = at % text.length;
        expect(decodeInvite(text)).toEqual(given);
        expect(decodeInvite(` ${text.slice(0, cut)}\n${text.slice(cut)}\n`)).toEqual(given);
      }),
    );
  });

  test('one cut short anywhere is called cut short', () => {
    fc.assert(
      fc.property(invite, fc.nat(), (given, at) => {
        const text = encodeInvite(given);
        expect(fault(text.slice(0, at % text.length))).toContain('cut short');
      }),
    );
  });

  test('one with a letter changed is refused', () => {
    fc.assert(
      fc.property(invite, fc.nat(), fc.nat({ max: 63 }), (given, at, letter) => {
        const text = encodeInvite(given);
        const k = 6 + (at % (text.length - 6));
        const typo = LETTERS[letter] ?? 'A';
        fc.pre(text[k] !== typo);
        expect(fault(text.slice(0, k) + typo + text.slice(k + 1))).not.toBe('accepted');
      }),
      { numRuns: 1000 },
    );
  });

  test('a last letter that differs only in bits that no byte shows is refused too', () => {
    const texts = ['a', 'ab', 'abc'].map((mesh) => {
      return encodeInvite({ mesh, secret: new Uint8Array(32), addresses: [] });
    });
    for (const text of texts) {
      const next = LETTERS[(LETTERS.indexOf(text.at(-1) ?? 'A') + 1) % 64];
      expect(fault(`${text.slice(0, -1)}${next}`)).toContain('mistyped');
    }
  });

  test('the refusal says what is wrong', () => {
    const text = encodeInvite({ mesh: 'ab', secret: new Uint8Array(32), addresses: [] });
    expect(fault(`${text}AAAA`)).toContain('behind its end');
    expect(fault(text.replace('meshd1', 'meshd2'))).toContain('version 2');
    expect(fault(`${text.slice(0, 12)}!${text.slice(13)}`)).toContain('mistyped');
    expect(fault('hello')).toContain('does not begin with meshd1');
  });

  test('any other text is refused with that code', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(fault(`meshd1${text}`)).not.toBe('accepted');
      }),
    );
  });

  test('a short secret and a ninth address are not encoded', () => {
    const good = { mesh: 'ab', secret: new Uint8Array(32), addresses: [] };
    expect(() => encodeInvite({ ...good, secret: new Uint8Array(31) })).toThrow(RangeError);
    expect(() => encodeInvite({ ...good, addresses: Array(9).fill('/a') })).toThrow(RangeError);
  });
});
