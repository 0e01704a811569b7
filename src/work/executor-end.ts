import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { deserialize } from 'node:v8';
import { FROM_PEER_FD, TO_PEER_FD } from './executor-descriptors.ts';
import { FrameReader, frameOf } from './executor-frame.ts';
import type { FromExecutor, ToExecutor } from './executor-message.ts';

/** What a peer tells may be longer than what it hears: items, parameters. */
const MOST_BYTES = 2 ** 32 - 1;
/** Between two tries where the descriptor is not one that waits, in ms. */
const RETRY_MS = 1;

/** Calls back with what the peer says, and once when it is gone. In the executor. */
export function hearPeer(hear: (message: ToExecutor) => void, gone: () => void): void {
  const socket = new Socket({ fd: FROM_PEER_FD, readable: true, writable: false });
  const frames = new FrameReader(MOST_BYTES);
  socket.on('data', (piece: Buffer) => {
    for (const body of frames.take(piece)) hear(deserialize(body) as ToExecutor);
  });
  socket.on('end', gone);
  socket.on('error', gone);
  socket.on('close', gone);
}

/**
 * Tells the peer something. It is written as a whole before this returns, so that it arrives
 * whatever user code does next; a peer that does not read makes the executor wait. In the executor.
 * gone: the peer is not there any more.
 */
export function tellPeer(message: FromExecutor, gone: () => void): void {
  const frame = frameOf(message);
  let at = 0;
  while (at < frame.length) {
    try {
      at += writeSync(TO_PEER_FD, frame, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return gone();
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
