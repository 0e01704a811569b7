import { hkdfSync, randomBytes } from 'node:crypto';

/** Length of a mesh secret. */
export const SECRET_BYTES = 32;

/** What is derived from a mesh secret, each under a label of its own (HKDF-SHA256, RFC 5869). */
export interface MeshKeys {
  /**
   * The public name of the mesh that begins with this secret: 16 hexadecimal digits. It tells
   * nothing of the secret, and stays when the secret is rotated.
   */
  readonly meshId: string;
  /** Names the secret in clear when two peers agree on one: 16 hexadecimal digits. */
  readonly keyId: string;
  /** 32 bytes that both ends of a Noise handshake must know. */
  readonly prologue: Uint8Array;
  /** 32 bytes under which members find one another in the mesh's own DHT. */
  readonly rendezvous: Uint8Array;
}

/** A new random secret. A password would not do: the handshake lets a stranger test guesses. */
export function createMeshSecret(): Uint8Array {
  return new Uint8Array(randomBytes(SECRET_BYTES));
}

/** Derives a mesh's keys. @throws TypeError when the secret is not 32 bytes long. */
export function deriveMeshKeys(secret: Uint8Array): MeshKeys {
  if (secret.byteLength !== SECRET_BYTES) {
    throw new TypeError(`a mesh secret has ${SECRET_BYTES} bytes, not ${secret.byteLength}`);
  }
  return {
    meshId: Buffer.from(derive(secret, 'mesh id', 8)).toString('hex'),
    keyId: Buffer.from(derive(secret, 'key id', 8)).toString('hex'),
    prologue: derive(secret, 'noise prologue', 32),
    rendezvous: derive(secret, 'rendezvous', 32),
  };
}

function derive(secret: Uint8Array, label: string, length: number): Uint8Array {
  const info = `meshd 1 ${label}`;
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), info, length));
}
