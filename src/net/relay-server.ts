import { AsyncLocalStorage } from 'node:async_hooks';
import { circuitRelayServer } from '@libp2p/circuit-relay-v2';
import type { Connection, Stream } from '@libp2p/interface';
import { RelayCap } from './relay-cap.ts';

/** Members that this peer relays for, and relayed connections per member, at most. */
const MAX_RELAYED = 300;

type RelayServer = ReturnType<typeof circuitRelayServer>;

/** libp2p's relay, as far as it is changed: it has no hook for a rate. */
interface Hops {
  /** Takes a stream of who asks for a place, or for a connection with who has one. */
  onHop(stream: Stream, connection: Connection): Promise<void>;
  /** Opens the stream to who has the place. */
  stopHop(...how: readonly unknown[]): Promise<Stream | undefined>;
}

/** The service that relays for members. `bytesPerSecond`: of all together; null: no cap. */
export function relayServer(bytesPerSecond: number | null, nowMs: () => number): RelayServer {
  const make = circuitRelayServer({
    // With the default limits a connection ends after 128 KiB; all who come here are members.
    reservations: { applyDefaultLimit: false, maxReservations: MAX_RELAYED },
    maxInboundHopStreams: MAX_RELAYED,
    maxOutboundHopStreams: MAX_RELAYED,
  });
  if (bytesPerSecond === null) return make;
  return (components) => {
    const server = make(components);
    capHops(server as object as Hops, new RelayCap(bytesPerSecond, nowMs));
    return server;
  };
}

/** Gives each two streams to the cap in the moment before they are joined. */
function capHops(server: Hops, cap: RelayCap): void {
  const onHop = server.onHop;
  const stopHop = server.stopHop.bind(server);
  const asking = new AsyncLocalStorage<Stream>();
  server.onHop = (stream, connection) => asking.run(stream, () => onHop(stream, connection));
  server.stopHop = async (...how) => {
    const target = await stopHop(...how);
    const source = asking.getStore();
    if (target !== undefined && source !== undefined) cap.join(source, target);
    return target;
  };
}
