import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { RelayCap } from '../../src/net/relay-cap.ts';
import { TokenBucket } from '../../src/net/token-bucket.ts';
import { Libp2pPeers, soon, type TestPeer } from './libp2p-peers.ts';

const RATE = 100_000;

test('a bucket lets no more pass than its rate and a tenth of a second of it', () => {
  const bucket = new TokenBucket(RATE, 0);
  let passed = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 7) {
    while (bucket.waitMs(nowMs) === 0) {
      bucket.take(1000, nowMs);
      passed += 1000;
    }
  }
  expect(passed).toBeGreaterThan(9.9 * RATE);
  expect(passed).toBeLessThanOrEqual(10.1 * RATE + 1000);
});

test('a debt is paid by time, and a long pause gives no more than a short one', () => {
  const bucket = new TokenBucket(RATE, 0);
  bucket.take(RATE / 10 + RATE, 0);
  expect(bucket.waitMs(0)).toBe(1000);
  expect(bucket.waitMs(999)).toBeCloseTo(1);
  expect(bucket.waitMs(3_600_000)).toBe(0);
  bucket.take(RATE / 10 + 100, 3_600_000);
  expect(bucket.waitMs(3_600_000)).toBeCloseTo(1);
});

/** One end of a relayed connection: what it is sent waits while it is not read. */
class End extends EventTarget {
  readStatus = 'readable';
  remoteWriteStatus = 'writable';
  writableNeedsDrain = false;
  readonly waiting: number[] = [];
  read = 0;

  pause(): void {
    this.readStatus = 'paused';
  }

  resume(): void {
    this.readStatus = 'readable';
    for (const bytes of this.waiting.splice(0)) this.#take(bytes);
  }

  arrive(bytes: number): void {
    if (this.readStatus === 'paused') this.waiting.push(bytes);
    else this.#take(bytes);
  }

  end(): void {
    this.remoteWriteStatus = 'closed';
    this.dispatchEvent(new Event('remoteCloseWrite'));
  }

  drain(): void {
    this.writableNeedsDrain = false;
    this.dispatchEvent(new Event('drain'));
  }

  #take(bytes: number): void {
    this.read += bytes;
    this.dispatchEvent(Object.assign(new Event('message'), { data: new Uint8Array(bytes) }));
  }
}

/** What a relay joins: pairs of ends under one cap. */
function relayed(pairs: number): [End, End][] {
  const cap = new RelayCap(RATE, () => performance.now());
  return Array.from({ length: pairs }, () => {
    const [a, b] = [new End(), new End()];
    cap.join(a as never, b as never);
    return [a, b];
  });
}

/** Lets virtual time pass in which each of these is sent 1000 bytes as soon as it is read. */
async function greedily(ends: readonly End[], ms: number): Promise<void> {
  for (let k = 0; k < ms; k += 5) {
    for (const end of ends) if (end.waiting.length === 0) end.arrive(1000);
    await vi.advanceTimersByTimeAsync(5);
  }
}

describe('a relay with a cap', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('lets all that it relays pass no faster together, and each has its turn', async () => {
    const ends = relayed(5).flat();
    await greedily(ends, 20_000);
    const passed = ends.map(({ read }) => read);
    const all = passed.reduce((sum, read) => sum + read, 0);
    expect(all).toBeGreaterThan(19 * RATE);
    expect(all).toBeLessThan(20.2 * RATE + 10_000);
    expect(Math.min(...passed)).toBeGreaterThan(0.5 * Math.max(...passed));
  });

  test('reads nothing on while what came cannot be sent on', async () => {
    const [[a, b]] = relayed(1) as [[End, End]];
    b.writableNeedsDrain = true;
    await greedily([a], 1000);
    expect(a.read).toBe(1000);
    b.drain();
    await greedily([a], 1000);
    expect(a.read).toBeGreaterThan(0.5 * RATE);
  });

  test('loses nothing of what waits when the sender ends', async () => {
    const [[a]] = relayed(1) as [[End, End]];
    for (let k = 0; k < 50; k++) {
      a.arrive(1000);
      await vi.advanceTimersByTimeAsync(0);
    }
    expect(a.waiting.length).toBeGreaterThan(0);
    a.end();
    expect(a.read).toBe(50_000);
  });
});

describe('over real connections', () => {
  let peers: Libp2pPeers;
  beforeEach(() => {
    peers = new Libp2pPeers();
  });
  afterEach(async () => await peers.close());

  async function aroundRelay(relayBytesPerSecond: number): Promise<[TestPeer, TestPeer]> {
    const relay = await peers.start({ relayBytesPerSecond });
    const [a, b] = [await peers.start({ listen: [] }), await peers.start({ listen: [] })];
    for (const { network } of [a, b]) await network.join(relay.network.addresses(), soon());
    return [a, b];
  }

  test('values take the time that the cap gives them, and arrive whole', async () => {
    const rate = 500_000;
    const [a, b] = await aroundRelay(rate);
    await a.told.until(() => a.network.connections().length === 2);
    const bytes = new Uint8Array(250_000).map((_, k) => k % 251);
    const blob = { kind: 'blob', hash: 'b'.repeat(64), bytes } as const;
    const startMs = performance.now();
    for (let k = 0; k < 8; k++) expect(a.network.send(b.network.self, blob)).toBe(true);
    await b.told.until(({ messages }) => messages.length === 8, 60_000);
    const seconds = (performance.now() - startMs) / 1000;
    const via = a.network.connections().find(({ peer }) => peer === b.network.self)?.via;
    expect(via).toBe('relay');
    // The bucket gives 100 ms at once, and the last window may pass whole, into debt.
    const onCredit = 0.1 * rate + 256 * 1024;
    expect((8 * bytes.length - onCredit) / seconds).toBeLessThan(rate);
    expect(b.told.downs).toEqual([]);
    for (const { message } of b.told.messages) {
      expect(message.kind === 'blob' && Buffer.compare(message.bytes, bytes)).toBe(0);
    }
  });

  test('an answer takes the time that the cap gives it, and arrives whole', async () => {
    const rate = 500_000;
    const [a, b] = await aroundRelay(rate);
    await a.told.until(() => a.network.connections().length === 2);
    const bytes = new Uint8Array(1_000_000).map((_, k) => k % 251);
    b.network.serve('big', async function* () {
      yield bytes;
      yield bytes;
    });
    const startMs = performance.now();
    const signal = AbortSignal.timeout(60_000);
    const ask = a.network.ask(b.network.self, 'big', new Uint8Array(), { signal });
    const parts = await Array.fromAsync(ask);
    const seconds = (performance.now() - startMs) / 1000;
    const via = a.network.connections().find(({ peer }) => peer === b.network.self)?.via;
    expect(via).toBe('relay');
    const onCredit = 0.1 * rate + 256 * 1024;
    expect((2 * bytes.length - onCredit) / seconds).toBeLessThan(rate);
    for (const part of parts) expect(Buffer.compare(part, bytes)).toBe(0);
  });

  test('a cap of 0 relays nothing, and gives no place', async () => {
    const [a] = await aroundRelay(0);
    await a.told.until(({ logs }) => logs.some(({ event }) => event === 'relay.refused'));
    expect(a.network.addresses()).toEqual([]);
  });
});
