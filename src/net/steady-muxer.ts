import type { MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface';
import { yamux } from '@libp2p/yamux';
import { spareWindowUpdates } from './window-updates.ts';

/**
 * Yamux that ends with its connection. By itself it opens streams in a microtask of its own, where
 * nobody catches the error of a connection that broke meanwhile: the process would end with it.
 */
export function steadyYamux(): () => StreamMuxerFactory {
  const inner = yamux();
  return () => {
    const factory = inner();
    return {
      protocol: factory.protocol,
      createStreamMuxer(connection) {
        const muxer = steady(factory.createStreamMuxer(connection), connection);
        spareWindowUpdates(muxer);
        return muxer;
      },
    };
  };
}

function steady(muxer: StreamMuxer, connection: MessageStream): StreamMuxer {
  const sender = muxer as StreamMuxer & { send(data: Uint8Array): boolean };
  const send = sender.send.bind(muxer);
  sender.send = (data) => {
    try {
      return send(data);
    } catch (error) {
      // Aborting resets each stream, and comes here again with each reset.
      if (muxer.status === 'open') muxer.abort(error as Error);
      connection.abort(error as Error);
      return false;
    }
  };
  return muxer;
}
