import { createHash } from 'node:crypto';
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { MeshError } from '../../core/mesh-error.ts';
import { SECRET_BYTES } from '../../net/mesh-secret.ts';

/** What the next machine needs to join a mesh. */
export interface Invite {
  /** The mesh's id, 1–64 characters. */
  readonly mesh: string;
  /** How often the mesh had rotated its secret. @default 0 */
  readonly generation?: number;
  /** 32 random bytes. */
  readonly secret: Uint8Array;
  /** Multiaddrs of members, 0–8, each at most 256 characters. */
  readonly addresses: readonly string[];
}

/** Addresses that an invite can carry. */
export const MAX_INVITE_ADDRESSES = 8;

const PREFIX = 'meshd1';
const CHECKSUM_BYTES = 4;
const MAX_ADDRESS_CHARS = 256;
const MAX_INVITE_CHARS = 4096;
const HINT = 'copy it again, whole, from `meshd invite`';

/**
 * The one line that is handed to the next machine: `meshd1`, then base64url of the body's length
 * (two bytes, big-endian), the body (canonical CBOR) and the first four bytes of the SHA-256 of
 * both.
 * @throws RangeError when a field is out of its range.
 */
export function encodeInvite(invite: Invite): string {
  const fault = formFault(invite);
  if (fault !== null) throw new RangeError(`invite: ${fault}`);
  const { mesh, secret, addresses, generation = 0 } = invite;
  const rotated = generation === 0 ? {} : { generation };
  const fields = { mesh, secret, addresses: [...addresses], ...rotated };
  const body = encode(fields, rfc8949EncodeOptions);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(body.length);
  const checked = Buffer.concat([length, body]);
  return PREFIX + Buffer.concat([checked, checksum(checked)]).toString('base64url');
}

/**
 * Reads an invite; white space in it is ignored, as mail programs and terminals break lines.
 * @throws MeshError MESH_BAD_INVITE that says what is wrong: cut short, mistyped or other version.
 */
export function decodeInvite(text: string): Invite {
  const line = text.replace(/\s+/g, '');
  if (!line.startsWith(PREFIX)) {
    if (PREFIX.startsWith(line)) throw bad('is cut short', HINT);
    const other = /^meshd([2-9])/.exec(line);
    if (other) throw bad(`is of version ${other[1]}`, 'this meshd reads version 1: update it');
    throw bad('does not begin with meshd1', HINT);
  }
  if (line.length > MAX_INVITE_CHARS) throw bad('is too long', HINT);
  const encoded = line.slice(PREFIX.length);
  const stray = /[^A-Za-z0-9_-]/.exec(encoded);
  if (stray) throw bad(`is mistyped (it has a ${JSON.stringify(stray[0])} in it)`, HINT);
  const bytes = Buffer.from(encoded, 'base64url');
  const whole = bytes.length < 2 ? Infinity : 2 + bytes.readUInt16BE(0) + CHECKSUM_BYTES;
  // The text is compared as well: a last character may carry bits that no byte shows.
  if (bytes.length < whole) throw bad('is cut short', HINT);
  if (bytes.length > whole) throw bad('is mistyped or has something behind its end', HINT);
  const checked = bytes.subarray(0, whole - CHECKSUM_BYTES);
  const intact = checksum(checked).equals(bytes.subarray(whole - CHECKSUM_BYTES));
  if (!intact || bytes.toString('base64url') !== encoded) throw bad('is mistyped', HINT);
  const invite = decodeBody(checked.subarray(2));
  const fault = formFault(invite);
  if (fault !== null) throw bad(`does not hold what it should (${fault})`, HINT);
  const { mesh, secret, addresses, generation = 0 } = invite as Invite;
  const rotated = generation === 0 ? {} : { generation };
  return { mesh, ...rotated, secret: Uint8Array.from(secret), addresses: [...addresses] };
}

function decodeBody(body: Uint8Array): unknown {
  try {
    return decode(body, { rejectDuplicateMapKeys: true });
  } catch (cause) {
    throw bad('cannot be read', HINT, cause);
  }
}

function formFault(invite: unknown): string | null {
  if (typeof invite !== 'object' || invite === null) return 'no fields';
  const fields = invite as Partial<Record<keyof Invite, unknown>>;
  const { mesh, secret, addresses, generation = 0 } = fields;
  if (typeof mesh !== 'string' || mesh.length < 1 || mesh.length > 64) return 'mesh id';
  if (!(secret instanceof Uint8Array) || secret.length !== SECRET_BYTES) return 'secret';
  if (!Number.isSafeInteger(generation) || (generation as number) < 0) return 'generation';
  if (!Array.isArray(addresses) || addresses.length > MAX_INVITE_ADDRESSES) return 'addresses';
  const good = addresses.every(
    (each) => typeof each === 'string' && each.startsWith('/') && each.length <= MAX_ADDRESS_CHARS,
  );
  return good ? null : 'address';
}

function checksum(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, CHECKSUM_BYTES);
}

function bad(what: string, hint: string, cause?: unknown): MeshError {
  return new MeshError('MESH_BAD_INVITE', `the invite ${what}: ${hint}`, { cause });
}
