import fc from 'fast-check';
import type { JobId } from '../../../src/core/ids.ts';
import {
  computationId,
  encodeManifest,
  type Manifest,
  successorId,
} from '../../../src/core/manifest.ts';
import type { OpChange, RecordBody } from '../../../src/core/record.ts';
import {
  certificatePayload,
  encodeBody,
  opPayload,
  skipPayload,
} from '../../../src/core/record-codec.ts';
import { sha256, sign } from '../../sim/world/machine.ts';
import { PLAIN_TERMS } from '../plain-terms.ts';
import type { Parcel } from './deliveries.ts';
import { agreeing, attempt, disagreeing, placed } from './work-records.ts';

const AUTHORS = ['anna', 'bert', 'carl', 'dora'] as const;

/** A job that none of the records below can complete. */
function manifestOf(name: string, seed: number): Manifest {
  return {
    ...{ owner: 'anna', nonce: sha256(name).slice(0, 32), name },
    spec: {
      ...{ program: sha256('program'), params: sha256('null'), seed, items: null, contract: 1 },
      ...{ mathClass: 'aa'.repeat(8), commandsOf: null },
    },
    target: { kind: 'accept', count: 1000, maxEvals: null },
    ...PLAIN_TERMS,
    probe: { candidates: 0, accepted: 0, ms: 0 },
  };
}

const MANIFESTS = [manifestOf('one', 1), manifestOf('two', 1), manifestOf('three', 3)] as const;
const [ONE, TWO, THREE] = MANIFESTS.map((manifest) => sha256(encodeManifest(manifest))) as [
  JobId,
  JobId,
  JobId,
];

/** What the first two jobs ask of, and what the third one does. */
const SCOPES = [MANIFESTS[0], MANIFESTS[2]].map(({ spec }) => computationId(spec, sha256)) as [
  string,
  string,
];

/** Another job that nobody publishes: what is said of it waits for ever. */
const UNKNOWN = sha256('never published');

type Author = (typeof AUTHORS)[number];

const change: fc.Arbitrary<OpChange> = fc.oneof(
  fc.record({ kind: fc.constant('pause' as const), paused: fc.boolean() }),
  fc.record({ kind: fc.constant('priority' as const), priority: fc.integer({ min: -3, max: 3 }) }),
  fc.record({
    kind: fc.constant('cancel' as const),
    reason: fc.constantFrom('user' as const, 'deadline' as const),
    wait: fc.boolean(),
  }),
);

/** Ops of all authors on all jobs; one in eight is signed by somebody else. */
const op = fc
  .tuple(
    fc.constantFrom(...AUTHORS),
    fc.constantFrom(ONE, TWO, THREE, UNKNOWN),
    fc.integer({ min: 1, max: 4 }),
    change,
    fc.nat(7),
  )
  .map(([author, job, number, changed, luck]): [Author, RecordBody] => {
    const payload = opPayload({ job, number, change: changed });
    const signature = sign(luck === 0 ? 'mallory' : author, payload);
    return [author, { kind: 'op', job, number, change: changed, signature }];
  });

function certified(author: Author, job: JobId): [Author, RecordBody] {
  const certificate = sha256(`answer of ${job}`);
  const signature = sign(author, certificatePayload(job, certificate));
  return [author, { kind: 'certificate', job, certificate, end: 12, lines: 4, signature }];
}

/** How the third job ends: not at all, by its own certificate, or by a successor's. */
const ending = fc
  .tuple(fc.constantFrom('none', 'own', 'successor'), fc.subarray([...AUTHORS], { minLength: 1 }))
  .map(([how, authors]): [Author, RecordBody][] => {
    if (how === 'none') return [];
    if (how === 'own') return authors.map((author) => certified(author, THREE));
    // Which one clients follow depends on what came first where an outcome of these is known.
    const stuck = [60, 61];
    const id = successorId(THREE, stuck, sha256);
    return authors.flatMap((author): [Author, RecordBody][] => [
      [author, { kind: 'successor', predecessor: THREE, stuck }],
      certified(author, id),
    ]);
  });

const skip = fc
  .tuple(fc.constantFrom(...AUTHORS), fc.constantFrom(ONE, TWO, UNKNOWN), fc.nat(20), fc.nat(7))
  .map(([author, job, index, luck]): [Author, RecordBody] => {
    const signature = sign(luck === 0 ? 'mallory' : author, skipPayload(job, index));
    return [author, { kind: 'skip', job, index, signature }];
  });

const control = fc.tuple(fc.array(op, { maxLength: 9 }), ending).map(([ops, end]) => {
  const manifests = MANIFESTS.map((manifest): [Author, RecordBody] => {
    const signature = sign(manifest.owner, encodeManifest(manifest));
    return ['anna', { kind: 'manifest', manifest, signature }];
  });
  return logged('control', [...manifests, ...ops, ...end]);
});

/** Appends each body to its author's log, as the author would. */
function logged(scope: string, bodies: readonly [Author, RecordBody][]): Parcel[] {
  const next = new Map<Author, number>();
  return bodies.map(([origin, body]) => {
    const n = next.get(origin) ?? 0;
    next.set(origin, n + 1);
    const start = { incarnation: 3, nonce: '33'.repeat(8) };
    return { key: { scope, origin, start, n }, body: encodeBody(body) };
  });
}

function encoded(scope: string, bodies: readonly RecordBody[]): Parcel[] {
  return placed(scope, bodies).map(([key, body]) => ({ key, body: encodeBody(body) }));
}

const disputed = fc.tuple(
  fc.array(fc.oneof(disagreeing([ONE, TWO]), attempt), { maxLength: 12 }),
  fc.array(skip, { maxLength: 3 }),
);

/**
 * Records of three jobs, two of them over one computation: control records of every kind, segments
 * that agree and that do not, attempts, skips, some forged. What is disputed is not certified.
 */
export const recordSets: fc.Arbitrary<Parcel[]> = fc
  .tuple(control, disputed, fc.array(agreeing([THREE]), { maxLength: 6 }))
  .map(([ops, [work, skips], agreed]) => [
    ...ops,
    ...encoded(SCOPES[0], work),
    ...logged(SCOPES[0], skips),
    ...encoded(SCOPES[1], agreed),
  ]);
