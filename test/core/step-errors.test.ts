import { describe, expect, test } from 'vitest';
import { SmallMesh } from '../sim/small-mesh.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered, type Written, type WrittenProgram } from '../sim/world/program.ts';

/** Throws at these indices; one in five of the others is accepted. */
function throwing(...indices: number[]): WrittenProgram {
  const thrown: Written = { outcome: { error: 'RangeError' } };
  return {
    ...scattered(5, 5, `throws at ${indices.join()}`),
    written: (index) => (indices.includes(index) ? thrown : undefined),
  };
}

describe('a job that allows two errors', () => {
  const ACCEPT = 60;
  const END = askOracle({
    ...{ program: throwing(), computation: '00'.repeat(32) },
    target: { kind: 'accept', count: ACCEPT, maxEvals: null },
  }).end;

  function published(program: WrittenProgram) {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    return { mesh, ...mesh.publish(mesh.peer(0), { program, accept: ACCEPT, maxErrors: 2 }) };
  }

  test('fails on all peers when there are three, and nobody works on it any more', () => {
    const { mesh, id } = published(throwing(20, 50, 90));
    mesh.until('all know that it failed', () =>
      mesh.peers.every((peer) => mesh.job(peer, id)?.phase === 'failed'),
    );
    mesh.until('nobody works', () => mesh.peers.every((peer) => peer.executors.busy === 0));
    mesh.pass(15_000);
    for (const peer of mesh.peers) {
      expect(mesh.job(peer, id)).toMatchObject({ phase: 'failed', ending: null, active: false });
      expect(mesh.job(peer, id)?.computation.answers.errorsBelow(END)).toBe(3);
    }
    mesh.kill(mesh.peer(1));
    mesh.start(mesh.peer(1));
    mesh.pass(3000);
    expect(mesh.job(mesh.peer(1), id)?.phase).toBe('failed');
  });

  test('ends with its answer when there are two, or more of them behind the end', () => {
    for (const indices of [
      [20, 90],
      [20, 90, END + 40, END + 41, END + 43, END + 49],
    ]) {
      const { mesh, id, question } = published(throwing(...indices));
      expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
      expect(mesh.job(mesh.peer(1), id)?.phase).toBe('done');
    }
  });

  test('fails also where a stuck index lies between them', () => {
    const { mesh, id } = published({ ...throwing(20, 50, 90), deadly: [40] });
    mesh.until('all know that it failed', () =>
      mesh.peers.every((peer) => mesh.job(peer, id)?.phase === 'failed'),
    );
    expect(mesh.job(mesh.peer(2), id)?.successor).toBeNull();
  });

  test('is tried again by one that allows more, which evaluates nothing twice', () => {
    const program = throwing(20, 50, 90);
    const { mesh, id } = published(program);
    mesh.until('it failed', () => mesh.job(mesh.peer(0), id)?.phase === 'failed');
    mesh.pass(2000);
    const more = { program, accept: ACCEPT, maxErrors: 3 };
    const { id: other, question } = mesh.publish(mesh.peer(0), more);
    expect(mesh.certificate(other)).toBe(askOracle(question).certificate);
  });
});
