import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectControl } from '../../src/control/client.ts';
import { socketPath } from '../../src/control/home.ts';
import { encodePublication } from '../../src/control/publication.ts';
import type { RemoteMesh } from '../../src/control/remote-mesh.ts';
import { type ControlServer, serveControl } from '../../src/control/server.ts';
import { readToken, TOKEN_HEADER } from '../../src/control/token.ts';
import { toSubmission } from '../../src/node/jobs/submission.ts';
import { type Peer, startPeer } from '../../src/node/peer.ts';

const STILL_MS = 400;
const HEAD = 'GET /v1/status HTTP/1.1\r\nhost: m';
const BODY = 'POST /v1/jobs HTTP/1.1\r\nhost: meshd\r\ncontent-length: 1000\r\n\r\n{';

const folder = mkdtempSync(join(tmpdir(), 'meshd-half-sent-'));
const home = join(folder, 'home');
const fn = join(folder, 'fn.js');
writeFileSync(fn, 'export default ({ index }) => index;');

let peer: Peer;
let control: ControlServer;
let client: RemoteMesh;
beforeAll(async () => {
  peer = await startPeer({ home, slots: 0, network: 'solo' });
  control = await serveControl({ mesh: peer.mesh, home, stillMs: STILL_MS });
  client = (await connectControl(home)) as RemoteMesh;
});
afterAll(async () => {
  await peer.close();
  await control.close();
  rmSync(folder, { recursive: true, force: true });
});

async function halfSent(said: string): Promise<Socket> {
  const socket = createConnection(socketPath(home));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.resume().write(said);
  return socket;
}

test('400 half-sent requests keep nobody out, and are closed after their time', async () => {
  const sockets: Socket[] = [];
  for (let k = 0; k < 400; k += 1) sockets.push(await halfSent(['', HEAD, BODY][k % 3] ?? ''));
  const before = performance.now();
  expect(await client.status()).toMatchObject({ slots: 0 });
  expect(performance.now() - before).toBeLessThan(STILL_MS / 2);
  const open = (): number => sockets.filter((socket) => !socket.closed).length;
  await expect.poll(open, { timeout: 10 * STILL_MS }).toBe(0);
  expect(await client.status()).toMatchObject({ slots: 0 });
});

test('an upload that moves has all the time that it takes', async () => {
  const submission = await toSubmission({ fn, items: Array.from({ length: 9 }, (_, k) => k) });
  const pieces = Buffer.concat([...encodePublication(submission)]);
  const headers = { [TOKEN_HEADER]: readToken(home) };
  const sent = request({ socketPath: socketPath(home), method: 'POST', path: '/v1/jobs', headers });
  // It may come as soon as the last item is there.
  const answered = once(sent, 'response');
  const size = Math.ceil(pieces.length / 10);
  for (let at = 0; at < pieces.length; at += size) {
    sent.write(pieces.subarray(at, at + size));
    await wait(STILL_MS / 4);
  }
  sent.end();
  const [response] = await answered;
  expect(JSON.parse(await text(response))).toMatchObject({ name: 'fn' });
});

test('an answer that has nothing to say for long is not cut', async () => {
  const job = await client.publish({ fn, accept: 3 });
  const lines = Array.fromAsync(job.results());
  await wait(3 * STILL_MS);
  await job.cancel();
  expect(await lines).toEqual([]);
});
