import type { MessageStream } from '@libp2p/interface';
import { expect, test } from 'vitest';
import { steadyYamux } from '../../src/net/steady-muxer.ts';

/** A connection that is gone, and whose end nobody has told yet. */
class BrokenConnection extends EventTarget {
  readonly direction = 'outbound';
  readonly log = Object.assign(() => undefined, {
    trace: () => undefined,
    error: () => undefined,
    newScope: () => this.log,
  });
  aborted: Error | null = null;

  send(): boolean {
    throw new Error('gone');
  }

  abort(error: Error): void {
    this.aborted ??= error;
  }
}

test('a stream that is opened on a connection that broke a moment ago ends with it', async () => {
  const connection = new BrokenConnection();
  const muxer = steadyYamux()().createStreamMuxer(connection as unknown as MessageStream);
  const stream = await muxer.createStream();
  await new Promise(setImmediate);
  expect(connection.aborted?.message).toBe('gone');
  expect(muxer.status).toBe('closed');
  expect(stream.status).toBe('aborted');
});
