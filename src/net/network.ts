import type { PeerId } from '../core/ids.ts';
import type { GossipMessage, Message, StreamMessage } from '../core/message.ts';

/** What a network tells its owner. Handlers must not throw and return at once. */
export interface NetworkHandlers {
  /** A message that passed the checks of size and form. */
  message(from: PeerId, message: Message): void;
  /** A direct or relayed connection to a member stands and its stream can carry messages. */
  connected(peer: PeerId): void;
  /**
   * The last connection to a peer ended. `reset` is true only when it was direct and broke without
   * a farewell (evidence that the process died), false when either side closed it on purpose.
   */
  disconnected(peer: PeerId, reset: boolean): void;
  /** A dial to an address that is surely this peer's was refused (ECONNREFUSED). */
  refused(peer: PeerId): void;
  /** `Network.addresses` gives others than before: by a relay found or lost, or a move. */
  addresses(addresses: readonly string[]): void;
  /** Something worth a log line: event name and fields. */
  log(level: 'error' | 'warn' | 'info' | 'debug', event: string, fields: object): void;
}

/** How a peer is connected now. */
export interface Connection {
  readonly peer: PeerId;
  readonly address: string;
  readonly via: 'direct' | 'relay';
  /** The member that relays; null when it is direct. */
  readonly relay: PeerId | null;
  /** Last ping in ms, or null before the first. */
  readonly rttMs: number | null;
}

/**
 * Answers a request of a member: the parts, of at most 1 MiB + 4096 bytes each. A MeshError that
 * it throws is told to who asked, any other error is not. `signal` aborts when nobody listens.
 */
export type AskHandler = (
  from: PeerId,
  request: Uint8Array,
  signal: AbortSignal,
) => AsyncIterable<Uint8Array>;

/**
 * Carries messages between the members of one mesh. Twins: Libp2pNetwork, MemoryNetwork and
 * SoloNetwork (no socket at all). The same contract suite runs on the first two.
 */
export interface Network {
  readonly self: PeerId;
  /**
   * Where others reach this peer, as multiaddrs with /p2p/, at most 8; those through relays among
   * them. Empty when it does not listen and no relay was found yet.
   */
  addresses(): string[];
  /** Where it listens, without /p2p/, whatever it announces; empty when it does not listen. */
  listening(): string[];
  connections(): Connection[];
  /** Gossips a hint to all; it may be lost. Never throws, also when alone. */
  broadcast(message: GossipMessage): void;
  /**
   * Sends over the persistent stream to a connected peer, in order. False when there is no
   * connection or the peer's send queue (8 MiB) is full; the message is then dropped.
   */
  send(to: PeerId, message: StreamMessage): boolean;
  /**
   * Asks a connected member, over a stream of its own beside the messages: the parts of the answer
   * as the other side yields them, at the pace at which they are taken here. At most 8 questions to
   * one member at once, the others wait. Who leaves the loop, or aborts, ends the answer there too.
   * A part that is not taken for 2 min ends it. The request has 64 KiB at most.
   * @throws MeshError MESH_NO_PEER when the member is not connected, the connection breaks, or
   * nothing is heard for 30 s; MESH_REFUSED with the reason of the other side, after the parts
   * before it. TypeError when the request is too long. The reason of an abort.
   */
  ask(
    peer: PeerId,
    topic: string,
    request: Uint8Array,
    options: { signal: AbortSignal },
  ): AsyncIterable<Uint8Array>;
  /**
   * Answers what members ask of a topic (lower case, digits and hyphens, at most 32), at most 16
   * answers to one member at once. Replaces who served it before.
   */
  serve(topic: string, handler: AskHandler): void;
  /** Tells where a member may be reached; it is dialed at once and redialed for ever. */
  know(peer: PeerId, addresses: readonly string[]): void;
  /** Stops redialing a member (it left or is off the roster). */
  forget(peer: PeerId): void;
  /**
   * Dials bootstrap addresses; resolves with the peers reached as soon as one stands. The others go
   * on in the background, every 30 s until each has answered once, so that two bootstraps never
   * become two meshes. @throws MeshError MESH_NO_BOOTSTRAP when none answers (10 s each, at once);
   * they are dialed on nevertheless, for whoever has the patience to stay.
   */
  join(addresses: readonly string[], options: { signal: AbortSignal }): Promise<PeerId[]>;
  close(): Promise<void>;
}
