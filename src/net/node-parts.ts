import type { Connection, PeerId as LibPeerId, Libp2p } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';

const FOR_GOOD_MS = 1e12;

/** Reservations of this peer on relays, as the relay transport keeps them. */
export interface ReservationStore extends EventTarget {
  /** Makes room for one more, and forgets which relays failed. */
  reserveRelay(): string;
  /** Asks a connected relay; resolves when it granted. Renews by itself until the relay is gone. */
  addRelay(relay: LibPeerId, type: 'discovered'): Promise<unknown>;
  hasReservation(relay: LibPeerId): boolean;
}

/** What the network needs of the inside of a node; libp2p hands it to services. */
export interface NodeParts {
  /**
   * Dials one address, beside whatever else is dialed. node.dial would queue it behind other
   * addresses of the same peer, and an address that never answers would hold up the rest.
   */
  dial(address: Multiaddr, signal: AbortSignal): Promise<Connection>;
  reservations(): ReservationStore;
  /** What it listens on, whatever it announces; the places on relays among them. */
  listening(): readonly Multiaddr[];
  /**
   * Makes it tell of all addresses that it listens on, by identify and in the DHT: public ones it
   * keeps to itself until somebody confirms that they are reached, and nobody does.
   */
  confirm(): void;
}

interface Components {
  readonly addressManager: {
    confirmObservedAddr(address: Multiaddr, options: { type: 'transport'; ttl: number }): void;
  };
  readonly transportManager: {
    dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>;
    getTransports(): readonly object[];
    getAddrs(): readonly Multiaddr[];
  };
}

/** The service that gives its parts away. */
export function nodeParts(): (components: Components) => NodeParts {
  return ({ transportManager, addressManager }) => ({
    async dial(address, signal) {
      // A transport may go on listening to its signal: once dialed, it must not fire any more.
      const dialing = new AbortController();
      const stop = (): void => dialing.abort(signal.reason);
      if (signal.aborted) stop();
      signal.addEventListener('abort', stop);
      try {
        return await transportManager.dial(address, { signal: dialing.signal });
      } finally {
        signal.removeEventListener('abort', stop);
      }
    },
    listening: () => transportManager.getAddrs(),
    confirm() {
      for (const address of transportManager.getAddrs()) {
        addressManager.confirmObservedAddr(address, { type: 'transport', ttl: FOR_GOOD_MS });
      }
    },
    reservations() {
      const found = transportManager.getTransports().find((each) => 'reservationStore' in each);
      if (found === undefined) throw new Error('the node has no relay transport');
      return (found as { reservationStore: ReservationStore }).reservationStore;
    },
  });
}

/** The parts of a node made with the service `parts`. */
export function partsOf(node: Libp2p): NodeParts {
  return node.services['parts'] as NodeParts;
}
