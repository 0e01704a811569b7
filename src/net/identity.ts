import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { base58btc } from 'multiformats/bases/base58';
import type { PeerId } from '../core/ids.ts';
import { MeshError } from '../core/mesh-error.ts';
import { createKeyFile, keyFileIn, readKeyFile } from './key-file.ts';

/** Public keys kept ready for verify; a mesh has fewer peers than this. */
const MAX_CACHED_KEYS = 1024;

/** The Ed25519 key that makes a peer: who it is, what it signs. All methods are synchronous. */
export interface Identity {
  readonly peer: PeerId;
  /** Private and public key, 32 bytes each; for the network only. */
  readonly key: Uint8Array;
  /** Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array;
  /** False for a wrong signature, and for a peer id or signature that is none. Never throws. */
  verify(peer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * Loads the key kept in `dir`, or creates it there once (file 0600, folder 0700, synced).
 * @throws MeshError MESH_HOME_UNUSABLE when the folder cannot be written, the key not be
 * read, or its file is damaged.
 */
export async function loadIdentity(dir: string): Promise<Identity> {
  const unusable = (text: string, cause: unknown): MeshError =>
    new MeshError('MESH_HOME_UNUSABLE', text, { cause });
  let pem: string;
  try {
    pem = (await readKeyFile(dir)) ?? (await createKeyFile(dir));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw unusable(`cannot read or create this peer's key in ${dir}: ${reason}`, cause);
  }
  try {
    return identityOf(createPrivateKey(pem));
  } catch (cause) {
    // What OpenSSL says of it helps nobody.
    const what = cause instanceof TypeError ? 'is no key of a peer' : 'is damaged';
    const next = 'put a copy of it back, or remove it, and this machine is a new peer';
    throw unusable(`the key file ${keyFileIn(dir)} ${what}: ${next}`, cause);
  }
}

/** The peer whose key is kept in `dir`; null when there is none, or none that can be read. */
export async function peerIn(dir: string): Promise<PeerId | null> {
  try {
    const pem = await readKeyFile(dir);
    return pem === null ? null : identityOf(createPrivateKey(pem)).peer;
  } catch {
    return null;
  }
}

/** The identity of a private key. @throws TypeError when it is not Ed25519. */
export function identityOf(privateKey: KeyObject): Identity {
  const { asymmetricKeyType: type = 'no key pair' } = privateKey;
  if (type !== 'ed25519') throw new TypeError(`a peer's key is Ed25519, this one is ${type}`);
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' });
  const publicKey = Buffer.from(x, 'base64url');
  const keys = new Map<PeerId, KeyObject>();

  return {
    peer: base58btc.baseEncode(Buffer.concat([PEER_PREFIX, publicKey])),
    key: Buffer.concat([Buffer.from(d, 'base64url'), publicKey]),
    sign: (bytes) => new Uint8Array(signBytes(null, bytes, privateKey)),
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

/**
 * What is before the 32 bytes of an Ed25519 public key in a peer id: identity multihash of 36
 * bytes, a message of type 1 (Ed25519) with 32 bytes of data.
 * @see https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */
const PEER_PREFIX: Uint8Array = Buffer.from('002408011220', 'hex');

/** DER of RFC 8410 before the 32 bytes of an Ed25519 public key. */
const SPKI_PREFIX: Uint8Array = Buffer.from('302a300506032b6570032100', 'hex');

function publicKeyOf(peer: PeerId): KeyObject {
  const bytes = Buffer.from(base58btc.baseDecode(peer));
  const [prefix, key] = [bytes.subarray(0, PEER_PREFIX.length), bytes.subarray(PEER_PREFIX.length)];
  if (!prefix.equals(PEER_PREFIX) || key.length !== 32) throw new TypeError('not an Ed25519 id');
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key]), format: 'der', type: 'spki' });
}
