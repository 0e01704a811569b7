import type { PeerId } from '../core/ids.ts';
import { type Acquaintance, encodePeers } from './peer-exchange.ts';

/** In bigger meshes a list is long, and whom a newcomer joined has told it all it needs. */
const BIG_MESH = 12;
const BIG_MESH_MS = 5000;

/** What the exchange needs of its owner. */
export interface AcquaintancesOptions {
  readonly self: PeerId;
  /** This peer and those it is connected to, as told to others. */
  readonly list: () => readonly Acquaintance[];
  /** Sends the body of a `peers` frame; false when it cannot. */
  readonly send: (peer: PeerId, body: Uint8Array) => boolean;
}

/**
 * Tells each connected peer whom this one is connected to, and remembers what they tell: so a
 * newcomer that dialed one member finds all of them, and this peer knows whether it reaches
 * everybody directly.
 */
export class Acquaintances {
  readonly #options: AcquaintancesOptions;
  readonly #told = new Map<PeerId, ReadonlySet<PeerId>>();
  /** The connected peers, with the addresses that each was given, joined, by whose they are. */
  readonly #connected = new Map<PeerId, Map<PeerId, string>>();
  #timer: NodeJS.Timeout | null = null;

  constructor(options: AcquaintancesOptions) {
    this.#options = options;
  }

  connected(peer: PeerId): void {
    this.#connected.set(peer, new Map());
    this.#tell(peer, this.#options.list());
    this.changed();
  }

  disconnected(peer: PeerId): void {
    this.#connected.delete(peer);
    this.#told.delete(peer);
    this.changed();
  }

  /** Records whom a connected peer is connected to. */
  heard(from: PeerId, peers: readonly PeerId[]): void {
    if (this.#connected.has(from)) this.#told.set(from, new Set(peers));
  }

  /** Tells all of them soon; several changes go in one frame. */
  changed(): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        const list = this.#options.list();
        for (const peer of this.#connected.keys()) this.#tell(peer, list);
      },
      this.#connected.size > BIG_MESH ? BIG_MESH_MS : 100 + 20 * this.#connected.size,
    );
    this.#timer.unref();
  }

  /** True when every peer that a connected peer is connected to is connected to this one, too. */
  isWhole(): boolean {
    for (const peer of this.#connected.keys()) {
      const others = this.#told.get(peer);
      if (others === undefined) return false;
      for (const other of others) {
        if (other !== this.#options.self && !this.#connected.has(other)) return false;
      }
    }
    return true;
  }

  /** Of peers whose addresses it was given before and that are the same still, only the names. */
  #tell(peer: PeerId, list: readonly Acquaintance[]): void {
    const given = this.#connected.get(peer);
    if (given === undefined) return;
    const rows = list.map((row) => {
      const text = row.addresses.join();
      if (row.peer !== this.#options.self && given.get(row.peer) === text) {
        return { peer: row.peer, addresses: [] };
      }
      return row;
    });
    // What does not fit in the peer's queue is told again with the next change.
    if (!this.#options.send(peer, encodePeers(rows))) return;
    given.clear();
    for (const { peer: other, addresses } of list) given.set(other, addresses.join());
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#connected.clear();
  }
}
