import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectControl } from '../../src/control/client.ts';
import { socketPath } from '../../src/control/home.ts';
import { type OpenMesh, open } from '../../src/control/open.ts';
import { serveControl } from '../../src/control/server.ts';
import type { ResultLine } from '../../src/node/mesh.ts';
import { startPeer } from '../../src/node/peer.ts';

const folder = mkdtempSync(join(tmpdir(), 'meshd-control-'));
const home = join(folder, 'home');
const half = join(folder, 'half.js');
const never = join(folder, 'never.js');
const square = join(folder, 'square.js');
writeFileSync(
  half,
  'export default ({ rng }) => { const u = rng.uniform(); if (u < 0.5) return u; };',
);
writeFileSync(never, 'export default () => undefined;');
writeFileSync(
  square,
  `export default ({ item }) => {
    if (item === 3) throw new RangeError('three');
    return item * item;
  };`,
);

let embedded: OpenMesh;
let remote: OpenMesh;

beforeAll(async () => {
  embedded = await open({ home, slots: 1 });
  remote = await open({ home });
});

afterAll(async () => {
  await embedded.close();
  rmSync(folder, { recursive: true, force: true });
});

async function all<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const line of lines) list.push(line);
  return list;
}

const token = (): string => readFileSync(join(home, 'control-token'), 'utf8').trim();

async function ask(
  method: string,
  path: string,
  body = '',
  headers: Record<string, string> = { 'x-meshd-token': token() },
): Promise<[number, unknown]> {
  const sent = request({ socketPath: socketPath(home), method, path, headers });
  sent.end(method === 'POST' ? body : '');
  const [response] = await once(sent, 'response');
  return [response.statusCode, JSON.parse(await text(response))];
}

describe('a mesh over the control socket', () => {
  test('a second one on a home goes through the first', async () => {
    expect([embedded.embedded, remote.embedded]).toEqual([true, false]);
    expect((await remote.status()).peer).toBe((await embedded.status()).peer);
    expect(await remote.peers()).toMatchObject([{ self: true, state: 'alive' }]);
  });

  test('the socket is for this user alone', () => {
    expect(statSync(socketPath(home)).mode & 0o777).toBe(0o600);
  });

  test('does nothing for a request without the token of the home', async () => {
    const refusal = [
      500,
      { code: 'MESH_HOME_UNUSABLE', message: expect.stringContaining('control-token: only') },
    ];
    for (const wrong of [{}, { 'x-meshd-token': '0'.repeat(64) }, { 'x-meshd-token': '' }]) {
      for (const path of ['status', 'invite', 'nowhere']) {
        expect(await ask('GET', `/v1/${path}`, '', wrong)).toEqual(refusal);
      }
      for (const path of ['stop', 'leave', 'jobs', 'secret/rotate', 'slots']) {
        expect(await ask('POST', `/v1/${path}`, '{"slots":3}', wrong)).toEqual(refusal);
      }
    }
    expect((await remote.status()).peer).toBe((await embedded.status()).peer);
    expect(await ask('GET', '/v1/invite')).not.toEqual(refusal);
  });

  test('keeps its token, for this user alone, unless others could read it', async () => {
    const fresh = join(folder, 'token');
    const file = join(fresh, 'control-token');
    const once = async (): Promise<string> => {
      await using mesh = await open({ home: fresh, slots: 0 });
      expect((await (await open({ home: fresh })).status()).peer).toBe((await mesh.status()).peer);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      return readFileSync(file, 'utf8');
    };
    const first = await once();
    expect(first).toMatch(/^[0-9a-f]{64}\n$/);
    expect(await once()).toBe(first);
    chmodSync(file, 0o644);
    expect(await once()).not.toBe(first);
    writeFileSync(file, '');
    expect(await once()).toMatch(/^[0-9a-f]{64}\n$/);
  });

  test('a token that was removed or changed while the peer runs is written anew', async () => {
    const file = join(home, 'control-token');
    const first = readFileSync(file, 'utf8');
    rmSync(file);
    expect((await (await open({ home })).status()).peer).toBe((await embedded.status()).peer);
    expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual([first, 0o600]);
    writeFileSync(file, `${'0'.repeat(64)}\n`);
    // Who shows another one is refused all the same.
    await expect(remote.status()).rejects.toThrow(/written it anew: give the command again/);
    expect(await remote.peers()).toHaveLength(1);
    expect(readFileSync(file, 'utf8')).toBe(first);
    rmSync(file);
    const elsewhere = join(folder, 'elsewhere');
    writeFileSync(elsewhere, 'mine');
    symlinkSync(elsewhere, file);
    await remote.status().catch(() => undefined);
    expect([readFileSync(elsewhere, 'utf8'), readFileSync(file, 'utf8')]).toEqual(['mine', first]);
  });

  test('both sides give the same lines and the same summary', async () => {
    const job = await remote.publish({ fn: half, accept: 200, seed: 7, params: { a: 1 } });
    const lines = await all(job.results());
    const summary = await job.done();
    const same = await embedded.job(job.id.slice(0, 12));
    expect(await all(same.results({ follow: false }))).toEqual(lines);
    expect(lines).toHaveLength(200);
    expect(summary).toMatchObject({ status: 'done', accepted: 200, seed: 7 });
    expect(summary.certificate).toBe((await same.summary()).certificate);
    expect(await job.show()).toEqual(await same.show());
    expect((await remote.jobs()).map((row) => row.job)).toContain(job.id);
  });

  test('items travel to the peer, and an item’s error comes back as its line', async () => {
    const items = [1, 2, 3, 4];
    const job = await remote.publish({ fn: square, items });
    const expected: ResultLine[] = [
      { index: 0, value: 1 },
      { index: 1, value: 4 },
      { index: 2, error: expect.stringContaining('RangeError') },
      { index: 3, value: 16 },
    ];
    expect(await all(job.results())).toEqual(expected);
    expect((await job.done()).errors).toBe(1);
  });

  test('long values, errors and texts with line feeds come in their places among short ones', async () => {
    const mixed = join(folder, 'mixed.js');
    writeFileSync(
      mixed,
      `export default ({ index }) => {
        if (index % 97 === 5) throw new TypeError('no');
        if (index % 89 === 7) return 'long'.repeat(100 + index);
        return index % 3 === 0 ? 'two\\nlines' : { index, text: '}\\u2028{' };
      };`,
    );
    const items = Array.from({ length: 2000 }, (_, k) => k);
    const job = await remote.publish({ fn: mixed, items });
    const expected = items.map((index) => {
      if (index % 97 === 5) return { index, error: 'TypeError' };
      if (index % 89 === 7) return { index, value: 'long'.repeat(100 + index) };
      const value = index % 3 === 0 ? 'two\nlines' : { index, text: '}\u2028{' };
      return { index, value };
    });
    expect(await all(job.results())).toEqual(expected);
    expect(await all((await embedded.job(job.id)).results())).toEqual(expected);
  });

  test('a client that goes away ends its wait and not the job', async () => {
    const job = await remote.publish({ fn: never, accept: 1, maxEvals: Number.MAX_SAFE_INTEGER });
    const stop = new AbortController();
    const waits = [
      job.done({ signal: stop.signal }),
      all(job.results({ signal: stop.signal })),
      (async () => {
        for await (const progress of job.progress({ signal: stop.signal })) {
          if (progress.evaluated > 0) stop.abort();
        }
      })(),
    ];
    const names = (await Promise.allSettled(waits)).map((each) => {
      return each.status === 'rejected' ? each.reason.name : each.status;
    });
    expect(names).toEqual(['AbortError', 'AbortError', 'AbortError']);
    await embedded.idle();
    expect((await job.show()).status).toBe('running');
    await job.cancel();
    expect((await job.done()).status).toBe('cancelled');
  });

  test('an error keeps its code and its text on the way', async () => {
    const error = await remote.job('nowhere').catch((reason) => reason);
    const same = await embedded.job('nowhere').catch((reason) => reason);
    expect(error).toMatchObject({ code: 'MESH_UNKNOWN_JOB', message: same.message });
  });

  test.each([
    ['GET', '/v1/jobs/nowhere', 404, 'MESH_UNKNOWN_JOB'],
    ['GET', '/v1/nothing', 400, 'MESH_USAGE'],
    ['GET', '/v2/status', 400, 'MESH_USAGE'],
    ['GET', '/v1/jobs/a/b/c', 400, 'MESH_USAGE'],
    ['GET', '/v1/%ff', 400, 'MESH_USAGE'],
    ['POST', '/v1/jobs', 400, 'MESH_USAGE'],
  ])('%s %s is answered with status %d', async (method, path, status, code) => {
    const [got, body] = await ask(method, path, 'no header\n');
    expect([got, body]).toEqual([status, { code, message: expect.any(String) }]);
    expect((await ask('GET', '/v1/status'))[0]).toBe(200);
  });
});

describe('a home', () => {
  test('is not opened with an option that is unknown or out of range', async () => {
    const fresh = join(folder, 'unopened');
    const wrong = [{ home: '' }, { home: fresh, slots: -1 }, { home: fresh, slotz: 1 }];
    for (const options of wrong) await expect(open(options)).rejects.toThrow(TypeError);
    expect(existsSync(fresh)).toBe(false);
  });

  test('of two that open it at once, one has the peer and the other goes through it', async () => {
    const fresh = join(folder, 'at-once');
    const both = await Promise.all([open({ home: fresh, slots: 1 }), open({ home: fresh })]);
    try {
      expect(both.filter((mesh) => mesh.embedded)).toHaveLength(1);
      const [a, b] = await Promise.all(both.map((mesh) => mesh.status()));
      expect(a?.peer).toBe(b?.peer);
    } finally {
      for (const mesh of both) await mesh.close();
    }
  });

  test('is free once its peer is closed; its clients are told that it went away', async () => {
    const fresh = join(folder, 'closed');
    const peer = await open({ home: fresh, slots: 0 });
    const client = await open({ home: fresh });
    const job = await client.publish({ fn: half, accept: 10 });
    const waits = job.done().catch((reason) => reason.code);
    await peer.close();
    expect(['MESH_NO_PEER', 'MESH_STOPPED']).toContain(await waits);
    expect(await client.status().catch((reason) => reason.code)).toBe('MESH_NO_PEER');
    expect(await connectControl(fresh)).toBeNull();
  });

  test('a client’s stop ends the peer before it returns', async () => {
    const fresh = join(folder, 'stopped');
    const peer = await open({ home: fresh, slots: 1 });
    const client = await open({ home: fresh });
    await client.stop();
    expect(await connectControl(fresh)).toBeNull();
    const again = await open({ home: fresh, slots: 1 });
    expect(again.embedded).toBe(true);
    await again.close();
    await peer.close();
  });

  test('is free when stop is answered: not before the control server closes', async () => {
    const fresh = join(folder, 'stop-answered');
    const peer = await startPeer({ home: fresh, slots: 0, network: 'solo' });
    const control = await serveControl({ mesh: peer.mesh, home: fresh });
    const client = await connectControl(fresh);
    let answered = false;
    const stopped = client?.stop().then(() => {
      answered = true;
    });
    expect(await peer.ended).toBe('stopped');
    await peer.close();
    // An answer to stop would come before this one.
    await client?.job('nowhere').catch(() => undefined);
    expect(answered).toBe(false);
    await control.close();
    await stopped;
    expect(await connectControl(fresh)).toBeNull();
  });

  test('whose peer was killed is taken over', async () => {
    const fresh = join(folder, 'killed');
    const program = `import { serveControl } from ${JSON.stringify(
      new URL('../../src/control/server.ts', import.meta.url).href,
    )};
      await serveControl({ home: ${JSON.stringify(fresh)}, mesh: {} });
      process.kill(process.pid, 'SIGKILL');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program]);
    await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    expect(existsSync(socketPath(fresh))).toBe(true);
    expect(await connectControl(fresh)).toBeNull();
    await using mesh = await open({ home: fresh, slots: 1 });
    expect(mesh.embedded).toBe(true);
    expect(await connectControl(fresh)).not.toBeNull();
  });

  test('with a path too long for a socket has it in a folder of its own', async () => {
    const long = join(folder, 'x'.repeat(120));
    expect(socketPath(long).length).toBeLessThanOrEqual(103);
    await using mesh = await open({ home: long, slots: 1 });
    expect((await (await open({ home: long })).status()).peer).toBe((await mesh.status()).peer);
  });
});
