import { describe, expect, test } from 'vitest';
import { holdsAnswer } from '../../src/core/answer.ts';
import { type SmallJob, SmallMesh, type SmallOptions } from '../sim/small-mesh.ts';
import { sha256 } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';
import type { Observer } from '../sim/world/world.ts';

const JOB: SmallJob = { program: scattered(10), accept: 200 };

/** Publishes a job at the first peer, and takes its certificate and the world it ended in. */
function solve(options: SmallOptions, job: SmallJob = JOB) {
  const mesh = new SmallMesh(options);
  const { id, question } = mesh.publish(mesh.peer(0), job);
  const certificate = mesh.certificate(id);
  return { mesh, id, question, certificate, oracle: askOracle(question) };
}

function range(lo: number, hi: number): number[] {
  return Array.from({ length: hi - lo }, (_, k) => lo + k);
}

describe('one answer', () => {
  test.each([1, 2, 3, 8])("%i peers give the oracle's certificate", (peers) => {
    const { certificate, oracle } = solve({ peers });
    expect(certificate).toBe(oracle.certificate);
  });

  test('two slots, lossy gossip and slow ways change nothing', () => {
    for (const seed of [1, 2, 3]) {
      const world = { peers: 4, slots: 2, seed, loss: 0.3, delayMs: [50, 500] } as const;
      const { certificate, oracle } = solve(world);
      expect(certificate).toBe(oracle.certificate);
    }
  });

  test('every line and the end are those of the oracle', () => {
    const { mesh, id, oracle } = solve({ peers: 3 });
    const job = mesh.job(mesh.peer(0), id);
    if (job === undefined) throw new Error('the job is not known');
    // A certificate may come before the last segments.
    mesh.until('the outcomes', () => holdsAnswer(job));
    expect(job.ending).toMatchObject({ end: oracle.end, lines: 200 });
    const { answers } = job.computation;
    const lines = Array.from({ length: 200 }, (_, k) => answers.lineAt(k));
    expect(lines).toEqual(oracle.lines.map(([index]) => index));
  });

  test('a probe is part of the answer and is not evaluated again', () => {
    const { mesh, certificate, oracle } = solve({ peers: 2 }, { ...JOB, probe: 64 });
    expect(certificate).toBe(oracle.certificate);
    expect(Math.min(...mesh.evaluations().map(({ index }) => index))).toBe(64);
  });

  test('errors are outcomes of an accept job and no lines of it', () => {
    const failing = { ...scattered(10), errorsEvery: 4 };
    const { certificate, oracle } = solve({ peers: 3 }, { program: failing, accept: 100 });
    expect(certificate).toBe(oracle.certificate);
  });

  test('max-evals ends as partial, with a certificate', () => {
    const { mesh, id, certificate, oracle } = solve({ peers: 3 }, { ...JOB, maxEvals: 700 });
    expect(certificate).toBe(oracle.certificate);
    expect(oracle.lines.length).toBeLessThan(200);
    expect(oracle.end).toBe(700);
    for (const peer of mesh.peers) expect(mesh.job(peer, id)?.phase).toBe('partial');
    expect(Math.max(...mesh.evaluations().map(({ index }) => index))).toBe(699);
  });
});

describe('determinism', () => {
  test('the same inputs give the same effects', () => {
    const traces = [5, 5, 6].map((seed) => {
      let trace = '';
      const stepped: Observer['stepped'] = ({ id }, { kind }, effects) => {
        trace = sha256(trace + JSON.stringify([id, kind, effects]));
      };
      solve({ peers: 3, seed, loss: 0.1, observers: [{ stepped }] });
      return trace;
    });
    expect(traces[0]).toEqual(traces[1]);
    expect(traces[0]).not.toEqual(traces[2]);
  });

  test('the wall clock does not reach the answer, the jobs or the records', () => {
    const worlds = [1.7e12, 4.1e12].map((wallMs) => {
      const { mesh, id, certificate } = solve({ peers: 3, wallMs });
      // The incarnation is a time on the wall; a run is told by its nonce.
      const records = mesh.peers.map(({ disk }) =>
        [...disk.records.values()].map(({ scope, origin, start: { nonce }, n, body }) => {
          return [scope, origin, nonce, n, Buffer.from(body).toString('hex')];
        }),
      );
      return { id, certificate, records };
    });
    expect(worlds[0]).toEqual(worlds[1]);
  });
});

describe('what is known is not evaluated again', () => {
  test('1 000 → 2 000 evaluates nothing twice', () => {
    const { mesh, question } = solve({ peers: 3 }, { program: scattered(4, 1), accept: 1000 });
    mesh.pass(3000);
    const known = [...(mesh.peer(1).state?.computations.values() ?? [])].map((all) => all.coverage);
    const covered = new Set(
      known.flatMap((all) => all.toArray()).flatMap(([lo, hi]) => range(lo, hi)),
    );
    expect(covered.size).toBeGreaterThan(3000);
    const { now } = mesh;
    const more = mesh.publish(mesh.peer(1), { program: scattered(4, 1), accept: 2000 });
    expect(more.question.computation).toBe(question.computation);
    expect(mesh.certificate(more.id)).toBe(askOracle(more.question).certificate);
    const after = mesh.evaluations().filter(({ from }) => from >= now);
    expect(after.length).toBeGreaterThan(3000);
    expect(after.filter(({ index }) => covered.has(index))).toEqual([]);
  });

  test('the same publication again runs nothing and ends within one tick of the disk', () => {
    const { mesh, question } = solve({ peers: 3 });
    mesh.pass(1500);
    const seen = mesh.evaluations().length;
    const again = mesh.publish(mesh.peer(0), JOB);
    const known = mesh.job(mesh.peer(0), again.id);
    expect(known?.phase).toBe('done');
    expect(mesh.certificate(again.id)).toBe(askOracle(question).certificate);
    expect(known?.computation.ranFor(again.id)).toBe(0);
    expect(mesh.evaluations().length).toBe(seen);
  });

  test('two jobs on one computation share segments', () => {
    const mesh = new SmallMesh({ peers: 2 });
    const small = mesh.publish(mesh.peer(0), { ...JOB, accept: 100 });
    const large = mesh.publish(mesh.peer(1), { ...JOB, accept: 300 });
    expect(mesh.certificate(small.id)).toBe(askOracle(small.question).certificate);
    const answer = askOracle(large.question);
    expect(mesh.certificate(large.id)).toBe(answer.certificate);
    expect(mesh.evaluations().length).toBeLessThan(answer.end * 1.1);
  });

  test('cancelling one of them leaves the other its work', () => {
    const mesh = new SmallMesh({ peers: 2 });
    const small = mesh.publish(mesh.peer(0), { ...JOB, accept: 150 });
    const large = mesh.publish(mesh.peer(1), { ...JOB, accept: 300 });
    mesh.pass(800);
    mesh.operate(mesh.peer(0), large.id, { kind: 'cancel', reason: 'user', wait: false });
    expect(mesh.certificate(small.id)).toBe(askOracle(small.question).certificate);
  });
});
