import type { PeerId } from '../core/ids.ts';
import { deriveMeshKeys } from './mesh-secret.ts';

/** How long a former secret still lets in the members that it was replaced for. */
export const TRANSITION_MS = 86_400_000;

/** Former secrets kept at most, the latest first. Their time bounds them as a rule. */
const MAX_FORMER = 64;

/** Members that an offered secret names at most. */
export const MAX_RING_MEMBERS = 4096;

/** A mesh secret and how often the mesh had rotated before it. */
export interface MeshSecret {
  /** 0 for the secret that a mesh begins with. */
  readonly generation: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/** Who made an offer, and the Ed25519 signature over all of it: see secret-offer.ts. */
export interface Seal {
  readonly author: PeerId;
  readonly signature: Uint8Array;
}

/** A secret as members hand it on. */
export interface OfferedSecret extends MeshSecret {
  /**
   * Who may be given it by those that have it, and is let in by a former secret meanwhile. Empty
   * where it came by an invite or began the mesh: then there is no former one.
   */
  readonly members: readonly PeerId[];
  /** Null where it came by an invite or began the mesh. */
  readonly seal: Seal | null;
}

export interface FormerSecret extends MeshSecret {
  /** Who made it, where that is known. */
  readonly author: PeerId | null;
  /** Until when it still lets members in, on this machine's wall clock in ms since 1970. */
  readonly untilMs: number;
}

/** The secrets of a mesh as one member holds them. */
export interface SecretRing {
  /** The mesh's name: the id of its first secret. */
  readonly mesh: string;
  readonly current: OfferedSecret;
  /** While a rotation is under way; the latest first. */
  readonly former: readonly FormerSecret[];
  /** Peers that this one began to remove, and has not rotated the secret for. */
  readonly removing: readonly PeerId[];
}

/** The ring of a home that was given one secret. mesh: @default that of a first secret */
export function ringOf(
  secret: Uint8Array,
  mesh: string = deriveMeshKeys(secret).meshId,
  generation: number = 0,
): SecretRing {
  const current = { generation, secret, members: [], seal: null };
  return { mesh, current, former: [], removing: [] };
}

/** Orders two secrets of a mesh: negative when `a` gives way. 0: they are the same. */
export function compareSecrets(a: MeshSecret, b: MeshSecret): number {
  if (a.generation !== b.generation) return a.generation - b.generation;
  const [one, other] = [deriveMeshKeys(a.secret).keyId, deriveMeshKeys(b.secret).keyId];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The ring once an offered secret that is above its current one is taken. */
export function withSecret(ring: SecretRing, offered: OfferedSecret, wallMs: number): SecretRing {
  const { generation, secret, seal } = ring.current;
  const author = seal?.author ?? null;
  const retired = { generation, secret, author, untilMs: wallMs + TRANSITION_MS };
  const former = [retired, ...withoutExpired(ring, wallMs).former].slice(0, MAX_FORMER);
  return { ...ring, current: offered, former };
}

/** The ring without the former secrets whose time is over. */
export function withoutExpired(ring: SecretRing, wallMs: number): SecretRing {
  return { ...ring, former: ring.former.filter(({ untilMs }) => untilMs > wallMs) };
}
