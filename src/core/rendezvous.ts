import type { PeerId } from './ids.ts';

/** A peer that takes part in rendezvous hashing, with its weight. */
export interface Contender {
  readonly peer: PeerId;
  /** Weight: whole number; 0 takes no part, more than 1024 counts as 1024. */
  readonly slots: number;
}

const MAX_SLOTS = 1024;

/** Blocks whose owner a set of contenders remembers at a time; a power of two. */
const REMEMBERED = 4096;

/** Peers that may come at a time for what is remembered to be carried over. */
const FEW = 16;

/**
 * The peers that share the blocks of one computation. They never change; whose a block is, is
 * worked out once and remembered until a block with the same remainder is asked for.
 */
export class Contenders {
  readonly list: readonly Contender[];
  /** Slots of all together. */
  readonly slots: number;
  readonly #computation: string;
  readonly #seed: number;
  readonly #hashes: Int32Array;
  readonly #places: ReadonlyMap<PeerId, number>;
  /** By the block's remainder: the block, and the place of its owner in the list. */
  readonly #blocks: Float64Array = new Float64Array(REMEMBERED).fill(-1);
  readonly #owners: Int32Array = new Int32Array(REMEMBERED);

  constructor(computation: string, list: readonly Contender[]) {
    this.#computation = computation;
    this.list = list;
    this.slots = list.reduce((sum, { slots }) => sum + slots, 0);
    this.#seed = textHash(computation);
    this.#hashes = Int32Array.from(list, ({ peer }) => textHash(peer));
    this.#places = new Map(list.map(({ peer }, k) => [peer, k]));
  }

  has(peer: PeerId): boolean {
    return this.#places.has(peer);
  }

  /** Says whether these are the same peers with the same slots in the same order. */
  equals(list: readonly Contender[]): boolean {
    if (list.length !== this.list.length) return false;
    return list.every(({ peer, slots }, k) => {
      const own = this.list[k];
      return own?.peer === peer && own.slots === slots;
    });
  }

  /** The contenders of a later moment: these, or others that know what did not change. */
  follow(list: readonly Contender[]): Contenders {
    if (this.equals(list)) return this;
    const next = new Contenders(this.#computation, list);
    next.#inherit(this);
    return next;
  }

  /** A block stays with its owner, unless that one is gone or one that came has a better ticket. */
  #inherit(former: Contenders): void {
    const before = new Map(former.list.map(({ peer, slots }) => [peer, slots]));
    const stayed = new Map<PeerId, number>();
    const came: number[] = [];
    for (const [k, { peer, slots }] of this.list.entries()) {
      if (before.get(peer) === slots) stayed.set(peer, k);
      else came.push(k);
    }
    if (came.length > FEW) return;
    for (let place = 0; place < REMEMBERED; place++) {
      const block = former.#blocks[place] ?? -1;
      const owner = stayed.get(former.list[former.#owners[place] ?? -1]?.peer ?? '');
      if (block < 0 || owner === undefined) continue;
      this.#blocks[place] = block;
      this.#owners[place] = this.#best(block, came.length === 0 ? [owner] : [owner, ...came]);
    }
  }

  /** Which of some places in the list a block belongs to. */
  #best(block: number, places: readonly number[]): number {
    const [only] = places;
    if (only !== undefined && places.length === 1) return only;
    const peers = places.flatMap((k) => this.list[k] ?? []);
    const hashes = Int32Array.from(places, (k) => this.#hashes[k] ?? 0);
    return places[highest(blockSeed(this.#seed, block), peers, hashes)] ?? -1;
  }

  /** The peer that a block belongs to; see `rendezvousOwner`. */
  owner(block: number): PeerId | undefined {
    return this.list[this.#ownerPlace(block)]?.peer;
  }

  /** The first block of a peer's in [from, to); −1 when there is none. */
  firstOf(peer: PeerId, from: number, to: number): number {
    const wanted = this.#places.get(peer) ?? -1;
    if (wanted < 0) return -1;
    for (let block = from; block < to; block++) {
      if (this.#ownerPlace(block) === wanted) return block;
    }
    return -1;
  }

  /** The place in the list of the peer that a block belongs to; −1 for nobody. */
  #ownerPlace(block: number): number {
    const place = block % REMEMBERED;
    if (this.#blocks[place] !== block) {
      this.#blocks[place] = block;
      this.#owners[place] = highest(blockSeed(this.#seed, block), this.list, this.#hashes);
    }
    return this.#owners[place] ?? -1;
  }
}

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
  const hashes = Int32Array.from(peers, ({ peer }) => textHash(peer));
  return peers[highest(blockSeed(textHash(computation), block), peers, hashes)]?.peer;
}

/** The place of the peer with the best ticket, ties to the lower id; −1 when none has slots. */
function highest(seed: number, peers: readonly Contender[], hashes: Int32Array): number {
  let best = -1;
  let owner: Contender | undefined;
  let place = -1;
  for (let k = 0; k < peers.length; k++) {
    const contender = peers[k];
    if (contender === undefined) continue;
    const own = bestTicket(seed, hashes[k] ?? 0, contender.slots);
    if (own < best || own < 0) continue;
    if (own > best || owner === undefined || contender.peer < owner.peer) {
      owner = contender;
      place = k;
    }
    best = own;
  }
  return place;
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

/** FNV-1a of a text's UTF-16 units, mixed. */
function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** Bijective mix of 32 bits. @see Wellons, "hash-prospector", lowbias32 */
function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}
