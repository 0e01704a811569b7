import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JobState } from '../../src/core/job-state.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { type ControlOp, LOST, type OpChange, type RecordBody } from '../../src/core/record.ts';
import { certificatePayload, encodeBody, opPayload } from '../../src/core/record-codec.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { type Machine, sha256, sign } from '../sim/world/machine.ts';
import { scattered } from '../sim/world/program.ts';

const AUTHORS = ['anna', 'bert', 'carl'] as const;

/** Records that others wrote, in the order in which they come here. */
type Placed = readonly [author: string, n: number, body: RecordBody];

/** A peer that knows one job of its own, and takes records of others in. */
function knowing(id: { job: string } = { job: '' }) {
  const mesh = new SmallMesh({ peers: 1 });
  const peer = mesh.peer(0);
  const published = mesh.publish(peer, { program: scattered(10, 1e6), accept: 5 });
  id.job = published.id;
  const job = mesh.job(peer, published.id);
  if (job === undefined) throw new Error('the job is not known');
  return { mesh, peer, job };
}

function take(peer: Machine, records: readonly Placed[], scope = 'control'): void {
  for (const [origin, n, body] of records) {
    const start = { incarnation: 1, nonce: '00'.repeat(8) };
    const group = { scope, origin, start, records: [[n, encodeBody(body)] as const] };
    peer.dispatch({
      kind: 'message',
      from: origin,
      message: { kind: 'announce', groups: [group] },
    });
  }
}

function op(author: string, job: string, number: number, change: OpChange): ControlOp {
  const signature = sign(author, opPayload({ job, number, change }));
  return { kind: 'op', job, number, change, signature };
}

function told(job: JobState): object {
  const { priority, paused, phase } = job;
  return { priority, paused, phase, cancelled: job.cancelled };
}

const change: fc.Arbitrary<OpChange> = fc.oneof(
  fc.record({ kind: fc.constant('pause' as const), paused: fc.boolean() }),
  fc.record({ kind: fc.constant('priority' as const), priority: fc.integer({ min: -3, max: 3 }) }),
);
const ops = fc.array(
  fc.tuple(fc.constantFrom(...AUTHORS), fc.integer({ min: 1, max: 4 }), change),
  { maxLength: 8 },
);

describe('control ops', () => {
  test('in any order and any number of times give the same state', () => {
    const orders = ops.chain((all) =>
      fc.tuple(
        fc.constant(all.map((each, n) => [each, n] as const)),
        fc.shuffledSubarray(
          all.map((each, n) => [each, n] as const),
          { minLength: all.length },
        ),
      ),
    );
    fc.assert(
      fc.property(orders, ([first, second]) => {
        const states = [first, [...second, ...second]].map((order) => {
          const { peer, job } = knowing();
          take(
            peer,
            order.map(([[author, number, each], n]) => [
              author,
              n,
              op(author, job.id, number, each),
            ]),
          );
          return told(job);
        });
        expect(states[0]).toEqual(states[1]);
      }),
      { numRuns: 60 },
    );
  });

  test('the highest number wins, whenever it comes', () => {
    const { peer, job } = knowing();
    const at = (number: number, priority: number, n: number): Placed => {
      return ['anna', n, op('anna', job.id, number, { kind: 'priority', priority })];
    };
    take(peer, [at(2, 5, 0)]);
    expect(job.priority).toBe(5);
    take(peer, [at(1, 7, 1)]);
    expect(job.priority).toBe(5);
    take(peer, [at(3, -2, 2)]);
    expect(job.priority).toBe(-2);
  });

  test('ties are settled by the hash of the record, the same way everywhere', () => {
    const words = [true, false].map((paused, k) => ({ paused, author: AUTHORS[k] ?? '' }));
    const results = [words, words.toReversed()].map((order) => {
      const { peer, job } = knowing();
      const placed = order.map(({ paused, author }, n): Placed => {
        return [author, n, op(author, job.id, 1, { kind: 'pause', paused })];
      });
      take(peer, placed);
      const hashes = placed.map(([, , body]) => sha256(encodeBody(body)));
      expect(job.ops.get('pause')?.hash).toBe(hashes.sort().at(-1));
      return job.paused;
    });
    expect(results[0]).toBe(results[1]);
  });

  test('pause, priority and cancel are three registers that do not touch one another', () => {
    const { peer, job } = knowing();
    take(peer, [
      ['anna', 0, op('anna', job.id, 9, { kind: 'priority', priority: 4 })],
      ['bert', 0, op('bert', job.id, 1, { kind: 'pause', paused: true })],
    ]);
    expect(told(job)).toMatchObject({ priority: 4, paused: true, phase: 'paused' });
    take(peer, [
      ['carl', 0, op('carl', job.id, 1, { kind: 'cancel', reason: 'user', wait: false })],
    ]);
    expect(told(job)).toMatchObject({ priority: 4, phase: 'cancelled' });
  });

  test('an op that its author did not sign changes nothing', () => {
    const { peer, job } = knowing();
    const forged = op('anna', job.id, 9, { kind: 'cancel', reason: 'user', wait: false });
    take(peer, [['bert', 0, forged]]);
    const altered = { ...op('anna', job.id, 1, { kind: 'pause', paused: true }), number: 7 };
    take(peer, [['anna', 1, altered]]);
    expect(told(job)).toMatchObject({ paused: false, cancelled: null });
  });

  test('an op that comes before its job waits for it', () => {
    const id = { job: '' };
    knowing(id);
    const mesh = new SmallMesh({ peers: 1 });
    take(mesh.peer(0), [['anna', 0, op('anna', id.job, 1, { kind: 'pause', paused: true })]]);
    const { id: same } = mesh.publish(mesh.peer(0), { program: scattered(10, 1e6), accept: 5 });
    expect(same).toBe(id.job);
    expect(mesh.job(mesh.peer(0), same)?.paused).toBe(true);
  });

  test('a second certificate that differs is an alarm and changes nothing', () => {
    const { peer, job } = knowing();
    const of = (author: string, certificate: string): RecordBody => {
      const signature = sign(author, certificatePayload(job.id, certificate));
      return { kind: 'certificate', job: job.id, certificate, end: 50, lines: 5, signature };
    };
    take(peer, [['anna', 0, of('anna', '11'.repeat(32))]]);
    take(peer, [['bert', 0, of('bert', '22'.repeat(32))]]);
    take(peer, [['carl', 0, of('carl', '11'.repeat(32))]]);
    take(peer, [['carl', 1, of('anna', '33'.repeat(32))]]);
    expect(job.ending?.certificate).toBe('11'.repeat(32));
    expect(job.alarms).toHaveLength(1);
    expect(job.alarms[0]).toContain('bert');
  });
});

describe('records of a computation', () => {
  test('that come twice count once', () => {
    const { peer, job } = knowing();
    const { computation } = job;
    const segment: RecordBody = {
      ...{ kind: 'segment', job: job.id, lo: 0, hi: 4, ms: 1, fresh: false },
      ...{ accepted: [], errors: [] },
    };
    const died: RecordBody = {
      kind: 'attempt',
      job: job.id,
      lo: 7,
      hi: 8,
      limits: NO_LIMITS,
      failure: 'died',
      detail: '',
    };
    for (let k = 0; k < 3; k++) {
      take(peer, [['anna', 0, segment]], computation.id);
      take(peer, [['anna', 1, died]], computation.id);
    }
    expect(computation.candidates).toBe(4);
    expect(computation.ranFor(job.id)).toBe(4);
    expect(computation.attempts.get(7)).toHaveLength(1);
    take(peer, [['anna', 2, died]], computation.id);
    expect(computation.attempts.get(7)).toHaveLength(2);
  });

  test('that come before their job are taken in with it', () => {
    const { job } = knowing();
    const mesh = new SmallMesh({ peers: 1 });
    const lost: RecordBody = {
      kind: 'attempt',
      job: job.id,
      lo: 5,
      hi: 9,
      limits: NO_LIMITS,
      failure: LOST,
      detail: '',
    };
    take(mesh.peer(0), [['anna', 0, lost]], job.computation.id);
    mesh.publish(mesh.peer(0), { program: scattered(10, 1e6), accept: 5 });
    expect(mesh.job(mesh.peer(0), job.id)?.computation.losses).toHaveLength(1);
  });

  test('in the wrong scope are refused', () => {
    const { mesh, peer, job } = knowing();
    const paused = op('anna', job.id, 1, { kind: 'pause', paused: true });
    take(peer, [['anna', 0, paused]], job.computation.id);
    expect(job.paused).toBe(false);
    const died: RecordBody = {
      kind: 'attempt',
      job: job.id,
      lo: 7,
      hi: 8,
      limits: NO_LIMITS,
      failure: 'died',
      detail: '',
    };
    take(peer, [['anna', 0, died]]);
    expect(job.computation.attempts.size).toBe(0);
    expect(mesh.transcript.filter((line) => line.includes('record.refused'))).toHaveLength(2);
  });
});
