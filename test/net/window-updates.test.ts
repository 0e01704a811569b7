import { setImmediate } from 'node:timers/promises';
import type { Stream, StreamMuxer } from '@libp2p/interface';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { expect, test } from 'vitest';
import { steadyYamux } from '../../src/net/steady-muxer.ts';

const WINDOW_BYTES = 256 * 1024;

/** Two muxers on one connection: what one stream sends, and how many pieces come back for it. */
async function twoEnds() {
  const [near, far] = multiaddrConnectionPair();
  const muxers = [near, far].map((end) => steadyYamux()().createStreamMuxer(end)) as [
    StreamMuxer,
    StreamMuxer,
  ];
  const arrived = { bytes: 0 };
  muxers[1].addEventListener('stream', ({ detail }) => {
    detail.addEventListener('message', ({ data }) => {
      arrived.bytes += data.byteLength;
    });
  });
  const stream: Stream = await muxers[0].createStream();
  const answers = { count: 0 };
  near.addEventListener('message', () => {
    answers.count += 1;
  });
  /** Sends, and waits until it arrived. */
  const send = async (bytes: number): Promise<void> => {
    const goal = arrived.bytes + bytes;
    if (!stream.send(new Uint8Array(bytes))) {
      await new Promise((resolve) => stream.addEventListener('drain', resolve, { once: true }));
    }
    while (arrived.bytes < goal) await setImmediate();
  };
  return { send, answers, close: () => near.abort(new Error('the test is over')) };
}

test('small messages are not each answered by a window update', async () => {
  const { send, answers, close } = await twoEnds();
  await send(100);
  await setImmediate();
  const opened = answers.count;
  for (let k = 0; k < 100; k++) await send(1000);
  expect(answers.count).toBe(opened);
  close();
});

test('a stream carries more than its window: half of it read, the sender is told', async () => {
  const { send, answers, close } = await twoEnds();
  for (let k = 0; k < 40; k++) await send(WINDOW_BYTES / 8);
  expect(answers.count).toBeGreaterThan(2);
  expect(answers.count).toBeLessThan(20);
  close();
});
