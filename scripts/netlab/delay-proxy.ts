// Carries TCP connections to another machine, each direction late by some time; what waits on the
// way is bounded, as it is on a wire. Runs on a machine of a lab:
// node delay-proxy.ts PORT TARGET-HOST TARGET-PORT DELAY-MS
import { connect, createServer, type Socket } from 'node:net';

/** Bytes on the way in one direction of one connection at most. */
const MAX_BYTES = 4 * 1024 * 1024;

const [port = '', host = '', targetPort = '', delay = ''] = process.argv.slice(2);
const delayMs = Number(delay);

function carry(from: Socket, to: Socket): void {
  let waiting = 0;
  from.on('data', (chunk) => {
    waiting += chunk.byteLength;
    if (waiting > MAX_BYTES) from.pause();
    setTimeout(() => {
      waiting -= chunk.byteLength;
      if (waiting <= MAX_BYTES) from.resume();
      if (!to.destroyed) to.write(chunk);
    }, delayMs);
  });
  from.on('end', () => setTimeout(() => to.end(), delayMs));
  from.on('error', () => setTimeout(() => to.resetAndDestroy(), delayMs));
}

const server = createServer({ allowHalfOpen: true }, (near) => {
  near.pause();
  // What is sent before the far side answered waits in the socket.
  const far = connect({ host, port: Number(targetPort), allowHalfOpen: true });
  far.on('connect', () => near.resume());
  carry(near, far);
  carry(far, near);
});
server.listen(Number(port), '0.0.0.0', () => console.log('ready'));
