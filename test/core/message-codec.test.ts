import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode } from '../../src/core/codec.ts';
import { IntervalSet, MAX_INDEX } from '../../src/core/interval-set.ts';
import type { Limits } from '../../src/core/limits.ts';
import type { LogRange, Message, RecordGroup } from '../../src/core/message.ts';
import {
  decodeMessage,
  encodeMessage,
  MAX_BLOB_BYTES,
  MAX_GOSSIP_BYTES,
} from '../../src/core/message-codec.ts';
import type { Lease, Register } from '../../src/core/register.ts';

const CASES = 10_000;

const digits = (count: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: count, maxLength: count });
const hash = digits(64);
const index = fc.maxSafeInteger().map(Math.abs);
const peer = fc.string({ unit: fc.constantFrom(...'123abcXYZ'), minLength: 1, maxLength: 64 });
const scope = fc.oneof(fc.constant('control'), hash);
const start = fc.record({ incarnation: fc.integer({ min: 1 }), nonce: digits(16) });
const text = fc.string({ minLength: 1, maxLength: 64 });

/** Limits of one candidate, or none. */
const limits: fc.Arbitrary<Limits> = fc.record({
  timeoutMs: fc.option(fc.integer({ min: 1 })),
  memoryBytes: fc.option(fc.integer({ min: 128_000_000, max: 2 ** 46 })),
});

const lease: fc.Arbitrary<Lease> = fc
  .record(
    {
      id: index,
      computation: hash,
      job: hash,
      lo: fc.nat(),
      hi: fc.integer({ min: 2 ** 31, max: MAX_INDEX }),
      limits,
      copy: fc.boolean(),
      running: fc.boolean(),
      segment: index,
    },
    { requiredKeys: ['id', 'computation', 'job', 'lo', 'hi', 'limits', 'copy', 'running'] },
  )
  .map((value) => value as Lease);

const tags = fc
  .uniqueArray(fc.stringMatching(/^[a-z0-9]{1,64}$/), { maxLength: 4 })
  .map((all) => all.sort());

const register: fc.Arbitrary<Register> = fc.record({
  peer,
  start,
  sequence: index,
  name: text,
  version: text,
  slots: fc.integer({ min: 0, max: 1024 }),
  tags,
  mathClass: digits(16),
  addresses: fc.array(text, { maxLength: 8 }),
  refuses: fc.array(hash, { maxLength: 4 }),
  heartbeatMs: fc.integer({ min: 1, max: 600_000 }),
  leaving: fc.boolean(),
  stores: fc.boolean(),
  load: fc.option(fc.nat(1_000_000)),
  leases: fc.array(lease, { maxLength: 4 }),
});

const records = fc
  .uniqueArray(index, { maxLength: 5 })
  .chain((ns) =>
    fc.tuple(
      ...ns
        .sort((a, b) => a - b)
        .map((n) => fc.tuple(fc.constant(n), fc.uint8Array({ minLength: 1, maxLength: 60 }))),
    ),
  );
const group = fc.record({ scope, origin: peer, start, records }) as fc.Arbitrary<RecordGroup>;
const groups = fc.array(group, { maxLength: 4 });
const ranges = fc
  .array(fc.tuple(fc.nat(1000), fc.integer({ min: 1001, max: 2000 })), { maxLength: 3 })
  .map((all) => new IntervalSet(all).toArray());
const logs: fc.Arbitrary<LogRange[]> = fc.array(fc.record({ origin: peer, start, ranges }), {
  maxLength: 4,
});
const hashes = fc.array(hash, { maxLength: 5 });

const MESSAGES: { [K in Message['kind']]: fc.Arbitrary<Extract<Message, { kind: K }>> } = {
  heartbeat: fc.record({ kind: fc.constant('heartbeat'), register, fresh: groups }),
  announce: fc.record({ kind: fc.constant('announce'), groups }),
  digests: fc.record({
    kind: fc.constant('digests'),
    scopes: fc.array(fc.tuple(scope, hash), { maxLength: 5 }),
  }),
  summary: fc.record({ kind: fc.constant('summary'), scope, logs, reply: fc.boolean() }),
  pull: fc.record({ kind: fc.constant('pull'), scope, logs }),
  records: fc.record({ kind: fc.constant('records'), groups }),
  ask: fc.record({ kind: fc.constant('ask'), hashes }),
  receipt: fc.record({ kind: fc.constant('receipt'), hashes }),
  want: fc.record({ kind: fc.constant('want'), hash }),
  blob: fc.record({ kind: fc.constant('blob'), hash, bytes: fc.uint8Array({ maxLength: 90 }) }),
  none: fc.record({ kind: fc.constant('none'), hash }),
  collected: fc.record({
    kind: fc.constant('collected'),
    jobs: fc.array(fc.tuple(hash, fc.constantFrom('done', 'cancelled', 'failed')), {
      maxLength: 5,
    }),
  }),
  quit: fc.record({
    kind: fc.constant('quit'),
    author: peer,
    starts: fc.array(fc.tuple(peer, start), { maxLength: 5 }),
    signature: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  }),
};
const KINDS = Object.keys(MESSAGES) as Message['kind'][];

/** What any bytes at all must lead to: a refusal, or a message that encodes to these bytes. */
function expectRefusedOrCanonical(bytes: Uint8Array): void {
  for (const limit of ['gossip', 'stream'] as const) {
    const decoded = decodeMessage(bytes, limit);
    if ('rejected' in decoded) expect(decoded.rejected).not.toBe('');
    else expect(Buffer.compare(encodeMessage(decoded.message), bytes)).toBe(0);
  }
}

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  byte: fc.integer({ min: 0, max: 255 }),
  how: fc.constantFrom('cut', 'set', 'insert', 'delete', 'twice'),
});

function mutate(bytes: Uint8Array, change: { at: number; byte: number; how: string }): Uint8Array {
  const at = Math.floor(change.at * bytes.length);
  const list = [...bytes];
  if (change.how === 'cut') list.length = at;
  if (change.how === 'set') list[at] = change.byte;
  if (change.how === 'insert') list.splice(at, 0, change.byte);
  if (change.how === 'delete') list.splice(at, 1 + (change.byte & 7));
  if (change.how === 'twice') list.splice(at, 0, ...list.slice(at, at + change.byte));
  return Uint8Array.from(list);
}

describe.each(KINDS)('a %s message', (kind) => {
  const messages: fc.Arbitrary<Message> = MESSAGES[kind];

  test('comes back from its bytes', () => {
    fc.assert(
      fc.property(messages, (message) => {
        expect(decodeMessage(encodeMessage(message), 'stream')).toEqual({ message });
      }),
      { numRuns: 200 },
    );
  });

  test('random bytes in its place are refused or canonical', () => {
    const [sample] = fc.sample(messages, 1).map(encodeMessage);
    const head = sample?.slice(0, 2) ?? new Uint8Array();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (noise, keepHead) => {
        expectRefusedOrCanonical(keepHead ? Uint8Array.of(...head, ...noise) : noise);
      }),
      { numRuns: CASES },
    );
  });

  test('each bit of it flipped alone is refused or canonical', () => {
    const samples = fc.sample(messages, 20).map(encodeMessage);
    const longest = samples.reduce((a, b) => (b.length > a.length ? b : a));
    for (let bit = 0; bit < longest.length * 8; bit++) {
      const flipped = longest.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expectRefusedOrCanonical(flipped);
    }
  });

  test('its bytes cut short or changed are refused or canonical', () => {
    const samples = fc.sample(messages, 50).map(encodeMessage);
    fc.assert(
      fc.property(fc.constantFrom(...samples), mutation, (bytes, change) => {
        expectRefusedOrCanonical(mutate(bytes, change));
      }),
      { numRuns: CASES },
    );
  });
});

describe('limits of messages', () => {
  const HASH = 'ab'.repeat(32);
  const START = { incarnation: 1, nonce: '00'.repeat(8) };
  const log = (bounds: [number, number][]): Message => ({
    kind: 'pull',
    scope: 'control',
    logs: [{ origin: 'p', start: START, ranges: bounds }],
  });
  const groupOf = (records: [number, Uint8Array][]): Message => ({
    kind: 'announce',
    groups: [{ scope: HASH, origin: 'p', start: START, records }],
  });
  const one = Uint8Array.of(1);

  test.each<[string, Message, string]>([
    [
      'touching ranges',
      log([
        [0, 4],
        [4, 6],
      ]),
      'ranges are not sorted and disjoint',
    ],
    ['an empty range', log([[4, 4]]), 'ranges are not sorted and disjoint'],
    [
      'ranges out of order',
      log([
        [6, 9],
        [0, 2],
      ]),
      'ranges are not sorted and disjoint',
    ],
    [
      'records out of order',
      groupOf([
        [2, one],
        [1, one],
      ]),
      'records are not in rising order',
    ],
    ['a record of 73 729 bytes', groupOf([[1, new Uint8Array(73_729)]]), '1 to 73728 bytes'],
    ['too many hashes', { kind: 'ask', hashes: Array(4097).fill(HASH) }, 'a list of 0 to 4096'],
  ])('%s are refused', (_, message, reason) => {
    expect(decodeMessage(encodeMessage(message), 'stream')).toEqual({
      rejected: expect.stringContaining(reason),
    });
  });

  test('only heartbeat and announce are taken from gossip', () => {
    expect(decodeMessage(encodeMessage({ kind: 'want', hash: HASH }), 'gossip')).toEqual({
      rejected: 'want is not gossiped',
    });
  });

  test('gossip ends at 256 KiB and a blob fills a stream message', () => {
    const long = encodeMessage(groupOf([1, 2, 3, 4].map((n) => [n, new Uint8Array(70_000)])));
    expect(decodeMessage(long, 'gossip')).toEqual({
      rejected: `${long.length} bytes, at most ${MAX_GOSSIP_BYTES}`,
    });
    expect(decodeMessage(long, 'stream')).toHaveProperty('message');
    const blob: Message = { kind: 'blob', hash: HASH, bytes: new Uint8Array(MAX_BLOB_BYTES) };
    expect(decodeMessage(encodeMessage(blob), 'stream')).toHaveProperty('message');
  });

  test('a removed or unknown number is refused', () => {
    expect(decodeMessage(encode([99, 'x']), 'stream')).toEqual({
      rejected: 'unknown kind of message',
    });
    expect(decodeMessage(encode({ kind: 'want' }), 'stream')).toEqual({ rejected: 'not a list' });
  });
});
