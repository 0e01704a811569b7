import { expect, test } from 'vitest';
import { SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { scattered } from '../sim/world/program.ts';

/** A lone peer of two slots at the moment when its job of three lines ends, one more in hand. */
function atItsEnd(costMs: number): { mesh: SmallMesh; peer: Machine; job: string; known: number } {
  const mesh = new SmallMesh({ peers: 1, slots: 2 });
  const peer = mesh.peer(0);
  const { id: job } = mesh.publish(peer, { program: scattered(1, costMs), accept: 3, probe: 0 });
  mesh.certificate(job);
  return { mesh, peer, job, known: covered(peer, job) };
}

function covered(peer: Machine, job: string): number {
  return peer.state?.jobs.get(job)?.computation.coverage.count() ?? Number.NaN;
}

test('what an answer made needless ends with its batch where that is short, and is not told', () => {
  const { mesh, peer, job, known } = atItsEnd(60);
  expect(peer.executors.busy).toBe(1);
  mesh.pass(99);
  expect(peer.executors.busy).toBe(0);
  expect(mesh.evaluations()).toHaveLength(known + 1);
  expect(covered(peer, job)).toBe(known);
});

test('what an answer made needless is ended at once where it takes long', () => {
  const { mesh, peer, known } = atItsEnd(400);
  mesh.pass(5);
  expect(peer.executors.busy).toBe(0);
  expect(mesh.evaluations()).toHaveLength(known);
});
