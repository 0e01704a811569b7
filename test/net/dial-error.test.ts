import { describe, expect, test } from 'vitest';
import { dialFault, dialFaultText, faultError } from '../../src/net/dial-error.ts';

describe('a fault that this side tells itself', () => {
  test.each(['removed', 'left-behind', 'self', 'denied', 'other-protocol'] as const)(
    '%s is known by its code when libp2p handed on the text alone',
    (fault) => {
      const flattened = new Error(`refused: ${faultError(fault, 'whatever is said').message}`);
      flattened.name = 'EncryptionFailedError';
      expect(dialFault(flattened)).toBe(fault);
    },
  );

  test('is told in words, without its code', () => {
    const text = 'it speaks protocol 3, this machine 2: upgrade meshd on this machine';
    expect(dialFaultText(faultError('other-protocol', text))).toBe(`could not be joined: ${text}`);
  });

  test('is not taken from what an error merely says', () => {
    expect(dialFault(new Error('refused: this machine was removed from the mesh'))).toBe('other');
  });
});
