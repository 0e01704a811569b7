import type { ConnectionGater } from '@libp2p/interface';
import type { PeerId } from '../core/ids.ts';
import { createMeshSecret, deriveMeshKeys, type MeshKeys } from './mesh-secret.ts';
import { isSealed, sealOffer } from './secret-offer.ts';
import {
  compareSecrets,
  MAX_RING_MEMBERS,
  type MeshSecret,
  type OfferedSecret,
  type SecretRing,
  withoutExpired,
  withSecret,
} from './secret-ring.ts';

/** What a handshake ends with. removed: on the deny list. left-behind: it has a former secret. */
export type Verdict = 'admitted' | 'removed' | 'left-behind';

/** Why others refuse this peer. other-secret: they know none of its secrets. */
export type Refusal = 'removed' | 'left-behind' | 'other-secret';

/**
 * What becomes of an offer. taken: it is the current secret now. equal: it was before. lower: it
 * gives way to the current one. refused: its author is removed, unknown or not the author, or it
 * leaps too far.
 */
export type Taken = 'taken' | 'equal' | 'lower' | 'refused';

/** How many rotations an offer may be ahead: a leap to the end would stop all that follow. */
const MAX_LEAP = 64;

/** What a gate needs of its owner. */
export interface GateOptions {
  /** Keeps a ring on disk; the ring counts once this resolves. @default keeps nothing */
  readonly keep?: (ring: SecretRing) => Promise<void>;
  /** Signs as this peer. @default throws: it takes secrets, and makes none */
  readonly sign?: (payload: Uint8Array) => Uint8Array;
  /** Members met in earlier runs, and when last, in ms since 1970. @default none */
  readonly met?: ReadonlyMap<PeerId, number>;
  /** ms since 1970. @default Date.now */
  readonly wallMs?: () => number;
}

/** Decides who is let in: by the mesh's secrets and by the deny list, both of which may change. */
export class Gate {
  readonly self: PeerId;
  readonly #keep: (ring: SecretRing) => Promise<void>;
  readonly #sign: (payload: Uint8Array) => Uint8Array;
  readonly #wallMs: () => number;
  /** When each peer that proved its name and a secret was connected last, the latest last. */
  readonly #met: Map<PeerId, number>;
  readonly #denied = new Set<PeerId>();
  /** Peers that showed that they have the current secret. */
  readonly #moved = new Set<PeerId>();
  readonly #watchers = new Set<() => void>();
  #ring: SecretRing;
  #keys: readonly [MeshKeys, ...MeshKeys[]];
  #changing: Promise<unknown> = Promise.resolve();
  /** What others said to handshakes of this peer since somebody let it in. */
  readonly #refusals = new Set<Refusal>();

  constructor(self: PeerId, ring: SecretRing, options: GateOptions = {}) {
    this.self = self;
    this.#keep = options.keep ?? (() => Promise.resolve());
    this.#sign = options.sign ?? noSign;
    this.#met = new Map(options.met);
    this.#wallMs = options.wallMs ?? Date.now;
    this.#ring = withoutExpired(ring, this.#wallMs());
    this.#keys = keysOf(this.#ring);
  }

  get ring(): SecretRing {
    return this.#ring;
  }

  /** Derived from each secret, the current one first. */
  get keys(): readonly MeshKeys[] {
    return this.#keys;
  }

  /** Derived from the current secret. */
  get current(): MeshKeys {
    return this.#keys[0];
  }

  get denied(): ReadonlySet<PeerId> {
    return this.#denied;
  }

  /** When each peer that ever proved its name and a secret was connected last, ms since 1970. */
  get met(): ReadonlyMap<PeerId, number> {
    return this.#met;
  }

  /** Notes that these are connected now. */
  meet(peers: Iterable<PeerId>): void {
    for (const peer of peers) {
      this.#met.delete(peer);
      this.#met.set(peer, this.#wallMs());
    }
    for (const oldest of this.#met.keys()) {
      if (this.#met.size <= MAX_RING_MEMBERS) break;
      this.#met.delete(oldest);
    }
  }

  /** Calls back after each change of the secrets or the deny list, until the result is called. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  /** Puts a peer on the deny list, for as long as this process runs. */
  deny(peer: PeerId): void {
    if (peer === this.self || this.#denied.has(peer)) return;
    this.#denied.add(peer);
    this.#moved.delete(peer);
    this.#changed();
  }

  /** What to say to a peer that proved its name and the secret with this key id. */
  judge(peer: PeerId, keyId: string): Verdict {
    if (this.#denied.has(peer)) return 'removed';
    if (keyId === this.current.keyId) return 'admitted';
    // Whoever has but a former secret could come under any new name: only known ones are let in.
    return this.#isExpected(peer) ? 'admitted' : 'left-behind';
  }

  /** Whether a peer that is connected may stay so. */
  mayStay(peer: PeerId): boolean {
    return !this.#denied.has(peer) && (this.#moved.has(peer) || this.#isExpected(peer));
  }

  /** Whether the current secret is to be told to a peer: expected, and not known to have it. */
  isToBeTold(peer: PeerId): boolean {
    return !this.#denied.has(peer) && !this.#moved.has(peer) && this.#isExpected(peer);
  }

  /** Whether the author of the current secret named a peer: then it may have it. */
  isNamed(peer: PeerId): boolean {
    return !this.#denied.has(peer) && this.#ring.current.members.includes(peer);
  }

  /** Whether the author of the current secret was removed: offers need not win over it. */
  get isVoid(): boolean {
    const { seal } = this.#ring.current;
    return seal !== null && this.#denied.has(seal.author);
  }

  /** A peer showed that it has the secret of this key id. */
  proved(peer: PeerId, keyId: string): void {
    this.#refusals.clear();
    this.meet([peer]);
    if (keyId !== this.current.keyId || this.#moved.has(peer)) return;
    this.#moved.add(peer);
    this.#changed();
    // What cannot be written now is tried again by the next one that moves, or by the owner.
    this.settle().catch(() => undefined);
  }

  /** Members that the current secret was made for, and that have not shown that they have it. */
  get waiting(): readonly PeerId[] {
    return this.#ring.former.length === 0
      ? []
      : this.#ring.current.members.filter((peer) => this.#isAwaited(peer));
  }

  /** Takes another's offer when it wins; the ring is on disk when this resolves. */
  take(offered: OfferedSecret): Promise<Taken> {
    return this.#inTurn(async () => {
      if (compareSecrets(offered, this.#ring.current) === 0) return 'equal';
      const before = this.#standing();
      if (!this.#isGenuine(offered)) return 'refused';
      if (offered.generation > before.generation + MAX_LEAP) return 'refused';
      if (compareSecrets(offered, before) < 0) return 'lower';
      await this.#change(withSecret(this.#ring, offered, this.#wallMs()));
      return 'taken';
    });
  }

  /** Makes a new secret for these members; it is on disk when this resolves. */
  rotate(members: Iterable<PeerId>): Promise<void> {
    return this.#inTurn(async () => {
      const { mesh, removing } = this.#ring;
      const named = [...new Set([this.self, ...members])]
        .filter((peer) => !this.#denied.has(peer) && !removing.includes(peer))
        .slice(0, MAX_RING_MEMBERS);
      const made = { generation: this.#standing().generation + 1, secret: createMeshSecret() };
      const offered = sealOffer(mesh, { ...made, members: named }, this.self, this.#sign);
      await this.#change({ ...withSecret(this.#ring, offered, this.#wallMs()), removing: [] });
    });
  }

  /** Keeps in mind that a peer is being removed, until the secret is rotated without it. */
  beginRemoval(peer: PeerId): Promise<void> {
    return this.#inTurn(async () => {
      const { removing } = this.#ring;
      await this.#change({ ...this.#ring, removing: [...new Set([...removing, peer])] });
    });
  }

  /** Keeps the ring as it is. */
  persist(): Promise<void> {
    return this.#inTurn(() => this.#keep(this.#ring));
  }

  /** Drops the former secrets whose time is over; all, once every member has the current one. */
  settle(): Promise<void> {
    return this.#inTurn(async () => {
      const { current, former } = this.#ring;
      if (former.length === 0) return;
      const waits = current.members.some((peer) => this.#isAwaited(peer));
      const ring = withoutExpired(this.#ring, waits ? this.#wallMs() : Number.POSITIVE_INFINITY);
      if (ring.former.length < former.length) await this.#change(ring);
    });
  }

  /** Another peer refused this one. */
  refused(why: Refusal): void {
    if (this.#refusals.has(why)) return;
    this.#refusals.add(why);
    this.#changed();
  }

  /** Why others refuse this peer, the gravest first; null: nobody did since one let it in. */
  get refusal(): Refusal | null {
    const [gravest] = (['removed', 'left-behind', 'other-secret'] as const).filter((why) =>
      this.#refusals.has(why),
    );
    return gravest ?? null;
  }

  /** The deny list as libp2p asks for it: on any transport, of a relay and through one. */
  get gater(): ConnectionGater {
    const isDenied = (peer: { toString(): string }): boolean => this.#denied.has(peer.toString());
    return {
      denyDialPeer: isDenied,
      denyInboundEncryptedConnection: isDenied,
      denyOutboundEncryptedConnection: isDenied,
      // Between the handshake and here the other side may let as much time pass as it likes.
      denyInboundUpgradedConnection: (peer) => !this.mayStay(peer.toString()),
      denyOutboundUpgradedConnection: (peer) => !this.mayStay(peer.toString()),
      denyInboundRelayReservation: isDenied,
      denyOutboundRelayedConnection: (source, target) => isDenied(source) || isDenied(target),
      denyInboundRelayedConnection: (relay, peer) => isDenied(relay) || isDenied(peer),
    };
  }

  /** The secret that an offer must win over: one whose author was removed since counts no more. */
  #standing(): MeshSecret {
    const { current, former } = this.#ring;
    if (!this.isVoid) return current;
    return former.find(({ author }) => author === null || !this.#denied.has(author)) ?? current;
  }

  /** Whether a member that this peer knows, and nobody else, made an offer as it is. */
  #isGenuine(offered: OfferedSecret): boolean {
    const { seal } = offered;
    if (seal === null || this.#denied.has(seal.author)) return false;
    const { mesh, current } = this.#ring;
    const { author } = seal;
    const isKnown =
      author === this.self || this.#met.has(author) || current.members.includes(author);
    return isKnown && isSealed(mesh, offered, seal);
  }

  #isAwaited(peer: PeerId): boolean {
    return peer !== this.self && !this.#denied.has(peer) && !this.#moved.has(peer);
  }

  #isExpected(peer: PeerId): boolean {
    return this.#ring.former.length > 0 && this.#ring.current.members.includes(peer);
  }

  async #change(ring: SecretRing): Promise<void> {
    await this.#keep(ring);
    const isNew = compareSecrets(ring.current, this.#ring.current) !== 0;
    this.#ring = ring;
    this.#keys = keysOf(ring);
    if (isNew) this.#moved.clear();
    this.#changed();
  }

  #changed(): void {
    for (const changed of [...this.#watchers]) changed();
  }

  /** One change after the other: each sees what the one before has kept. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#changing.then(change);
    this.#changing = turn.catch(() => undefined);
    return turn;
  }
}

function keysOf({ current, former }: SecretRing): [MeshKeys, ...MeshKeys[]] {
  const older = former.map(({ secret }) => deriveMeshKeys(secret));
  return [deriveMeshKeys(current.secret), ...older];
}

function noSign(): never {
  throw new Error('this gate cannot sign: it takes secrets, and makes none');
}
