import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { Writable } from 'node:stream';

/** Between two looks for a reader, in ms. */
const LOOK_MS = 50;

/**
 * A stream into a pipe that has a name in a folder. It waits for a reader without a thread: one
 * that the system holds in `open` or `write` keeps this process from ending at any signal.
 * signal: ends the wait, and the stream with an AbortError.
 */
export function namedPipe(path: string, signal?: AbortSignal): Writable {
  let socket: Socket | null = null;
  let looks: NodeJS.Timeout | undefined;
  const withSocket = (use: (socket: Socket) => void): void => {
    try {
      socket ??= openPipe(path)?.on('error', (error) => pipe.destroy(error)) ?? null;
    } catch (error) {
      pipe.destroy(error as Error);
      return;
    }
    if (socket !== null) use(socket);
    else looks = setTimeout(() => withSocket(use), LOOK_MS);
  };
  const pipe = new Writable({
    ...(signal ? { signal } : {}),
    write: (bytes, _encoding, callback) => withSocket((open) => open.write(bytes, callback)),
    final: (callback) => withSocket((open) => open.end(callback)),
    destroy(error, callback) {
      clearTimeout(looks);
      socket?.destroy();
      callback(error);
    },
  });
  return pipe;
}

/** Null: nobody reads it yet. */
function openPipe(path: string): Socket | null {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Socket({ fd, readable: false, writable: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') return null;
    throw error;
  }
}
