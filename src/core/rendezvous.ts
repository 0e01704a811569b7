import type { PeerId } from './ids.ts';

/** A peer that takes part in rendezvous hashing, with its weight. */
export interface Contender {
  readonly peer: PeerId;
  /** Weight: whole number; 0 takes no part, more than 1024 counts as 1024. */
  readonly slots: number;
}

const MAX_SLOTS = 1024;
const MAX_REMEMBERED = 8192;
const remembered = new Map<string, number>();

/**
 * The peer that a block of a computation belongs to: the highest score by weighted rendezvous
 * hashing, ties to the lower peer id. Undefined when no peer has slots. The order of the peers does
 * not matter; a peer that leaves gives away its own blocks only.
 *
 * A peer with w slots draws w tickets and shows the best. The best of 2^k tickets is the k-fold
 * square root of one draw, so each binary digit of w costs one draw. Square roots are rounded
 * correctly by IEEE 754, logarithms are not: every engine gets the same winner.
 * @see Thaler and Ravishankar, Using name-based mappings to increase hit rates, 1998
 */
export function rendezvousOwner(
  computation: string,
  block: number,
  peers: readonly Contender[],
): PeerId | undefined {
  const seed = blockSeed(textHash(computation), block);
  let owner: PeerId | undefined;
  let highest = -1;
  for (const { peer, slots } of peers) {
    const own = bestTicket(seed, textHash(peer), slots);
    if (own < highest || own < 0) continue;
    if (own > highest || owner === undefined || peer < owner) owner = peer;
    highest = own;
  }
  return owner;
}

/** The `count` peers with the highest scores for a key, best first; see `rendezvousOwner`. */
export function rendezvousRank(key: string, peers: readonly Contender[], count: number): PeerId[] {
  const seed = blockSeed(textHash(key), 0);
  return peers
    .map(({ peer, slots }) => ({ peer, own: bestTicket(seed, textHash(peer), slots) }))
    .filter(({ own }) => own >= 0)
    .sort((a, b) => b.own - a.own || (a.peer < b.peer ? -1 : 1))
    .slice(0, count)
    .map(({ peer }) => peer);
}

/** Best of `slots` draws from (0, 1); −1 without slots. */
function bestTicket(seed: number, peerHash: number, slots: number): number {
  let best = -1;
  let left = Math.min(slots, MAX_SLOTS);
  for (let digit = 0; left > 0; digit++, left >>>= 1) {
    if ((left & 1) === 0) continue;
    const draw = mix(mix(seed ^ peerHash) + Math.imul(digit + 1, 0x9e3779b1) + peerHash);
    let score = ((draw >>> 0) + 0.5) / 0x1_0000_0000;
    for (let root = 0; root < digit; root++) score = Math.sqrt(score);
    if (score > best) best = score;
  }
  return best;
}

function blockSeed(computationHash: number, block: number): number {
  const low = block | 0;
  const high = Math.floor(block / 0x1_0000_0000);
  return mix(mix(computationHash ^ low) + Math.imul(high + 1, 0x85ebca77));
}

/** FNV-1a of a text's UTF-16 units, mixed; remembered, for texts come again and again. */
function textHash(text: string): number {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = mix(hash);
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  remembered.set(text, hash);
  return hash;
}

/** Bijective mix of 32 bits. @see Wellons, "hash-prospector", lowbias32 */
function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
