import { describe, expect, test } from 'vitest';
import { decode, encode } from '../../src/core/codec.ts';
import { type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const JOB: SmallJob = { program: scattered(10), accept: 400 };

/** A mesh of three at work on a job. */
function working(options: { peers?: number; seed?: number; loss?: number } = {}) {
  const mesh = new SmallMesh({ peers: 3, ...options });
  mesh.pass(500);
  const { id, question } = mesh.publish(mesh.peer(0), JOB);
  mesh.pass(1500);
  for (const peer of mesh.peers) expect(peer.executors.busy).toBeGreaterThan(0);
  return { mesh, id, oracle: askOracle(question) };
}

describe('death', () => {
  test("a killed peer's blocks are taken over within two seconds", () => {
    const { mesh, id, oracle } = working();
    const victim = mesh.peer(2);
    const [held] = victim.executors.executions();
    if (held === undefined) throw new Error('the victim holds nothing');
    mesh.kill(victim);
    const first = mesh.until('take-over', () =>
      mesh.peers.some((peer) =>
        peer.executors.executions().some(({ lo, hi }) => lo < held.hi && hi > held.lo),
      ),
    );
    expect(first - 2000).toBeLessThan(2000);
    expect(mesh.certificate(id)).toBe(oracle.certificate);
  });

  test('a silent peer loses its blocks after seven seconds', () => {
    const { mesh, id, oracle } = working();
    mesh.partition([mesh.peer(2)]);
    const from = mesh.now;
    const others = [mesh.peer(0), mesh.peer(1)];
    const ended = (): boolean => others.every((peer) => mesh.job(peer, id)?.phase === 'done');
    mesh.until('end without the silent peer', ended);
    expect(mesh.now - from).toBeLessThan(25_000);
    expect(mesh.job(mesh.peer(0), id)?.ending?.certificate).toBe(oracle.certificate);
  });

  test('the job goes on without its publisher, and the publisher finds the answer', () => {
    const { mesh, id, oracle } = working();
    const publisher = mesh.peer(0);
    mesh.kill(publisher);
    expect(mesh.certificate(id)).toBe(oracle.certificate);
    mesh.start(publisher);
    expect(mesh.certificate(id)).toBe(oracle.certificate);
    mesh.until('the outcomes', () => mesh.job(publisher, id)?.checked === true);
    expect(mesh.job(publisher, id)?.alarms).toEqual([]);
  });

  test('all peers stopped and restarted from their disks go on', () => {
    for (const seed of [1, 2, 3]) {
      const { mesh, id, oracle } = working({ seed });
      const done = mesh.job(mesh.peer(0), id)?.computation.coverage.count() ?? 0;
      const before = mesh.evaluations().length;
      for (const peer of mesh.peers) mesh.kill(peer);
      mesh.pass(5000);
      for (const k of [2, 0, 1]) mesh.start(mesh.peer(k));
      expect(mesh.certificate(id)).toBe(oracle.certificate);
      expect(done).toBeGreaterThan(300);
      // What lay on some disk is not done again: at most the last second and what was under way.
      const after = mesh.evaluations().length - before;
      expect(after).toBeLessThan(oracle.end * 1.1 - done + 3 * 400);
    }
  });

  test('a peer added in the middle takes a share', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.kill(mesh.peer(2));
    const { id, question } = mesh.publish(mesh.peer(0), JOB);
    mesh.pass(2000);
    mesh.start(mesh.peer(2));
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    const { id: late } = mesh.peer(2);
    const share = mesh.evaluations().filter(({ peer }) => peer === late);
    expect(share.length).toBeGreaterThan(200);
  });

  test('one peer after the other is killed and restarted, and the answer stays', () => {
    const { mesh, id, oracle } = working({ peers: 4, loss: 0.1 });
    for (let k = 0; k < 8; k++) {
      const peer = mesh.peer(k % 4);
      mesh.kill(peer);
      mesh.pass(700);
      mesh.start(peer);
      mesh.pass(300);
    }
    expect(mesh.certificate(id)).toBe(oracle.certificate);
  });
});

describe('silence', () => {
  test('a partition heals to one certificate', () => {
    const { mesh, id, oracle } = working({ peers: 5 });
    const [a, b, ...rest] = mesh.peers;
    if (a === undefined || b === undefined) throw new Error('too few peers');
    mesh.partition([a, b], rest);
    mesh.pass(1000);
    expect(mesh.certificate(id)).toBe(oracle.certificate);
    mesh.heal();
    mesh.pass(30_000);
    expect(mesh.certificate(id)).toBe(oracle.certificate);
    for (const peer of mesh.peers) expect(mesh.job(peer, id)?.alarms).toEqual([]);
  });

  test('both halves of a partition go on, and their work is merged', () => {
    const mesh = new SmallMesh({ peers: 2 });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), { ...JOB, accept: 600 });
    mesh.pass(1000);
    mesh.partition([mesh.peer(0)], [mesh.peer(1)]);
    mesh.pass(9000);
    const known = mesh.peers.map((peer) => mesh.job(peer, id)?.computation.coverage.count() ?? 0);
    for (const count of known) expect(count).toBeGreaterThan(1000);
    mesh.heal();
    mesh.pass(3000);
    const merged = mesh.job(mesh.peer(0), id)?.computation.coverage.count() ?? 0;
    expect(merged).toBeGreaterThan(Math.max(...known) * 1.2);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('lost heartbeats do not pin a block', () => {
    const { mesh, id, oracle } = working();
    mesh.network.weather = { ...mesh.network.weather, loss: 1 };
    mesh.pass(2000);
    mesh.kill(mesh.peer(2));
    const others = [mesh.peer(0), mesh.peer(1)];
    mesh.until('end', () => others.every((peer) => mesh.job(peer, id)?.ending != null), 60_000);
    expect(mesh.job(mesh.peer(1), id)?.ending?.certificate).toBe(oracle.certificate);
  });

  test('with two of three gossip messages lost, the streams carry what is missing', () => {
    const mesh = new SmallMesh({ peers: 3, loss: 0.67 });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), JOB);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });
});

describe('an interval found at a start', () => {
  test('is every one that was under way: a lease is on disk before its executor starts', () => {
    const leases = (peer: Machine): string => {
      const bytes = peer.disk.locals.get('leases');
      const decoded = decode(bytes ?? encode([]), 65_536);
      if ('rejected' in decoded) throw new Error(decoded.rejected);
      return (decoded.value as [Uint8Array, Uint8Array, number, number][])
        .map(([, , lo, hi]) => `${lo}–${hi}`)
        .join();
    };
    const mesh = new SmallMesh({ peers: 2, slots: 2 });
    mesh.pass(500);
    const { id } = mesh.publish(mesh.peer(0), JOB);
    let seen = 0;
    const check = (): boolean => {
      for (const peer of mesh.peers) {
        for (const { lo, hi } of peer.executors.executions()) {
          expect(leases(peer)).toContain(`${lo}–${hi}`);
          seen++;
        }
      }
      return mesh.job(mesh.peer(0), id)?.ending != null;
    };
    mesh.until('the end', check);
    expect(seen).toBeGreaterThan(1000);
  });

  test('is told as lost, is done again, and never counts towards a skip', () => {
    const mesh = new SmallMesh({ peers: 1 });
    const { id, question } = mesh.publish(mesh.peer(0), JOB);
    for (let k = 0; k < 4; k++) {
      mesh.pass(1200);
      mesh.kill(mesh.peer(0));
      mesh.start(mesh.peer(0));
    }
    const losses = mesh.job(mesh.peer(0), id)?.computation.losses ?? [];
    expect(losses.length).toBeGreaterThanOrEqual(4);
    expect(mesh.certificate(id, 900_000)).toBe(askOracle(question).certificate);
    expect(mesh.job(mesh.peer(0), id)?.successor).toBeNull();
  });

  test.each([
    { times: 2, least: 0, most: 40_000 },
    { times: 3, least: 60_000, most: 90_000 },
  ])('lost $times times, is at its end after $least to $most ms more', ({ times, least, most }) => {
    const mesh = new SmallMesh({ peers: 1 });
    const [peer] = mesh.peers;
    if (peer === undefined) throw new Error('no peer');
    const { id, question } = mesh.publish(peer, JOB);
    const lossesOver = ({ lo, hi }: { lo: number; hi: number }): number => {
      const { losses = [] } = mesh.job(peer, id)?.computation ?? {};
      return losses.filter((loss) => loss.lo < hi && loss.hi > lo).length;
    };
    mesh.pass(1200);
    for (let known = 0; known < times; known++) {
      mesh.until(`what was lost ${known} times runs`, () =>
        peer.executors.executions().some((execution) => lossesOver(execution) === known),
      );
      mesh.kill(peer);
      mesh.start(peer);
    }
    const from = mesh.now;
    expect(mesh.certificate(id, 900_000)).toBe(askOracle(question).certificate);
    expect(mesh.now - from).toBeGreaterThan(least);
    expect(mesh.now - from).toBeLessThan(most);
  });
});
