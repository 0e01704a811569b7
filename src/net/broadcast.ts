import type { GossipMessage } from '../core/message.ts';
import { encodeMessage } from '../core/message-codec.ts';
import { FRAME, type FrameKind } from './frame.ts';

/** Up to this many members everybody is connected to everybody. */
export const FULL_MESH_MEMBERS = 50;

/** Up to this many, to tell all of them twice costs little. */
const SURE_PEERS = 12;

/**
 * Above SURE_PEERS members, time between two heartbeats of a peer that gossip carries, in intervals
 * of its heartbeat. Of silence for six of them it would be held dead.
 */
const GOSSIP_GAP = 2.5;

/** What a broadcast needs of its owner. */
export interface BroadcastOptions {
  /** Links to the connected peers. */
  readonly links: () => readonly { send(kind: FrameKind, body: Uint8Array): boolean }[];
  /** How many members are known, connected or not. */
  readonly members: () => number;
  /** Everybody whom a connected peer is connected to is connected to this one, too. */
  readonly isWhole: () => boolean;
  /** Gives a message to gossip, which may lose it; widely: first to all who are connected. */
  readonly gossip: (body: Uint8Array, widely: boolean) => void;
  readonly nowMs: () => number;
}

/**
 * Tells all members: those connected over their streams, once each, and those beyond by gossip.
 * What gossip carries is signed and comes to each peer from several others. Where all are
 * connected to all that is in vain, and while they still connect it carries but some heartbeats:
 * with 25 peers at it, gossip alone took more than the two cores of a machine.
 */
export class Broadcast {
  readonly #options: BroadcastOptions;
  #gossipedMs = Number.NEGATIVE_INFINITY;

  constructor(options: BroadcastOptions) {
    this.#options = options;
  }

  /** Sends a message to all, or loses it. */
  send(message: GossipMessage): void {
    const { isWhole, gossip } = this.#options;
    const [links, members] = [this.#options.links(), this.#options.members()];
    const body = encodeMessage(message);
    const isSmall = members <= FULL_MESH_MEMBERS;
    if (isSmall || links.length <= SURE_PEERS) {
      for (const link of links) link.send(FRAME.message, body);
    }
    if (!isSmall) gossip(body, true);
    else if (!isWhole() && this.#mayGossip(message, members)) gossip(body, false);
  }

  /** The next heartbeat says all that the one left out did; an announcement is made once. */
  #mayGossip(message: GossipMessage, members: number): boolean {
    if (message.kind !== 'heartbeat' || members <= SURE_PEERS) return true;
    const nowMs = this.#options.nowMs();
    if (nowMs - this.#gossipedMs < GOSSIP_GAP * message.register.heartbeatMs) return false;
    this.#gossipedMs = nowMs;
    return true;
  }
}
