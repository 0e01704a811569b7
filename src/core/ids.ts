/** A peer's id: the text form of its libp2p peer id (`12D3Koo…`), at most 64 characters. */
export type PeerId = string;

/** Says whether a text has the form of a peer's id: that of an Ed25519 key. */
export function isPeerId(text: string): boolean {
  return /^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/.test(text);
}

/** SHA-256 as 64 lower-case hexadecimal digits. */
export type Hash = string;

/** The hash of a job's manifest, or of a successor. */
export type JobId = Hash;

/** The hash of a computation's canonical encoding. */
export type ComputationId = Hash;

/** What anti-entropy compares: the control records, or those of one computation. */
export type Scope = 'control' | ComputationId;

/**
 * One run of a peer. Ordered by incarnation, then by nonce.
 * incarnation: whole number, at least 1. nonce: 64 random bits as 16 lower-case hexadecimal digits.
 */
export interface Start {
  readonly incarnation: number;
  readonly nonce: string;
}

/** Orders two starts of one peer: negative when `a` is the earlier. */
export function compareStarts(a: Start, b: Start): number {
  if (a.incarnation !== b.incarnation) return a.incarnation - b.incarnation;
  return a.nonce < b.nonce ? -1 : a.nonce > b.nonce ? 1 : 0;
}

/** Says whether two starts are the same run of a peer. */
export function sameStart(a: Start, b: Start): boolean {
  return a.incarnation === b.incarnation && a.nonce === b.nonce;
}

/** The text of a start: incarnation, a dot, nonce. Used in keys; never shown to a person. */
export function startKey(start: Start): string {
  return `${start.incarnation}.${start.nonce}`;
}

/** Makes the compiler prove that a union was handled whole. @throws Error when it was not. */
export function assertNever(value: never): never {
  throw new Error(`unhandled: ${JSON.stringify(value)}`);
}
