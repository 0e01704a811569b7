import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { loadOrCreateSelfKey } from '@libp2p/config';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { KeyStore } from './key-store.ts';

/** Public keys kept ready for verify; a mesh has fewer peers than this. */
const MAX_CACHED_KEYS = 1024;

/** The Ed25519 key that makes a peer: who it is, what it signs. All methods are synchronous. */
export interface Identity {
  readonly peer: PeerId;
  /** The same key in libp2p's form; for the network only. */
  readonly privateKey: PrivateKey;
  /** Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
  /** False for a wrong signature, and for a peer id or signature that is none. Never throws. */
  verify(peer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * Loads the key kept in `dir`, or creates it there once (files 0600, folder 0700, synced).
 * @throws MeshError MESH_HOME_UNUSABLE when the folder cannot be written or the key not be read.
 */
export async function loadIdentity(dir: string): Promise<Identity> {
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const store = new KeyStore(dir);
    await store.open();
    return identityOf(await loadOrCreateSelfKey(store));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MeshError(
      'MESH_HOME_UNUSABLE',
      `cannot read or create this peer's key in ${dir}: ${reason}`,
      { cause },
    );
  }
}

/** The identity of a private key. @throws TypeError when it is not Ed25519. */
export function identityOf(privateKey: PrivateKey): Identity {
  if (privateKey.type !== 'Ed25519') {
    throw new TypeError(`a peer's key is Ed25519, this one is ${privateKey.type}`);
  }
  const own = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, privateKey.raw.subarray(0, 32)]),
    format: 'der',
    type: 'pkcs8',
  });
  const keys = new Map<PeerId, KeyObject>();

  return {
    peer: peerIdFromPrivateKey(privateKey).toString(),
    privateKey,
    sign: (bytes) => new Uint8Array(signBytes(null, bytes, own)),
    verify(peer, bytes, signature) {
      try {
        let key = keys.get(peer);
        if (key === undefined) {
          key = publicKeyOf(peer);
          if (keys.size >= MAX_CACHED_KEYS) keys.clear();
          keys.set(peer, key);
        }
        return signature.byteLength === 64 && verifyBytes(null, bytes, key, signature);
      } catch {
        // Whoever sent it decides what is in it: anything odd is simply no valid signature.
        return false;
      }
    },
  };
}

/** Like Identity.verify, for who has no identity at hand. It keeps no key: for rare use. */
export function isSignedBy(peer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return signature.byteLength === 64 && verifyBytes(null, bytes, publicKeyOf(peer), signature);
  } catch {
    // As in verify: anything odd is simply no valid signature.
    return false;
  }
}

/** DER of RFC 8410 before the 32 bytes of an Ed25519 private key. */
const PKCS8_PREFIX: Uint8Array = Buffer.from('302e020100300506032b657004220420', 'hex');

/** DER of RFC 8410 before the 32 bytes of an Ed25519 public key. */
const SPKI_PREFIX: Uint8Array = Buffer.from('302a300506032b6570032100', 'hex');

function publicKeyOf(peer: PeerId): KeyObject {
  const id = peerIdFromString(peer);
  if (id.type !== 'Ed25519' || id.toString() !== peer) throw new TypeError('not an Ed25519 id');
  return createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, id.publicKey.raw]),
    format: 'der',
    type: 'spki',
  });
}
