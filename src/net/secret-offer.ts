import { decode, encode } from '../core/codec.ts';
import { bytes, check, type Form, list, map, tuple, whole } from '../core/form.ts';
import type { PeerId } from '../core/ids.ts';
import { peerForm } from '../core/register-codec.ts';
import { isSignedBy } from './identity.ts';
import { SECRET_BYTES } from './mesh-secret.ts';
import { MAX_RING_MEMBERS, type OfferedSecret, type Seal } from './secret-ring.ts';

/** The longest body of a `secret` frame. */
const MAX_OFFER_BYTES = 524_288;

/** Rotations of one mesh at most. */
const MAX_GENERATION = 2 ** 32;

/** Length of an Ed25519 signature. */
const SIGNATURE_BYTES = 64;

type Unsealed = Omit<OfferedSecret, 'seal'>;

const form: Form<OfferedSecret> = map(
  tuple<[number, Uint8Array, PeerId[], PeerId, Uint8Array]>(
    whole(0, MAX_GENERATION),
    bytes(SECRET_BYTES, SECRET_BYTES),
    list(peerForm, MAX_RING_MEMBERS),
    peerForm,
    bytes(SIGNATURE_BYTES, SIGNATURE_BYTES),
  ),
  ([generation, secret, members, author, signature]) => ({
    ...{ generation, secret, members },
    seal: { author, signature },
  }),
);

/** The body of a `secret` frame; null for a secret that nobody sealed: it is not handed on. */
export function encodeOffer({
  generation,
  secret,
  members,
  seal,
}: OfferedSecret): Uint8Array | null {
  if (seal === null) return null;
  return encode([generation, secret, [...members], seal.author, seal.signature]);
}

/** Reads the body of a `secret` frame; null when it has another form. */
export function decodeOffer(body: Uint8Array): OfferedSecret | null {
  const decoded = decode(body, MAX_OFFER_BYTES);
  const checked = 'value' in decoded ? check(form, decoded.value) : decoded;
  return 'value' in checked ? checked.value : null;
}

/** Seals an offer: no member that hands it on can change whom it names. */
export function sealOffer(
  mesh: string,
  offered: Unsealed,
  author: PeerId,
  sign: (payload: Uint8Array) => Uint8Array,
): OfferedSecret {
  return { ...offered, seal: { author, signature: sign(payloadOf(mesh, offered)) } };
}

/** Says whether an offer is what its author sealed for this mesh. */
export function isSealed(mesh: string, offered: Unsealed, { author, signature }: Seal): boolean {
  return isSignedBy(author, payloadOf(mesh, offered), signature);
}

function payloadOf(mesh: string, { generation, secret, members }: Unsealed): Uint8Array {
  return encode(['meshd secret', mesh, generation, secret, [...members]]);
}
