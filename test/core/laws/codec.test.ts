import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, decode } from '../../../src/core/codec.ts';
import {
  computationId,
  encodeManifest,
  type Manifest,
  microseconds,
} from '../../../src/core/manifest.ts';
import { manifestForm } from '../../../src/core/manifest-form.ts';
import type { Message, RecordGroup } from '../../../src/core/message.ts';
import { decodeMessage, encodeMessage } from '../../../src/core/message-codec.ts';
import { NO_NEEDS } from '../../../src/core/needs.ts';
import type { OpChange, RecordBody } from '../../../src/core/record.ts';
import {
  certificatePayload,
  decodeBody,
  encodeBody,
  opPayload,
  skipPayload,
} from '../../../src/core/record-codec.ts';
import { SmallMesh } from '../../sim/small-mesh.ts';
import { sha256 } from '../../sim/world/machine.ts';
import { scattered, type WrittenProgram } from '../../sim/world/program.ts';
import { inTwoParts } from '../commands-apart.ts';
import { deliveries, Reader } from './deliveries.ts';
import { recordSets } from './record-sets.ts';

const HEX = fc.constantFrom(...'0123456789abcdef');
const digits = (count: number) => fc.string({ unit: HEX, minLength: count, maxLength: count });
const index = fc.maxSafeNat();

/** Any text at all, lone surrogates included, as a person may give it. */
const text = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 1, maxLength: 20 })
  .map((units) => String.fromCharCode(...units));

const ms = fc.oneof(
  fc.double({ min: 0, max: 1e4, noNaN: true }),
  fc.double({ min: 0, max: 2 ** 60, noNaN: true }),
  fc.maxSafeNat().map((whole) => whole / 1000),
);

const manifest: fc.Arbitrary<Manifest> = fc
  .record({
    ...{ owner: text, name: text, nonce: digits(32), program: digits(64), seed: index, ms },
    items: fc.option(fc.integer({ min: 1, max: 2 ** 31 })),
    count: fc.integer({ min: 1, max: 2 ** 31 }),
  })
  .map(({ owner, name, nonce, program, seed, ms: spent, items, count }) => ({
    ...{ limits: { timeoutMs: count, memoryBytes: null }, maxErrors: count, fresh: true },
    ...{ owner, nonce, name, priority: -3, publishedAt: 1.7e12, deadlineAt: null, root: null },
    ...{ sources: program, needs: { ...NO_NEEDS, tags: [nonce] }, perHour: count, logIf: name },
    spec: {
      ...{
        program,
        params: program,
        seed,
        contract: 1,
        mathClass: 'aa'.repeat(8),
        commandsOf: null,
      },
      items: items === null ? null : { root: program, count: items },
    },
    target:
      items === null ? { kind: 'accept', count, maxEvals: null } : { kind: 'map', count: items },
    probe: { candidates: 7, accepted: 2, ms: spent },
  }));

/** A value decoded by its form, or the reason for refusing it as a failure of the test. */
function decoded(bytes: Uint8Array): Manifest {
  const read = decode(bytes, 4096);
  if ('rejected' in read) throw new Error(read.rejected);
  const value = manifestForm(read.value);
  if (!('owner' in value)) throw new Error(`${value.path}: ${value.reason}`);
  return value;
}

/** A world in which every kind of message is sent and every kind of record written. */
function busy() {
  const program: WrittenProgram = {
    ...scattered(5, 5, 'all kinds of outcome'),
    deadly: [8],
    written: (at) => {
      if (at === 30) return { costMs: 1e9 };
      if (at % 11 === 3) return { outcome: { error: 'RangeError' } };
      return at % 7 === 5 ? { outcome: `${at}`.padStart(300, 'x') } : undefined;
    },
  };
  const mesh = new SmallMesh({ peers: 3, seed: 11, loss: 0.3 });
  const messages: Message[] = [];
  const records: { readonly body: Uint8Array }[] = [];
  const { world } = mesh;
  const carry = world.carry.bind(world);
  world.carry = (from, effect) => {
    messages.push(effect.message);
    carry(from, effect);
  };
  mesh.pass(500);
  const { id } = mesh.publish(mesh.peer(0), { program, accept: 25, probe: 6 });
  mesh.pass(1500);
  mesh.kill(mesh.peer(2));
  mesh.operate(mesh.peer(1), id, { kind: 'priority', priority: 2 });
  mesh.ask(mesh.peer(1), (request) => ({ kind: 'skip', request, job: id, index: 30 }));
  mesh.ask(mesh.peer(1), (request) => ({ kind: 'remove', request, peer: 'stranger' }));
  mesh.pass(500);
  mesh.start(mesh.peer(2));
  mesh.ask(mesh.peer(0), (request) => ({ kind: 'confirm', request, job: id }));
  mesh.ask(mesh.peer(0), () => ({ kind: 'fetch', hash: sha256('nobody has it') }));
  mesh.certificate(id);
  mesh.pass(20_000);
  // One peer sleeps while the others collect the job; then it is told of that.
  mesh.kill(mesh.peer(2));
  const wallMs = mesh.peer(0).wall + 8 * 24 * 3_600_000;
  records.push(...mesh.peers.flatMap((peer) => [...peer.disk.records.values()]));
  for (const k of [0, 1]) mesh.peer(k).dispatch({ kind: 'wall', wallMs });
  mesh.start(mesh.peer(2));
  mesh.pass(20_000);
  mesh.peer(0).dispatch({ kind: 'quit' });
  const apart = inTwoParts();
  apart.mesh.heal();
  apart.mesh.certificate(apart.id);
  apart.mesh.pass(5000);
  records.push(...apart.mesh.peers.flatMap((peer) => [...peer.disk.records.values()]));
  return { records, messages };
}

/** Groups with their bodies as digits, to be compared. */
function plain(groups: readonly RecordGroup[]): unknown {
  return groups.map(({ records, ...log }) => [
    log,
    records.map(([n, body]) => [n, bytesToHex(body)]),
  ]);
}

describe('what a small world sends and stores', () => {
  const { records, messages } = busy();

  test('is of every kind of message, each the same bytes after it was read', () => {
    for (const message of messages) {
      const bytes = encodeMessage(message);
      const read = decodeMessage(bytes, 'stream');
      if ('rejected' in read) throw new Error(`${message.kind}: ${read.rejected}`);
      expect(read.message.kind).toBe(message.kind);
      expect(Buffer.compare(encodeMessage(read.message), bytes)).toBe(0);
    }
    const sent = Object.fromEntries(messages.map(({ kind }) => [kind, true]));
    const every: Record<Message['kind'], true> = {
      ...{ heartbeat: true, announce: true, collected: true, digests: true, summary: true },
      ...{
        pull: true,
        records: true,
        ask: true,
        receipt: true,
        want: true,
        blob: true,
        none: true,
        quit: true,
      },
    };
    expect(sent).toEqual(every);
  });

  test('is of every kind of record, each the same bytes after it was read', () => {
    const written: Partial<Record<RecordBody['kind'], true>> = {};
    for (const { body } of records) {
      const read = decodeBody(body);
      if ('rejected' in read) throw new Error(read.rejected);
      expect(Buffer.compare(encodeBody(read.value), body)).toBe(0);
      written[read.value.kind] = true;
    }
    const every: Record<RecordBody['kind'], true> = {
      ...{ manifest: true, successor: true, op: true, certificate: true },
      ...{ segment: true, attempt: true, skip: true, removal: true, choice: true },
    };
    expect(written).toEqual(every);
  });
});

describe('records', () => {
  test('come through a message byte for byte, whatever they are and however grouped', () => {
    fc.assert(
      fc.property(recordSets.chain(deliveries), (delivery) => {
        for (const groups of delivery) {
          const bytes = encodeMessage({ kind: 'records', groups: [...groups] });
          const read = decodeMessage(bytes, 'stream');
          if (!('message' in read) || read.message.kind !== 'records') throw new Error('refused');
          expect(plain(read.message.groups)).toEqual(plain(groups));
          for (const [, body] of groups.flatMap(({ records }) => records)) {
            const value = decodeBody(body);
            if ('rejected' in value) throw new Error(value.rejected);
            expect(Buffer.compare(encodeBody(value.value), body)).toBe(0);
          }
        }
      }),
      { seed: 601, numRuns: 100 },
    );
  });
});

describe('a manifest', () => {
  test('of any texts and times names the same job and computation after it was read', () => {
    fc.assert(
      fc.property(manifest, (given) => {
        const bytes = encodeManifest(given);
        const read = decoded(bytes);
        expect(Buffer.compare(encodeManifest(read), bytes)).toBe(0);
        expect(computationId(read.spec, sha256)).toBe(computationId(given.spec, sha256));
        expect(decoded(encodeManifest(read))).toEqual(read);
      }),
      { seed: 602, numRuns: 2000 },
    );
  });

  test('that differs in anything is another job, in its spec another computation too', () => {
    fc.assert(
      fc.property(manifest, manifest, (a, b) => {
        const [first, second] = [a, b].map((given) => decoded(encodeManifest(given)));
        const mixed = { ...a, spec: { ...a.spec, seed: b.spec.seed } };
        expect(encodeManifest(a)).not.toEqual(encodeManifest(b));
        expect(first).not.toEqual(second);
        const same = computationId(mixed.spec, sha256) === computationId(a.spec, sha256);
        expect(same).toBe(a.spec.seed === b.spec.seed);
      }),
      { seed: 603, numRuns: 500 },
    );
  });
});

test('a time is encoded as whole microseconds, and the same ones after it was read', () => {
  fc.assert(
    fc.property(ms, (spent) => {
      const told = microseconds(spent);
      expect(Number.isSafeInteger(told)).toBe(true);
      expect(microseconds(told / 1000)).toBe(told);
      if (spent < 2 ** 33) expect(Math.abs(told / 1000 - spent)).toBeLessThan(0.001);
    }),
    { seed: 604, numRuns: 3000 },
  );
});

describe('what is signed', () => {
  const change: fc.Arbitrary<OpChange> = fc.oneof(
    fc.record({ kind: fc.constant('pause' as const), paused: fc.boolean() }),
    fc.record({ kind: fc.constant('priority' as const), priority: fc.integer({ min: 0, max: 1 }) }),
    fc.record({
      kind: fc.constant('cancel' as const),
      reason: fc.constantFrom('user' as const, 'deadline' as const),
      wait: fc.boolean(),
    }),
  );
  const job = fc.constantFrom('ab'.repeat(32), 'cd'.repeat(32));
  const number = fc.integer({ min: 1, max: 2 });
  const signed = fc.oneof(
    fc
      .tuple(job, number, change)
      .map(([of, at, changed]): [unknown, Uint8Array] => [
        ['op', of, at, changed],
        opPayload({ job: of, number: at, change: changed }),
      ]),
    fc
      .tuple(job, number)
      .map(([of, at]): [unknown, Uint8Array] => [['skip', of, at], skipPayload(of, at)]),
    fc
      .tuple(job, job)
      .map(([of, by]): [unknown, Uint8Array] => [['end', of, by], certificatePayload(of, by)]),
  );

  test('is the same bytes exactly when the same is said', () => {
    fc.assert(
      fc.property(signed, signed, ([a, bytesOfA], [b, bytesOfB]) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(Buffer.compare(bytesOfA, bytesOfB) === 0).toBe(same);
      }),
      { seed: 605, numRuns: 4000 },
    );
  });
});

describe('a local entry', () => {
  test('that rotted is passed over at the start', () => {
    const keys = fc.constantFrom('leases', `ended/${'ab'.repeat(32)}`, 'something else');
    const locals = fc.array(fc.tuple(keys, fc.uint8Array({ maxLength: 60 })), { maxLength: 4 });
    fc.assert(
      fc.property(locals, (entries) => {
        const reader = new Reader('reader');
        const read = { locals: new Map(entries) };
        reader.take({ kind: 'tombstones', ...read });
        reader.take({ kind: 'booted', blobs: [], known: false, ...read });
        expect(reader.state.jobs.size + reader.state.computations.size).toBe(0);
        expect(reader.state.tombstones.size).toBe(0);
      }),
      { seed: 606, numRuns: 500 },
    );
  });
});
