import type { Stream } from '@libp2p/interface';
import { expect, test } from 'vitest';
import { SendQueue } from '../../src/net/send-queue.ts';

/** A stream that takes everything. */
class Sink extends EventTarget {
  readonly sent: number[] = [];
  readonly writeStatus = 'writable';
  readonly writableNeedsDrain = false;
  readonly writeBufferLength = 0;

  send(frame: Uint8Array): boolean {
    this.sent.push(frame[0] ?? 0);
    return true;
  }
}

function asStream(sink: Sink): Stream {
  return sink as unknown as Stream;
}

test('what is pushed while a stream is held goes into the next one, answers do not wait', () => {
  const [relayed, direct] = [new Sink(), new Sink()];
  const queue = new SendQueue();
  queue.use(asStream(relayed));
  queue.push(Uint8Array.of(1));
  queue.hold(Uint8Array.of(2));
  queue.push(Uint8Array.of(3));
  queue.reply(Uint8Array.of(9));
  expect([relayed.sent, direct.sent]).toEqual([[1, 2, 9], []]);
  queue.use(asStream(direct));
  queue.push(Uint8Array.of(4));
  expect([relayed.sent, direct.sent]).toEqual([
    [1, 2, 9],
    [3, 4],
  ]);
});
