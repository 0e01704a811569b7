import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encode } from '../../src/core/codec.ts';
import type { Column } from '../../src/core/column.ts';
import { type Limits, NO_LIMITS } from '../../src/core/limits.ts';
import type { Manifest } from '../../src/core/manifest.ts';
import type { Needs } from '../../src/core/needs.ts';
import type { RecordBody } from '../../src/core/record.ts';
import { decodeBody, encodeBody, MAX_BODY_BYTES } from '../../src/core/record-codec.ts';

const CASES = 10_000;
const MAX = Number.MAX_SAFE_INTEGER;

const digits = (count: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: count, maxLength: count });
const hash = digits(64);
const index = fc.oneof(fc.nat(), fc.maxSafeInteger().map(Math.abs));
const text = (maxLength: number, minLength = 0) =>
  fc.string({ unit: 'binary', minLength, maxLength });
const signature = fc.uint8Array({ minLength: 1, maxLength: 64 });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const doubles = (count: number) =>
  fc.array(finite, { minLength: count, maxLength: count }).map((all) => Float64Array.from(all));

const target = fc.oneof(
  fc.record({
    kind: fc.constant('accept' as const),
    count: fc.integer({ min: 1 }),
    maxEvals: fc.option(index.map((value) => value || 1)),
  }),
  fc.record({ kind: fc.constant('map' as const), count: fc.integer({ min: 1 }) }),
);

/** Limits of one candidate, or none. */
const limits: fc.Arbitrary<Limits> = fc.record({
  timeoutMs: fc.option(fc.integer({ min: 1 })),
  memoryBytes: fc.option(fc.integer({ min: 128_000_000, max: 2 ** 46 })),
});

const rising = (one: fc.Arbitrary<string>) =>
  fc.uniqueArray(one, { maxLength: 4 }).map((all) => all.sort());
const paths = rising(fc.stringMatching(/^(\/[a-z]{1,9}){1,9}$/));
const needs: fc.Arbitrary<Needs> = fc.record({
  cpus: fc.integer({ min: 1, max: 1024 }),
  tags: rising(fc.stringMatching(/^[a-z0-9]{1,64}$/)),
  net: fc.boolean(),
  reads: paths,
  writes: paths,
});

/** As peer ids are written. */
const peer = fc.stringMatching(/^[!-~]{1,64}$/);

const manifest: fc.Arbitrary<Manifest> = fc
  .record({
    owner: peer,
    nonce: digits(32),
    name: text(64, 1),
    program: hash,
    params: hash,
    root: hash,
    seed: index,
    mathClass: digits(16),
    target,
    commands: fc.boolean(),
    limits,
    needs,
    perHour: fc.option(fc.integer({ min: 1, max: 3_600_000_000 })),
    maxErrors: fc.option(fc.integer({ min: 0, max: 2 ** 31 })),
    fresh: fc.boolean(),
    priority: fc.integer({ min: -10, max: 10 }),
    publishedAt: index,
    deadlineAt: fc.option(index),
    sources: fc.option(hash),
    logIf: fc.option(text(1024, 1)),
    parent: fc.option(hash),
    candidates: fc.nat(64),
    microseconds: fc.nat(),
  })
  .map(
    ({
      program,
      params,
      root,
      seed,
      mathClass,
      parent,
      candidates,
      microseconds,
      commands,
      ...rest
    }) => ({
      ...rest,
      root: parent,
      spec: {
        program,
        params,
        seed,
        items: rest.target.kind === 'map' ? { root, count: rest.target.count } : null,
        contract: 1,
        ...(commands && rest.target.kind === 'map'
          ? { mathClass: null, commandsOf: rest.owner }
          : { mathClass, commandsOf: null }),
      },
      probe: { candidates, accepted: candidates, ms: microseconds / 1000 },
    }),
  );

const COLUMN_KINDS = ['number', 'record', 'text', 'hash'] as const;

function columnOf(indices: readonly number[]): fc.Arbitrary<Column> {
  const count = indices.length;
  const exactly = <T>(one: fc.Arbitrary<T>) =>
    fc.array(one, { minLength: count, maxLength: count });
  const at = { indices: fc.constant(Float64Array.from(indices)) };
  return fc.constantFrom(...COLUMN_KINDS).chain((kind): fc.Arbitrary<Column> => {
    switch (kind) {
      case 'number':
        return fc.record({ kind: fc.constant(kind), ...at, values: doubles(count) });
      case 'record':
        return fc.uniqueArray(text(20), { minLength: 1, maxLength: 4 }).chain((keys) =>
          fc.record({
            kind: fc.constant(kind),
            keys: fc.constant(keys),
            ...at,
            columns: fc.tuple(...keys.map(() => doubles(count))),
          }),
        );
      case 'text': {
        // JSON.stringify escapes lone surrogates, so that a value's text is well formed.
        const json = fc.string({ unit: 'binary', maxLength: 20 }).map((all) => `"${escaped(all)}"`);
        return fc.record({ kind: fc.constant(kind), ...at, texts: exactly(json) });
      }
      case 'hash': {
        const sizes = exactly(fc.integer({ min: 1, max: 1_048_576 }));
        return fc.record({ kind: fc.constant(kind), ...at, hashes: exactly(hash), sizes });
      }
    }
  });
}

function escaped(content: string): string {
  return JSON.stringify(content).slice(1, -1);
}

const segment: fc.Arbitrary<RecordBody> = fc
  .record({
    lo: fc.oneof(fc.nat(1000), fc.constant(MAX - 70_000)),
    offsets: fc.uniqueArray(fc.nat(4000), { maxLength: 24 }),
    groups: fc.integer({ min: 1, max: 4 }),
    microseconds: fc.maxSafeNat().map((spent) => spent % 2 ** 43),
    fresh: fc.boolean(),
    job: hash,
  })
  .chain(({ lo, offsets, groups, microseconds, fresh, job }) => {
    const at = offsets.map((offset) => lo + offset).sort((a, b) => a - b);
    const share = (g: number): number[] => at.filter((_, k) => k % (groups + 1) === g);
    const columns = Array.from({ length: groups }, (_, g) => columnOf(share(g + 1)));
    const errors = share(0).map((failed) =>
      fc.record({ index: fc.constant(failed), name: text(200), detail: text(200) }),
    );
    return fc.record({
      kind: fc.constant('segment' as const),
      job: fc.constant(job),
      lo: fc.constant(lo),
      hi: fc.constant(lo + (fresh ? 4001 : 60_001)),
      ms: fc.constant(microseconds / 1000),
      fresh: fc.constant(fresh),
      accepted: fc.tuple(...columns),
      errors: fc.tuple(...errors),
    });
  })
  .filter(({ ms }) => Math.round(ms * 1000) / 1000 === ms);

const change = fc.oneof(
  fc.record({
    kind: fc.constant('cancel' as const),
    reason: fc.constantFrom('user' as const, 'deadline' as const),
    wait: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('pause' as const), paused: fc.boolean() }),
  fc.record({
    kind: fc.constant('priority' as const),
    priority: fc.integer({ min: -10, max: 10 }),
  }),
);

const BODIES: { [K in RecordBody['kind']]: fc.Arbitrary<RecordBody> } = {
  manifest: fc.record({ kind: fc.constant('manifest'), manifest, signature }),
  successor: fc.record({
    kind: fc.constant('successor'),
    predecessor: hash,
    stuck: fc
      .uniqueArray(index, { minLength: 1, maxLength: 9 })
      .map((all) => all.sort((a, b) => a - b)),
  }),
  op: fc.record({
    kind: fc.constant('op'),
    job: hash,
    number: index.map((value) => value || 1),
    change,
    signature,
  }),
  certificate: fc.record({
    kind: fc.constant('certificate'),
    job: hash,
    certificate: hash,
    end: index,
    lines: index,
    signature,
  }),
  segment,
  attempt: fc
    .record({
      ...{ job: hash, lo: fc.nat(), size: fc.integer({ min: 1 }) },
      ...{ limits, failure: text(32, 1), detail: text(200) },
    })
    .map(({ lo, size, ...rest }) => ({ kind: 'attempt', lo, hi: lo + size, ...rest })),
  skip: fc.record({ kind: fc.constant('skip'), job: hash, index, signature }),
  removal: fc.record({ kind: fc.constant('removal'), peer, signature }),
  choice: fc.record({
    ...{ kind: fc.constant('choice'), computation: hash, index, signature },
    of: fc.record({
      origin: peer,
      start: fc.record({ incarnation: index.map((value) => value || 1), nonce: digits(16) }),
      n: index,
    }),
  }),
};
const KINDS = Object.keys(BODIES) as RecordBody['kind'][];

/** What any bytes at all must lead to: a refusal, or a body that encodes to these bytes. */
function expectRefusedOrCanonical(bytes: Uint8Array): boolean {
  const decoded = decodeBody(bytes);
  if ('rejected' in decoded) expect(decoded.rejected).not.toBe('');
  else expect(Buffer.compare(encodeBody(decoded.value), bytes)).toBe(0);
  return 'value' in decoded;
}

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  byte: fc.integer({ min: 0, max: 255 }),
  how: fc.constantFrom('cut', 'set', 'insert', 'delete', 'twice'),
});

function mutate(bytes: Uint8Array, changed: { at: number; byte: number; how: string }): Uint8Array {
  const at = Math.floor(changed.at * bytes.length);
  const all = [...bytes];
  if (changed.how === 'cut') all.length = at;
  if (changed.how === 'set') all[at] = changed.byte;
  if (changed.how === 'insert') all.splice(at, 0, changed.byte);
  if (changed.how === 'delete') all.splice(at, 1 + (changed.byte & 7));
  if (changed.how === 'twice') all.splice(at, 0, ...all.slice(at, at + changed.byte));
  return Uint8Array.from(all);
}

describe.each(KINDS)('a %s record', (kind) => {
  const bodies = BODIES[kind];

  test('comes back from its bytes, and from those that were checked before', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        expect(decodeBody(encodeBody(body))).toEqual({ value: body });
        expect(decodeBody(encodeBody(body), true)).toEqual({ value: body });
      }),
      { numRuns: 300 },
    );
  });

  test('random bytes in its place are refused or canonical', () => {
    const [sample] = fc.sample(bodies, 1).map(encodeBody);
    const head = sample?.slice(0, 2) ?? new Uint8Array();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), fc.boolean(), (noise, keepHead) => {
        expectRefusedOrCanonical(keepHead ? Uint8Array.of(...head, ...noise) : noise);
      }),
      { numRuns: CASES },
    );
  });

  test('its bytes cut short or changed are refused or canonical', () => {
    const samples = fc.sample(bodies, 50).map(encodeBody);
    let taken = 0;
    fc.assert(
      fc.property(fc.constantFrom(...samples), mutation, (bytes, changed) => {
        if (expectRefusedOrCanonical(mutate(bytes, changed))) taken++;
      }),
      { numRuns: CASES },
    );
    // A changed byte of a hash or a number is still a record: the check is not only of refusals.
    expect(taken).toBeGreaterThan(20);
  });
});

describe('what makes a record well formed', () => {
  const HASH = 'ab'.repeat(32);
  const segmentOf = (parts: Partial<Extract<RecordBody, { kind: 'segment' }>>): RecordBody => ({
    ...{ kind: 'segment', job: HASH, lo: 10, hi: 20, ms: 1, fresh: false },
    ...{ accepted: [], errors: [] },
    ...parts,
  });
  const error = (at: number, name = 'RangeError') => ({ index: at, name, detail: '' });
  const numbers = (...at: number[]): Column => ({
    kind: 'number',
    indices: Float64Array.from(at),
    values: new Float64Array(at.length),
  });

  test.each<[string, RecordBody, string]>([
    ['an index in two columns', segmentOf({ accepted: [numbers(12), numbers(12)] }), 'twice'],
    ['accepted and failed', segmentOf({ accepted: [numbers(12)], errors: [error(12)] }), 'twice'],
    ['an accepted index past the end', segmentOf({ accepted: [numbers(20)] }), 'outside'],
    ['an error before the start', segmentOf({ errors: [error(9)] }), 'outside'],
    ['an error past the end', segmentOf({ errors: [error(20)] }), 'outside'],
    ['an error with a long name', segmentOf({ errors: [error(12, 'x'.repeat(201))] }), '200'],
    ['a segment past the last index', segmentOf({ lo: MAX - 1, hi: MAX + 1 }), 'last index'],
    ['a fresh segment of many candidates', segmentOf({ lo: 0, hi: 2 ** 40, fresh: true }), 'fresh'],
    ['an attempt past the last index', attemptOf(MAX, MAX + 2), 'last index'],
    ['a successor that skips nothing', successorOf([]), 'a list of 1'],
    ['a skip list that falls', successorOf([4, 3]), 'not rising'],
    ['a skip list with a double', successorOf([4, 4]), 'not rising'],
    ['an op with number 0', opOf(0, 1), 'from 1'],
    ['an op with priority 11', opOf(1, 11), 'from -10 to 10'],
  ])('%s is refused', (_, body, reason) => {
    const refused = { rejected: expect.stringContaining(reason) };
    expect(decodeBody(encodeBody(body))).toEqual(refused);
    expect(decodeBody(encodeBody(body), true)).toEqual(refused);
  });

  test('a text that is not JSON is refused', () => {
    const column: Column = { kind: 'text', indices: Float64Array.of(11), texts: ['{'] };
    expect(decodeBody(encodeBody(segmentOf({ accepted: [column] })))).toEqual({
      rejected: expect.stringContaining('not JSON'),
    });
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'a value of %s is refused',
    (value) => {
      const column: Column = { ...numbers(11), values: Float64Array.of(value) } as Column;
      expect(decodeBody(encodeBody(segmentOf({ accepted: [column] })))).toEqual({
        rejected: expect.stringContaining('not finite'),
      });
    },
  );

  test('a body above the limit and an unknown kind are refused', () => {
    const long = encode([6, new Uint8Array(MAX_BODY_BYTES)]);
    expect(decodeBody(long)).toEqual({ rejected: expect.stringContaining('bytes, at most') });
    for (const kind of [9, -1, 0.5, 'op', null]) {
      expect(decodeBody(encode([kind]))).toEqual({ rejected: 'unknown kind of record' });
    }
  });

  test('a map target needs items of the same count, an accept target none', () => {
    const [sample] = fc.sample(manifest, 1);
    if (sample === undefined) throw new Error('no sample');
    const items = { root: HASH, count: 5 };
    const of = (changes: Partial<Manifest>, list: typeof items | null): Uint8Array =>
      encodeBody({
        kind: 'manifest',
        manifest: { ...sample, ...changes, spec: { ...sample.spec, items: list } },
        signature: Uint8Array.of(1),
      });
    const wrong = { rejected: expect.stringContaining('does not fit') };
    expect(decodeBody(of({ target: { kind: 'map', count: 5 } }, items))).toHaveProperty('value');
    expect(decodeBody(of({ target: { kind: 'map', count: 6 } }, items))).toEqual(wrong);
    expect(decodeBody(of({ target: { kind: 'map', count: 5 } }, null))).toEqual(wrong);
    const accept = { kind: 'accept', count: 5, maxEvals: null } as const;
    expect(decodeBody(of({ target: accept }, items))).toEqual(wrong);
  });

  test.each([
    ...[{ timeoutMs: 0 }, { timeoutMs: -1 }, { timeoutMs: 1.5 }, { timeoutMs: 2 ** 42 }],
    ...[{ memoryBytes: 0 }, { memoryBytes: 127_999_999 }, { memoryBytes: 2 ** 46 + 1 }],
  ])('limits out of range are refused: %o', (wrong) => {
    const limits = { ...NO_LIMITS, ...wrong };
    const bytes = encodeBody({ ...attemptOf(3, 4), limits } as RecordBody);
    expect(decodeBody(bytes)).toHaveProperty('rejected');
  });

  test('a lone surrogate travels as U+FFFD and the bytes stay canonical', () => {
    const body = segmentOf({ errors: [error(12, 'bad \ud800 name')] });
    const bytes = encodeBody(body);
    expect(expectRefusedOrCanonical(bytes)).toBe(true);
    expect(decodeBody(bytes)).toHaveProperty('value.errors.0.name', 'bad \ufffd name');
  });

  function attemptOf(lo: number, hi: number): RecordBody {
    return { kind: 'attempt', job: HASH, lo, hi, limits: NO_LIMITS, failure: 'died', detail: '' };
  }
  function successorOf(stuck: number[]): RecordBody {
    return { kind: 'successor', predecessor: HASH, stuck };
  }
  function opOf(number: number, priority: number): RecordBody {
    const raised = { kind: 'priority', priority } as const;
    return { kind: 'op', job: HASH, number, change: raised, signature: Uint8Array.of(1) };
  }
});
