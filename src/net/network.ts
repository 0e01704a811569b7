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
