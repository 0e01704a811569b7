import { describe, expect, test } from 'vitest';
import type { JobId } from '../../src/core/ids.ts';
import type { JobReport } from '../../src/node/mesh.ts';
import { jobReport, summaryOf } from '../../src/node/reports/reports.ts';
import { type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered, type Written, type WrittenProgram } from '../sim/world/program.ts';

const NOTHING = { params: null, failedCommands: 0 };

function failedOnAll(job: SmallJob): { mesh: SmallMesh; id: JobId } {
  const mesh = new SmallMesh({ peers: 3 });
  mesh.pass(500);
  const { id } = mesh.publish(mesh.peer(0), job);
  mesh.until('all know that it failed', () =>
    mesh.peers.every((peer) => mesh.job(peer, id)?.phase === 'failed'),
  );
  return { mesh, id };
}

function reportAt(mesh: SmallMesh, { state }: Machine, id: JobId): JobReport {
  const job = state?.jobs.get(id);
  if (state === null || job === undefined) throw new Error('no such job');
  return jobReport(state, job, mesh.now, NOTHING);
}

/** Throws at these indices; one in five of the others is accepted. */
function throwing(...indices: number[]): WrittenProgram {
  const thrown: Written = { outcome: { error: 'RangeError' } };
  return {
    ...scattered(5, 5, `throws at ${indices.join()}`),
    written: (index) => (indices.includes(index) ? thrown : undefined),
  };
}

describe('a job whose candidates all die', () => {
  const died: Written = { failure: 'died' };
  const program = { ...scattered(5, 5, 'always dies'), written: () => died };

  test('says how the first index failed', () => {
    const { mesh, id } = failedOnAll({ program, accept: 5 });
    for (const peer of mesh.peers) {
      expect(reportAt(mesh, peer, id).whyFailed).toMatch(/; the first: index 0, SIGSEGV$/);
    }
  });

  test('has its attempts as one group, which counts them and names the first candidates', () => {
    const { mesh, id } = failedOnAll({ program, accept: 5 });
    const { attemptGroups, attempts } = reportAt(mesh, mesh.peer(0), id);
    expect(attemptGroups).toHaveLength(1);
    const candidates = new Set(attempts.map(({ index }) => index)).size;
    expect(attemptGroups[0]).toEqual({
      ...{ kind: 'died', detail: 'SIGSEGV', count: attempts.length, candidates },
      indices: [...new Set(attempts.map(({ index }) => index))].sort((a, b) => a - b).slice(0, 5),
    });
    expect(candidates).toBeGreaterThan(2);
  });
});

test('the figures of a job with too many errors are those below the last of them, everywhere', () => {
  const program = throwing(20, 50, 90, 130, 170);
  const { mesh, id } = failedOnAll({ program, accept: 200, maxErrors: 2 });
  mesh.pass(15_000);
  const question = { program: throwing(), computation: '00'.repeat(32) };
  // What the function without errors accepts below index 91, but for those that throw.
  const accepted = [...Array(91).keys()].filter((index) => {
    const target = { kind: 'accept', count: 200, maxEvals: index } as const;
    const next = { kind: 'accept', count: 200, maxEvals: index + 1 } as const;
    if ([20, 50, 90].includes(index)) return false;
    return (
      askOracle({ ...question, target }).lines.length <
      askOracle({ ...question, target: next }).lines.length
    );
  }).length;
  const figures = { accepted, evaluated: 91 };
  for (const peer of mesh.peers) {
    const report = reportAt(mesh, peer, id);
    expect(report).toMatchObject({ ...figures, failed: 3, rate: accepted / 91 });
    expect(report.errors.map(({ index }) => index)).toEqual([20, 50, 90]);
    const job = mesh.job(peer, id);
    if (peer.state === null || job === undefined) throw new Error('no such job');
    const summary = summaryOf(peer.state, job, mesh.now, 0);
    expect(summary).toMatchObject({ ...figures, errors: 3, acceptanceRate: accepted / 91 });
  }
});

describe('a job with needs', () => {
  const needs = { cpus: 1, tags: ['gpu'], net: true, reads: ['/data'], writes: [] };
  const job = { program: scattered(5, 5, 'needy'), accept: 5, needs };

  function published(slots: number): JobReport {
    const mesh = new SmallMesh({ peers: 2, slots });
    mesh.pass(500);
    const { id } = mesh.publish(mesh.peer(0), job);
    mesh.until('it is known', () => mesh.job(mesh.peer(1), id) !== undefined);
    return reportAt(mesh, mesh.peer(1), id);
  }

  test('does not run where what it needs is not there or not granted, and each is said', () => {
    expect(published(1).notHere).toBe(
      'it needs tag gpu, which this machine does not have; and the network, /data to read, ' +
        'which this machine does not grant (meshd start --grant-net --grant-read /data does)',
    );
  });

  test('is given no such reason by a peer without slots, which only looks', () => {
    expect(published(0).notHere).toBeNull();
  });
});
