import type { PeerId } from '../../core/ids.ts';
import { SECRET_BYTES } from '../../net/mesh-secret.ts';
import { type FormerSecret, ringOf, type Seal, type SecretRing } from '../../net/secret-ring.ts';

/**
 * The text that keeps a ring in a home: the bare secret (base64url) as long as the mesh has never
 * rotated, else one line of JSON.
 */
export function ringText(ring: SecretRing): string {
  const { mesh, current, former, removing } = ring;
  const plain = ringOf(current.secret);
  const isFirst = current.generation === 0 && plain.mesh === mesh;
  const isPlain = isFirst && former.length === 0 && removing.length === 0;
  if (isPlain) return `${base64(current.secret)}\n`;
  const { generation, secret, members, seal } = current;
  const text = {
    mesh,
    ...{ generation, secret: base64(secret), members },
    seal: seal === null ? null : { ...seal, signature: base64(seal.signature) },
    former: former.map((each) => ({ ...each, secret: base64(each.secret) })),
    removing,
  };
  return `${JSON.stringify(text)}\n`;
}

/** Reads what `ringText` wrote; null when it is something else. */
export function readRing(text: string): SecretRing | null {
  const line = text.trim();
  const plain = secretOf(line);
  if (plain !== null) return ringOf(plain);
  try {
    return ringFrom(JSON.parse(line) as unknown);
  } catch {
    // A file that was cut or edited; whoever asked says which.
    return null;
  }
}

function ringFrom(value: unknown): SecretRing | null {
  const fields = value as Partial<Record<string, unknown>> | null;
  if (typeof fields !== 'object' || fields === null) return null;
  const { mesh, generation, members, former, removing } = fields;
  const secret = secretOf(fields['secret']);
  if (typeof mesh !== 'string' || !isCount(generation) || secret === null) return null;
  if (!isPeerList(members) || !Array.isArray(former)) return null;
  if (!isPeerList(removing)) return null;
  const current = { generation, secret, members, seal: sealOf(fields['seal']) };
  return { mesh, current, former: former.flatMap(formerOf), removing };
}

function sealOf(value: unknown): Seal | null {
  const { author, signature } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (typeof author !== 'string' || typeof signature !== 'string') return null;
  return { author, signature: new Uint8Array(Buffer.from(signature, 'base64url')) };
}

function formerOf(value: unknown): FormerSecret[] {
  const { generation, secret, author, untilMs } = value as Partial<Record<string, unknown>>;
  const bytes = secretOf(secret);
  if (bytes === null || !isCount(generation) || !isCount(untilMs)) return [];
  return [
    { generation, secret: bytes, author: typeof author === 'string' ? author : null, untilMs },
  ];
}

function secretOf(text: unknown): Uint8Array | null {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]{43}$/.test(text)) return null;
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  return bytes.length === SECRET_BYTES ? bytes : null;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isPeerList(value: unknown): value is PeerId[] {
  return Array.isArray(value) && value.every((peer) => typeof peer === 'string');
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
