import { createHash } from 'node:crypto';

const SEAL_BYTES = 16;

/** Bytes with the hash in front that proves them, and the key that they belong to, unharmed. */
export function seal(key: string, bytes: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(SEAL_BYTES + bytes.length);
  sealed.set(sealOf(key, bytes));
  sealed.set(bytes, SEAL_BYTES);
  return sealed;
}

/** The bytes of a sealed entry; undefined when it is rotten. */
export function unseal(key: string, sealed: Uint8Array): Uint8Array | undefined {
  const bytes = sealed.subarray(SEAL_BYTES);
  const expected = sealOf(key, bytes);
  const whole = sealed.length >= SEAL_BYTES && expected.every((byte, k) => byte === sealed[k]);
  return whole ? bytes : undefined;
}

/** SHA-256 of key, 0 and bytes, the first 16 bytes of it. */
function sealOf(key: string, bytes: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(key).update('\0').update(bytes);
  return hash.digest().subarray(0, SEAL_BYTES);
}
