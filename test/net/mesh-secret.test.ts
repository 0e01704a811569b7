import { describe, expect, test } from 'vitest';
import { createMeshSecret, deriveMeshKeys } from '../../src/net/mesh-secret.ts';

describe('a mesh secret', () => {
  test('is 32 new random bytes', () => {
    expect(createMeshSecret().byteLength).toBe(32);
    expect(createMeshSecret()).not.toEqual(createMeshSecret());
  });

  test('always gives the same keys, which stay what they were in the first release', () => {
    const keys = deriveMeshKeys(new Uint8Array(32).fill(7));
    expect(keys.meshId).toMatch(/^[0-9a-f]{16}$/);
    expect(deriveMeshKeys(new Uint8Array(32).fill(7))).toEqual(keys);
    expect(keys.meshId).toBe('a63520f1ecebeabd');
  });

  test('gives keys that differ from one another and from those of any other secret', () => {
    const one = deriveMeshKeys(new Uint8Array(32).fill(7));
    const other = deriveMeshKeys(new Uint8Array(32).fill(8));
    expect(one.prologue).not.toEqual(one.rendezvous);
    expect(other.meshId).not.toBe(one.meshId);
    expect(other.prologue).not.toEqual(one.prologue);
  });

  test('is refused when it has another length', () => {
    expect(() => deriveMeshKeys(new Uint8Array(31))).toThrow('31');
  });
});
