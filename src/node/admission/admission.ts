import type { PeerId } from '../../core/ids.ts';
import { MeshError } from '../../core/mesh-error.ts';
import type { Gate, Refusal } from '../../net/gate.ts';
import type { Home } from '../home.ts';
import type { Loop } from '../loop.ts';
import { changeTrust, isPeerId, type TrustChange } from './trust-list.ts';

/** How long a rotation waits for the members that are connected, in ms. */
const SPREAD_MS = 5000;

/** Between two looks at who is there, and whether former secrets are to be dropped, in ms. */
const SETTLE_MS = 60_000;

/** A member met within this time is still one when the secret is rotated, in ms. */
const MET_MS = 86_400_000;

/** What became of a rotation so far. */
export interface Rotation {
  /** How often this mesh has rotated its secret. */
  readonly generation: number;
  /** Other members that have the new secret. */
  readonly moved: readonly PeerId[];
  /** Members that are told as soon as they are reached, within a day. */
  readonly waiting: readonly PeerId[];
}

export interface RemovedPeer extends Rotation {
  readonly peer: PeerId;
  readonly name: string;
  /** False when a machine removed itself: a secret that it made it would know. */
  readonly rotated: boolean;
}

/** Who is let into the mesh, and whose jobs run on this machine. */
export interface Admission {
  /** Makes a new mesh secret and spreads it. @throws MeshError MESH_NOT_MEMBER */
  rotate(): Promise<Rotation>;
  /**
   * Removes a peer from the mesh for good, and rotates the secret. peer: its id, the beginning of
   * it, or its name. force: also this machine (without a rotation), or the only other one. What
   * is interrupted is done at the next start.
   * @throws MeshError MESH_NOT_MEMBER, MESH_USAGE
   */
  remove(peer: string, options?: { readonly force?: boolean }): Promise<RemovedPeer>;
  /** Publishers whose jobs run here beside its own; none: those of all members. */
  trusted(): Promise<readonly PeerId[]>;
  /** Peers by id, or by name where the name is known. @throws MeshError MESH_USAGE */
  trust(change: TrustChange): Promise<readonly PeerId[]>;
}

export interface AdmissionParts {
  readonly home: Home;
  readonly loop: Loop;
  /** Null on a home that belongs to no mesh. */
  readonly gate: Gate | null;
  readonly log: (level: 'error' | 'warn' | 'info' | 'debug', event: string, fields: object) => void;
}

/** Admission by the peer inside this process. */
export class LocalAdmission implements Admission {
  readonly #parts: AdmissionParts;
  readonly #timer: NodeJS.Timeout;
  readonly #unwatch: () => void;
  /** Changes under way that rotate the secret at their end. */
  #changing = 0;
  /** Members on disk. */
  #kept = 0;
  #trusting: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #told: Refusal | null = null;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    const { gate } = parts;
    this.#timer = setInterval(() => this.#settle(), SETTLE_MS);
    this.#timer.unref();
    this.#unwatch = gate?.watch(() => this.#look()) ?? (() => undefined);
    this.#look();
  }

  async rotate(): Promise<Rotation> {
    const gate = this.#gate();
    await this.#exclusively(() => this.#change(gate));
    await this.#spread(gate);
    this.#look();
    return this.#rotation(gate);
  }

  async remove(
    reference: string,
    options: { readonly force?: boolean } = {},
  ): Promise<RemovedPeer> {
    const { loop } = this.#parts;
    const gate = this.#gate();
    const peer = this.#find(reference);
    const { self, roster } = loop.state;
    const name = peer === self.peer ? self.name : (roster.get(peer)?.register.name ?? 'a machine');
    if (options.force !== true) this.#checkOthers(peer);
    const rotated = peer !== gate.self;
    await this.#exclusively(async () => {
      if (rotated) await gate.beginRemoval(peer);
      await this.#writeRemoval(peer);
      if (rotated) await this.#change(gate);
    });
    if (rotated) await this.#spread(gate);
    this.#look();
    return { peer, name, rotated, ...this.#rotation(gate) };
  }

  trusted(): Promise<readonly PeerId[]> {
    return this.#parts.home.trusted();
  }

  async trust(change: TrustChange): Promise<readonly PeerId[]> {
    const { home, loop } = this.#parts;
    const all = (peers: readonly string[] = []): PeerId[] => peers.map((peer) => this.#find(peer));
    const found = { add: all(change.add), remove: all(change.remove) };
    // One change after the other: each reads the list that the one before has kept.
    const turn = this.#trusting.then(() => changeTrust(home, found));
    this.#trusting = turn.catch(() => undefined);
    const list = await turn;
    loop.dispatch({ kind: 'trust', peers: list.length === 0 ? null : list });
    return list;
  }

  /** Why the mesh does not let this machine in any more, in words; null: it does. */
  shutOut(): string | null {
    const { loop, gate } = this.#parts;
    const { removed, self } = loop.state;
    const by = removed.get(self.peer);
    if (by !== undefined) return `this machine was removed from the mesh by ${[...by].join(', ')}`;
    const refusal = gate === null ? null : this.#refusal();
    return refusal === null ? null : REFUSAL_TEXT[refusal];
  }

  /** What a person should know of this machine's admission, a line each. */
  notices(): string[] {
    const { loop, gate } = this.#parts;
    const shutOut = this.shutOut();
    if (shutOut !== null) return [shutOut];
    if (gate === null) return [];
    const { waiting } = this.#rotation(gate);
    if (waiting.length === 0) return [];
    const names = waiting.map((peer) => loop.state.roster.get(peer)?.register.name ?? peer);
    return [`the mesh secret was rotated; not reached since: ${names.join(', ')}`];
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#unwatch();
  }

  #gate(): Gate {
    const { gate } = this.#parts;
    if (gate !== null) return gate;
    throw new MeshError('MESH_NOT_MEMBER', 'this home belongs to no mesh: it has no secret');
  }

  /** Does something at whose end the secret is as it should be: nobody mends it meanwhile. */
  async #exclusively(change: () => Promise<void>): Promise<void> {
    this.#changing += 1;
    try {
      await change();
    } finally {
      this.#changing -= 1;
    }
  }

  async #writeRemoval(peer: PeerId): Promise<void> {
    const { loop } = this.#parts;
    await loop.request((request) => ({ kind: 'remove', request, peer }));
    await loop.journal.flush();
  }

  /** Makes a new secret for the members: met within a day, and not removed. */
  async #change(gate: Gate): Promise<void> {
    const { loop, log } = this.#parts;
    gate.meet(loop.state.connected);
    const now = Date.now();
    const met = [...gate.met].filter(([, atMs]) => now - atMs < MET_MS).map(([peer]) => peer);
    await gate.rotate(met.filter((peer) => !loop.state.removed.has(peer)));
    const { generation, members } = gate.ring.current;
    log('info', 'secret.rotated', { generation, members: members.length });
  }

  /** What cannot be written now is tried again in a minute. */
  #settle(): void {
    const { gate, loop } = this.#parts;
    if (gate === null) return;
    gate.meet(loop.state.connected);
    this.#keepMet(gate);
    gate.settle().catch(() => undefined);
    this.#look();
  }

  #keepMet({ met }: Gate): void {
    this.#kept = met.size;
    this.#parts.home.keepMet(met).catch(() => undefined);
  }

  /** Resolves when all members that are connected have the secret, or after a while. */
  #spread(gate: Gate): Promise<void> {
    const { connected } = this.#parts.loop.state;
    const isDone = (): boolean => !gate.waiting.some((peer) => connected.has(peer));
    return new Promise((resolve) => {
      const timer = setTimeout(() => end(), SPREAD_MS);
      const unwatch = gate.watch(() => isDone() && end());
      const end = (): void => {
        clearTimeout(timer);
        unwatch();
        resolve();
      };
      if (isDone()) end();
    });
  }

  #rotation({ self, ring, waiting }: Gate): Rotation {
    const { generation, members } = ring.current;
    const moved = members.filter((peer) => peer !== self && !waiting.includes(peer));
    return { generation, moved, waiting };
  }

  /**
   * A secret that wins over another may be known to a peer that this one removed: it is replaced.
   * Only who removed it does so: otherwise all would. A removal that was interrupted is finished.
   */
  #look(): void {
    const { gate, log } = this.#parts;
    if (gate === null || this.#isClosed) return;
    if (gate.met.size !== this.#kept) this.#keepMet(gate);
    const refusal = this.#refusal();
    if (refusal !== null && refusal !== this.#told) {
      log('error', 'mesh.refused', { reason: REFUSAL_TEXT[refusal] });
    }
    this.#told = refusal;
    const { current, removing } = gate.ring;
    const isSound =
      removing.length === 0 && !current.members.some((peer) => this.#hasRemoved(peer));
    if (this.#changing > 0 || isSound) return;
    this.#mend(gate).catch((error: unknown) => {
      log('error', 'secret.failed', { reason: String(error) });
    });
  }

  #mend(gate: Gate): Promise<void> {
    return this.#exclusively(async () => {
      for (const peer of gate.ring.removing) {
        if (!this.#hasRemoved(peer)) await this.#writeRemoval(peer);
      }
      await this.#change(gate);
    });
  }

  /** Why nobody lets this machine in; a stale address of one member is no such reason. */
  #refusal(): Refusal | null {
    const { gate, loop } = this.#parts;
    return loop.state.connected.size > 0 ? null : (gate?.refusal ?? null);
  }

  #hasRemoved(peer: PeerId): boolean {
    const { removed, self } = this.#parts.loop.state;
    return peer !== self.peer && removed.get(peer)?.has(self.peer) === true;
  }

  #checkOthers(peer: PeerId): void {
    const { loop } = this.#parts;
    const { self, roster } = loop.state;
    if (peer === self.peer) {
      throw usage(
        'that is this machine: `meshd leave` leaves the mesh; --force removes it for good',
      );
    }
    const alive = roster.all().filter(([, view]) => roster.state(view, loop.now()) !== 'dead');
    if (alive.some(([other]) => other !== peer)) return;
    throw usage('that leaves this machine alone in the mesh: if you mean it, give --force');
  }

  /** A peer by its id, the beginning of it, or its name. */
  #find(reference: string): PeerId {
    const { loop, gate } = this.#parts;
    const { self, roster } = loop.state;
    const names = new Map<PeerId, string>([[self.peer, self.name]]);
    for (const peer of [...loop.memberIds, ...(gate?.ring.current.members ?? [])]) {
      names.set(peer, '');
    }
    for (const [peer, { register }] of roster.all()) names.set(peer, register.name);
    const named = [...names].filter(([, name]) => name === reference);
    const fits = [...names].filter(([peer]) => reference.length > 8 && peer.startsWith(reference));
    const found = fits.length > 0 ? fits : named;
    if (found.length === 1 && found[0] !== undefined) return found[0][0];
    if (isPeerId(reference)) return reference;
    if (found.length === 0) throw usage(`no peer ${JSON.stringify(reference)} is known here`);
    const ids = found.map(([peer]) => peer).join(', ');
    throw usage(`${JSON.stringify(reference)} fits ${found.length} peers: ${ids}`);
  }
}

const REFUSAL_TEXT: Readonly<Record<Refusal, string>> = {
  removed: 'this machine was removed from the mesh: with a new --home it can join by a new invite',
  'left-behind':
    'the mesh secret was rotated while this machine was away: `meshd join` with a new invite',
  'other-secret':
    'members refuse this machine’s secret: it was rotated; `meshd join` with a new invite',
};

function usage(text: string): MeshError {
  return new MeshError('MESH_USAGE', text);
}
