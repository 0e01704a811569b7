import { expect, test } from 'vitest';
import { HOPELESS_ERRORS } from '../../src/core/job-state.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

/** A function that throws up to an index, and accepts from there on. */
function throwsBelow(end: number) {
  const written = (index: number) => ({
    outcome: index < end ? { error: 'TypeError' } : index,
    costMs: 0.1,
  });
  return { ...scattered(1, 1), written };
}

test('a job with nothing but errors for long has failed, on all peers, and nobody goes on', () => {
  const mesh = new SmallMesh({ peers: 2, slots: 2 });
  mesh.pass(500);
  const job = { program: throwsBelow(Number.MAX_SAFE_INTEGER), accept: 2 };
  const { id, question } = mesh.publish(mesh.peer(0), job);
  const phases = () => mesh.peers.map((peer) => mesh.job(peer, id)?.phase);
  mesh.until('it has failed', () => phases().every((phase) => phase === 'failed'));
  mesh.pass(2000);
  expect(mesh.peers.map((peer) => peer.executors.busy)).toEqual([0, 0]);
  const ran = mesh.evaluations(question.computation).length;
  expect(ran).toBeGreaterThanOrEqual(HOPELESS_ERRORS);
  mesh.pass(5000);
  expect(mesh.evaluations(question.computation)).toHaveLength(ran);
});

test('one whose errors end just before that goes on to its answer', () => {
  const mesh = new SmallMesh({ peers: 2, slots: 2 });
  mesh.pass(500);
  const job = { program: throwsBelow(HOPELESS_ERRORS - 1), accept: 2 };
  const { id, question } = mesh.publish(mesh.peer(0), job);
  expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
});
