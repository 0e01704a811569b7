import { afterEach, describe, expect, test } from 'vitest';
import { MeshError } from '../../src/core/mesh-error.ts';
import { MemoryHub } from '../../src/net/memory-hub.ts';
import { MemoryNetwork } from '../../src/net/memory-network.ts';
import type { AskHandler, Network } from '../../src/net/network.ts';
import { SoloNetwork } from '../../src/net/solo-network.ts';
import { MAX_ANSWERS, MAX_REQUEST_BYTES } from '../../src/net/topics.ts';
import { Libp2pPeers, soon } from '../net/libp2p-peers.ts';
import { Recorder } from '../net/recorder.ts';

interface Twin {
  start(): Promise<{ network: Network; told: Recorder }>;
  close(): Promise<void>;
}

const TWINS: Record<string, () => Twin> = {
  libp2p: () => new Libp2pPeers(),
  memory: () => {
    const hub = new MemoryHub();
    let count = 0;
    return {
      start: async () => {
        const told = new Recorder();
        count += 1;
        return { network: new MemoryNetwork(hub, `peer${count}`, told), told };
      },
      close: async () => {},
    };
  },
};

const PART = 1024 * 1024;

function bytes(length: number, seed: number): Uint8Array {
  const pattern = Uint8Array.from({ length: 251 }, (_, k) => (k * 31 + seed) & 255);
  return Buffer.alloc(length, pattern);
}

/** Answers with this many parts, each the request and its number; counts those that were taken. */
function counting(parts: number): { handler: AskHandler; taken: () => number } {
  let taken = 0;
  return {
    taken: () => taken,
    handler: async function* (_from, request) {
      for (let k = 0; k < parts; k++) {
        yield Buffer.concat([request, Uint8Array.of(k & 255)]);
        taken += 1;
      }
    },
  };
}

/** Yields once and then waits until nobody listens. */
function endless(): { handler: AskHandler; ended: Promise<void> } {
  const ended = Promise.withResolvers<void>();
  return {
    ended: ended.promise,
    handler: async function* (_from, _request, signal) {
      signal.addEventListener('abort', () => ended.resolve());
      yield Uint8Array.of(1);
      await ended.promise;
    },
  };
}

const NOTHING = new Uint8Array();

describe.each(Object.keys(TWINS))('questions over a %s network', (name) => {
  let twin: Twin | null = null;
  afterEach(async () => await twin?.close());

  async function pair() {
    twin = TWINS[name]?.() ?? null;
    if (twin === null) throw new Error(`no twin ${name}`);
    const [a, b] = [await twin.start(), await twin.start()];
    await b.network.join(a.network.addresses(), soon());
    await a.told.until(({ ups }) => ups.length === 1);
    await b.told.until(({ ups }) => ups.length === 1);
    const ask = (topic: string, request: Uint8Array = NOTHING, signal = soon().signal) =>
      a.network.ask(b.network.self, topic, request, { signal });
    return { a, b, ask };
  }

  test('are answered part by part, as the other side gave them, with the name of who asks', async () => {
    const { a, b, ask } = await pair();
    const froms: string[] = [];
    b.network.serve('echo', async function* (from, request) {
      froms.push(from);
      yield request;
      yield NOTHING;
      yield Uint8Array.of(7);
    });
    const parts = await Array.fromAsync(ask('echo', Uint8Array.of(1, 2, 3)));
    expect(parts.map((part) => [...part])).toEqual([[1, 2, 3], [], [7]]);
    expect(froms).toEqual([a.network.self]);
  });

  test('carry parts of a megabyte whole, several answers at once', async () => {
    const { b, ask } = await pair();
    b.network.serve('big', async function* (_from, request) {
      for (let k = 0; k < 3; k++) yield bytes(PART, (request[0] ?? 0) + k);
    });
    await Promise.all(
      [10, 20, 30].map(async (seed) => {
        const parts = await Array.fromAsync(ask('big', Uint8Array.of(seed)));
        expect(parts.length).toBe(3);
        for (const [k, part] of parts.entries()) {
          expect(Buffer.compare(part, bytes(PART, seed + k))).toBe(0);
        }
      }),
    );
  });

  test('of a topic that nobody serves are refused with a line that names it', async () => {
    const { ask } = await pair();
    await expect(Array.fromAsync(ask('nothing'))).rejects.toMatchObject({
      code: 'MESH_REFUSED',
      message: 'the peer does not serve "nothing"',
    });
  });

  test('are refused in the words of a MeshError, and in no words of another error', async () => {
    const { b, ask } = await pair();
    b.network.serve('picky', async function* (_from, request) {
      yield Uint8Array.of(1);
      if (request.length > 0) throw new MeshError('MESH_NO_FILE', 'there is no such file');
      throw new Error('a secret of this machine');
    });
    const parts: Uint8Array[] = [];
    const read = async (request: Uint8Array) => {
      for await (const part of ask('picky', request)) parts.push(part);
    };
    await expect(read(Uint8Array.of(1))).rejects.toMatchObject({
      code: 'MESH_REFUSED',
      message: 'there is no such file',
    });
    await expect(read(NOTHING)).rejects.toMatchObject({
      code: 'MESH_REFUSED',
      message: 'the peer could not answer',
    });
    expect(parts.map((part) => [...part])).toEqual([[1], [1]]);
  });

  test('to a peer that is not connected fail and say so', async () => {
    const { a } = await pair();
    const answer = a.network.ask('12D3KooWnobody', 'echo', NOTHING, soon());
    await expect(Array.fromAsync(answer)).rejects.toMatchObject({ code: 'MESH_NO_PEER' });
  });

  test('that are too long are a fault of the caller', async () => {
    const { ask } = await pair();
    const long = new Uint8Array(MAX_REQUEST_BYTES + 1);
    await expect(Array.fromAsync(ask('echo', long))).rejects.toThrow(TypeError);
  });

  test('end at both ends when who asked leaves the loop', async () => {
    const { b, ask } = await pair();
    const { handler, ended } = endless();
    b.network.serve('endless', handler);
    for await (const _part of ask('endless')) break;
    await ended;
  });

  test('end at both ends when who asked aborts, with the reason given', async () => {
    const { b, ask } = await pair();
    const { handler, ended } = endless();
    b.network.serve('endless', handler);
    const abort = new AbortController();
    const reason = new Error('changed my mind');
    const read = async () => {
      for await (const _part of ask('endless', NOTHING, abort.signal)) abort.abort(reason);
    };
    await expect(read()).rejects.toBe(reason);
    await ended;
  });

  test('fail when the other side closes in the middle', async () => {
    const { b, ask } = await pair();
    b.network.serve('endless', endless().handler);
    const read = async () => {
      for await (const _part of ask('endless')) void b.network.close();
    };
    await expect(read()).rejects.toMatchObject({ code: expect.stringMatching(/^MESH_/) });
  });

  test('wait for their turn, and all are answered', async () => {
    const { b, ask } = await pair();
    let [now, most] = [0, 0];
    b.network.serve('slow', async function* (_from, request) {
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      yield request;
    });
    const numbers = Array.from({ length: 60 }, (_, k) => k);
    const answers = await Promise.all(
      numbers.map((k) => Array.fromAsync(ask('slow', Uint8Array.of(k)))),
    );
    expect(answers.map(([part]) => part?.[0])).toEqual(numbers);
    expect(most).toBeLessThanOrEqual(MAX_ANSWERS);
  });

  test('are not answered faster than the answer is taken', async () => {
    const { b, ask } = await pair();
    const { handler, taken } = counting(64);
    b.network.serve('many', handler);
    const request = bytes(60_000, 1);
    const parts = ask('many', request)[Symbol.asyncIterator]();
    await parts.next();
    // All that could move has moved once another answer went the whole way.
    await Array.fromAsync(ask('nothing')).catch(() => {});
    for (let k = 0; k < 50; k++) await new Promise((resolve) => setImmediate(resolve));
    expect(taken()).toBeLessThan(32);
    let count = 1;
    while (!((await parts.next()).done ?? false)) count += 1;
    expect(count).toBe(64);
  });

  test('leave messages their order and lose none of them', async () => {
    const { a, b, ask } = await pair();
    b.network.serve('big', async function* () {
      for (let k = 0; k < 16; k++) yield bytes(PART, k);
    });
    const big = Array.fromAsync(ask('big'));
    const hashes = Array.from({ length: 200 }, (_, k) => k.toString(16).padStart(64, '0'));
    for (const hash of hashes) b.network.send(a.network.self, { kind: 'ask', hashes: [hash] });
    await a.told.until(({ messages }) => messages.length === hashes.length);
    expect(a.told.messages.map(({ message }) => message)).toEqual(
      hashes.map((hash) => ({ kind: 'ask', hashes: [hash] })),
    );
    expect((await big).length).toBe(16);
  });
});

test('a peer of no mesh asks nobody', async () => {
  const solo = new SoloNetwork('self');
  await expect(Array.fromAsync(solo.ask('other'))).rejects.toMatchObject({ code: 'MESH_NO_PEER' });
});
