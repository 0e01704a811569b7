// What a stranger's port scanner sends: node garbage.ts HOST PORT COUNT [silent]
// Opens so many connections, a hundred at a time, sends each something that is no handshake, and
// ends when all were closed. silent: opens them one after the other, sends nothing, tells once the
// peer closes no more of them, and holds the rest until it is killed.
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const AT_ONCE = 100;

/** A connection that the peer neither takes nor closes is given up after this, in ms. */
const PATIENCE_MS = 20_000;

/** So long the peer must have closed nothing, in ms; it waits longer for a handshake. */
const CALM_MS = 1000;

const [host = '', port = '', count = '', mode = ''] = process.argv.slice(2);

const SENT: readonly (() => Uint8Array)[] = [
  () => randomBytes(1 + Math.floor(Math.random() * 2000)),
  () => Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'),
  // A ClientHello of TLS, cut.
  () => Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), randomBytes(64)]),
  // Agrees on Noise as a member does, and then sends what is none.
  () => Buffer.concat([line('/multistream/1.0.0'), line('/noise'), randomBytes(100)]),
  // Announces a long line that never comes.
  () => Buffer.from([0xff, 0xff, 0x03]),
  () => new Uint8Array(),
];

function line(text: string): Buffer {
  return Buffer.from([text.length + 1, ...Buffer.from(`${text}\n`)]);
}

function open(): Socket {
  const socket = connect({ host, port: Number(port) });
  socket.on('error', () => undefined);
  socket.resume();
  return socket;
}

async function send(k: number): Promise<void> {
  const socket = open();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.setTimeout(PATIENCE_MS, () => socket.destroy());
  const what = SENT[k % SENT.length]?.() ?? new Uint8Array();
  socket.end(what);
  await closed;
}

async function flood(): Promise<void> {
  let next = 0;
  const senders = Array.from({ length: AT_ONCE }, async () => {
    while (next < Number(count)) await send(next++);
  });
  await Promise.all(senders);
}

/** Resolves also when the peer resets the connection while it is made: that is its right. */
function connectedOrClosed(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
}

async function hold(): Promise<void> {
  let closedAt = performance.now();
  for (let k = 0; k < Number(count); k++) {
    const socket = open();
    socket.once('close', () => {
      closedAt = performance.now();
    });
    await connectedOrClosed(socket);
  }
  while (performance.now() - closedAt < CALM_MS) await sleep(50);
  console.log('calm');
}

await (mode === 'silent' ? hold() : flood());
