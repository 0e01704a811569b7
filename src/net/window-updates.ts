import type { Stream, StreamMuxer } from '@libp2p/interface';

/** A stream of yamux, as far as it counts what it may receive. */
interface WindowedStream extends Stream {
  readonly state: number;
  /** Bytes that the other side may send between two updates. */
  readonly recvWindow: number;
  /** Bytes that the other side may still send. */
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

/** The number that yamux gives to a stream that both sides have opened and nobody has paused. */
const ESTABLISHED = 3;

/**
 * Makes the streams of a yamux muxer tell the other side that it may send more once half of what
 * it may send has come. By itself yamux answers each piece of data with an update of its own: an
 * encryption, a write and a packet as often as there is a message.
 */
export function spareWindowUpdates(muxer: StreamMuxer): void {
  const maker = muxer as StreamMuxer & {
    _newStream(...how: readonly unknown[]): WindowedStream;
  };
  const newStream = maker._newStream.bind(muxer);
  maker._newStream = (...how) => {
    const stream = newStream(...how);
    const update = stream.sendWindowUpdate.bind(stream);
    stream.sendWindowUpdate = () => {
      const hasRoom = stream.recvWindowCapacity > stream.recvWindow / 2;
      // In the other states an update also opens the stream, or notes that it is paused.
      if (stream.state !== ESTABLISHED || !hasRoom) update();
    };
    return stream;
  };
}
