import { describe, expect, test } from 'vitest';
import { finalLines, lineAt } from '../../src/core/answer.ts';
import type { JobId } from '../../src/core/ids.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { lieAbout, type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import {
  type Program,
  scattered,
  type Written,
  type WrittenProgram,
} from '../sim/world/program.ts';

/** Dies at these indices. */
function dying(...deadly: number[]): Program {
  return { ...scattered(5, 5, `dies at ${deadly.join()}`), deadly };
}

function published(job: SmallJob, peers = 3) {
  const mesh = new SmallMesh({ peers });
  mesh.pass(500);
  return { mesh, ...mesh.publish(mesh.peer(0), job) };
}

function attempts(mesh: SmallMesh, peer: Machine, id: JobId, index: number): string[] {
  const all = mesh.job(peer, id)?.computation.attempts.get(index) ?? [];
  return all.map((attempt) => attempt.peer);
}

test('a function that dies at every index fails the job instead of trying for ever', () => {
  const died: Written = { failure: 'died' };
  const program = { ...scattered(5, 5, 'always dies'), written: () => died };
  const { mesh, id } = published({ program, accept: 5 });
  mesh.until('all know that it failed', () =>
    mesh.peers.every((peer) => mesh.job(peer, id)?.phase === 'failed'),
  );
  mesh.until('nobody works', () => mesh.peers.every((peer) => peer.executors.busy === 0));
});

describe('an index that dies', () => {
  test.each([1, 3])(
    'three times is stuck, and the owner publishes the successor (%i peers)',
    (peers) => {
      const { mesh, id, question } = published({ program: dying(40, 77), accept: 60 }, peers);
      const oracle = askOracle(question, [40, 77]);
      expect(mesh.certificate(id)).toBe(oracle.certificate);
      for (const peer of mesh.peers) {
        const job = mesh.job(peer, id);
        expect(job?.certificate).toBeNull();
        expect(job?.skipped).toEqual([40, 77]);
        expect(job?.ending).toMatchObject({ end: oracle.end, lines: 60 });
        expect(job?.phase).toBe('done');
      }
      mesh.pass(15_000);
      const tried = attempts(mesh, mesh.peer(0), id, 40);
      expect(tried).toHaveLength(3);
      expect(new Set(tried).size).toBe(Math.min(peers, 3));
      for (const peer of mesh.peers) expect(mesh.job(peer, id)?.alarms).toEqual([]);
    },
  );

  // Of twelve, which tell claims later, two may begin the third try at once.
  test.each([
    [4, 3],
    [6, 3],
    [8, 3],
    [12, 4],
  ])('is tried three times, however many look at it (%i, %i at most)', (peers, most) => {
    const { mesh, id, question } = published({ program: dying(40, 77, 93), accept: 60 }, peers);
    expect(mesh.certificate(id)).toBe(askOracle(question, [40, 77, 93]).certificate);
    mesh.pass(15_000);
    for (const index of [40, 77, 93]) {
      const tried = attempts(mesh, mesh.peer(0), id, index).length;
      expect(tried).toBeGreaterThanOrEqual(3);
      expect(tried).toBeLessThanOrEqual(most);
    }
  });

  test('on some machines only has an outcome by another one', () => {
    const mesh = new SmallMesh({ peers: 3 });
    const fragile = mesh.peer(1);
    fragile.alters = (program) => ({ ...program, deadly: [60, 61, 110] });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), { program: scattered(5), accept: 60 });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    expect(attempts(mesh, mesh.peer(0), id, 60)).toEqual([fragile.id]);
    expect(mesh.job(mesh.peer(0), id)?.successor).toBeNull();
  });

  test('and is mastered for another job holds the lines back until the end all the same', () => {
    const mesh = new SmallMesh({ peers: 3 });
    for (const peer of mesh.peers) peer.alters = (program) => ({ ...program, deadly: [7] });
    mesh.pass(500);
    const limits = { ...NO_LIMITS, memoryBytes: 1e9 };
    const job = { program: scattered(5), accept: 3000 };
    const { id, question } = mesh.publish(mesh.peer(0), { ...job, limits });
    const seen = (peer: Machine) => mesh.job(peer, id);
    mesh.until('stuck to all', () => mesh.peers.every((peer) => seen(peer)?.phase === 'stuck'));
    for (const peer of mesh.peers) peer.alters = (program) => program;
    mesh.publish(mesh.peer(1), { ...job, accept: 10 });
    mesh.until('mastered, known to all', () =>
      mesh.peers.every((peer) => seen(peer)?.computation.coverage.has(7) === true),
    );
    for (const peer of mesh.peers) {
      const state = seen(peer);
      expect(state?.ending).toBeNull();
      expect(state?.computation.coverage.firstGap(0)).toBeGreaterThan(7);
      expect(state && lineAt(state, finalLines(state) - 1)?.index).toBeLessThan(7);
    }
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('beyond the answer changes nothing', () => {
    const { mesh, id, question } = published({ program: dying(400, 401), accept: 20 });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('costs nothing but itself: all around it is evaluated once', () => {
    const { mesh, id } = published({ program: dying(40), accept: 60 }, 1);
    mesh.certificate(id);
    const times = new Map<number, number>();
    for (const { index } of mesh.evaluations()) times.set(index, (times.get(index) ?? 0) + 1);
    expect([...times].filter(([, count]) => count > 1)).toEqual([[40, 3]]);
  });

  test('leaves the job stuck while its owner is away, and the owner ends it when it returns', () => {
    const { mesh, id, question } = published({ program: dying(3), accept: 60 });
    mesh.until('word of it', () => mesh.peers.every((peer) => mesh.job(peer, id) !== undefined));
    mesh.pass(500);
    mesh.kill(mesh.peer(0));
    mesh.pass(30_000);
    expect(mesh.job(mesh.peer(1), id)?.phase).toBe('stuck');
    expect(mesh.job(mesh.peer(1), id)?.stuckBelow(1000)).toEqual([3]);
    mesh.start(mesh.peer(0));
    expect(mesh.certificate(id)).toBe(askOracle(question, [3]).certificate);
  });
});

describe('limits', () => {
  const SECOND = { timeoutMs: 1000, memoryBytes: null };
  const slow: Program = { ...scattered(5, 5, 'slow at 40'), limit: [40], longMs: 1500 };

  test('a higher limit tries again what failed at a lower one, and the same does not', () => {
    const { mesh, id, question } = published({ program: slow, accept: 60, limits: SECOND });
    const without = askOracle(question, [40]).certificate;
    expect(mesh.certificate(id)).toBe(without);
    expect(attempts(mesh, mesh.peer(0), id, 40)).toHaveLength(3);
    const same = mesh.publish(mesh.peer(0), { program: slow, accept: 60, limits: SECOND });
    expect(mesh.certificate(same.id)).toBe(without);
    const less = { timeoutMs: 500, memoryBytes: 2 ** 28 };
    const lower = mesh.publish(mesh.peer(0), { program: slow, accept: 60, limits: less });
    expect(mesh.certificate(lower.id)).toBe(without);
    expect(attempts(mesh, mesh.peer(0), id, 40)).toHaveLength(3);
    for (const limits of [{ timeoutMs: 2000, memoryBytes: null }, NO_LIMITS]) {
      const higher = mesh.publish(mesh.peer(1), { program: slow, accept: 60, limits });
      expect(mesh.certificate(higher.id)).toBe(askOracle(question).certificate);
    }
    expect(attempts(mesh, mesh.peer(0), id, 40)).toHaveLength(3);
    expect(mesh.job(mesh.peer(0), id)?.skipped).toEqual([40]);
  });

  test('jobs with other limits run beside one another and share what they come to', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const endless: WrittenProgram = {
      ...scattered(5, 5, 'endless at 40'),
      written: (index) => (index === 40 ? { costMs: 1e9 } : undefined),
    };
    const first = mesh.publish(mesh.peer(0), { program: endless, accept: 60 });
    mesh.pass(8000);
    expect(mesh.job(mesh.peer(0), first.id)?.computation.coverage.firstGap(0)).toBe(40);
    // The lease on that block stands for ever, and two copies: who allows a second waits for none.
    const second = mesh.publish(mesh.peer(1), { program: endless, accept: 60, limits: SECOND });
    const from = mesh.now;
    expect(mesh.certificate(second.id)).toBe(askOracle(second.question, [40]).certificate);
    expect(mesh.now - from).toBeLessThan(30_000);
    const below = mesh.evaluations().filter(({ index }) => index !== 40 && index < 200);
    const twice = below.length - new Set(below.map(({ index }) => index)).size;
    // But for a block that two peers claimed before they heard of one another.
    expect(twice).toBeLessThan(10);
    expect(mesh.job(mesh.peer(0), first.id)?.phase).toBe('running');
  });

  test('of fast and slow machines the fast ones give the one answer', () => {
    const mesh = new SmallMesh({ peers: 3, slowness: [4, 1, 4] });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), {
      ...{ program: { ...slow, longMs: 800 }, accept: 60, limits: SECOND },
    });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    expect(mesh.job(mesh.peer(0), id)?.successor).toBeNull();
  });
});

describe('skip', () => {
  const slow: WrittenProgram = {
    ...scattered(5, 5, 'hangs at 30'),
    written: (index) => (index === 30 ? { costMs: 1e9 } : undefined),
  };

  test('an index skipped by hand ends in a successor, with and without the owner', () => {
    for (const ownerLives of [true, false]) {
      const { mesh, id, question } = published({ program: slow, accept: 60 });
      mesh.pass(8000);
      expect(mesh.job(mesh.peer(1), id)?.phase).toBe('running');
      if (!ownerLives) mesh.kill(mesh.peer(0));
      mesh.ask(mesh.peer(1), (request) => ({ kind: 'skip', request, job: id, index: 30 }));
      const oracle = askOracle(question, [30]);
      expect(mesh.certificate(id)).toBe(oracle.certificate);
      mesh.pass(7000);
      for (const peer of mesh.peers) expect(peer.executors.executions()).toEqual([]);
      if (ownerLives) continue;
      // The successor's records may come to the owner before those of the job.
      mesh.start(mesh.peer(0));
      expect(mesh.certificate(id)).toBe(oracle.certificate);
    }
  });

  test('a successor heard of before its job is known when the job is', () => {
    const { mesh, id, question } = published({ program: slow, accept: 60 });
    mesh.pass(8000);
    mesh.ask(mesh.peer(1), (request) => ({ kind: 'skip', request, job: id, index: 30 }));
    mesh.certificate(id);
    mesh.pass(2000);
    const disk = [...mesh.peer(1).disk.records.values()].filter(({ scope }) => scope === 'control');
    expect(disk.length).toBeGreaterThanOrEqual(3);
    for (const records of [disk, disk.toReversed()]) {
      const other = new SmallMesh({ peers: 1 });
      for (const { scope, origin, start, n, body } of records) {
        const group = { scope, origin, start, records: [[n, body]] as const };
        const message = { kind: 'records', groups: [group] } as const;
        other.peer(0).dispatch({
          ...{ kind: 'message', from: 'somebody' },
          message: { ...message, groups: [...message.groups] },
        });
      }
      const job = other.job(other.peer(0), id);
      expect(job?.ending?.certificate).toBe(askOracle(question, [30]).certificate);
    }
  });
});

describe('disputes', () => {
  test('a liar is outvoted by two fresh evaluations', () => {
    const mesh = new SmallMesh({ peers: 4 });
    // Both evaluate index 9: the probe tells the lie, a block of another peer the truth.
    lieAbout(9, mesh.peer(2));
    mesh.pass(500);
    const program = scattered(5);
    const first = mesh.publish(mesh.peer(0), { program, accept: 20, probe: 12 });
    const second = mesh.publish(mesh.peer(2), { program, accept: 40, probe: 12 });
    const oracle = askOracle(second.question);
    mesh.until(
      'a dispute',
      () => mesh.job(mesh.peer(3), first.id)?.computation.disputes.size === 1,
    );
    expect(mesh.certificate(second.id)).toBe(oracle.certificate);
    expect(mesh.job(mesh.peer(3), second.id)?.computation.openDisputes()).toEqual([]);
  });

  test('a function that gives another outcome each time ends as impure', () => {
    let calls = 0;
    const impure: WrittenProgram = {
      ...scattered(5, 5, 'impure at 9'),
      written: (index) => (index === 9 ? { outcome: 1000 + calls++ } : undefined),
    };
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const { id } = mesh.publish(mesh.peer(0), { program: impure, accept: 400, probe: 12 });
    mesh.publish(mesh.peer(1), { program: impure, accept: 400, probe: 12 });
    const ended = (): boolean =>
      mesh.peers.every(
        (peer) => mesh.job(peer, id)?.phase === 'impure' && peer.executors.busy === 0,
      );
    mesh.until('impure', ended);
    expect(mesh.job(mesh.peer(2), id)?.computation.impureAt).toBe(9);
    expect(mesh.job(mesh.peer(2), id)?.ending).toBeNull();
  });
});
