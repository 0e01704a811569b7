import { expect, test } from 'vitest';
import { type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { scattered } from '../sim/world/program.ts';

const JOB: SmallJob = { program: scattered(2, 1000), accept: 6 };
const WEEK_MS = 8 * 24 * 3_600_000;

/** A lone machine of one slot with a job that has ended. */
function ended(): { mesh: SmallMesh; machine: Machine; job: string } {
  const mesh = new SmallMesh({ peers: 1 });
  const machine = mesh.peer(0);
  const { id: job } = mesh.publish(machine, JOB);
  mesh.certificate(job);
  return { mesh, machine, job };
}

/** Asks for two ranges, of which one slot has only the first in hand. */
function verifyTwo(mesh: SmallMesh, machine: Machine, job: string): number {
  const ranges = [[0, 4] as const, [4, 8] as const];
  const request = mesh.ask(machine, (number) => ({ kind: 'verify', request: number, job, ranges }));
  expect(machine.executors.busy).toBe(1);
  return request;
}

test('a verification of a job that is collected is refused, and its executor ends', () => {
  const { mesh, machine, job } = ended();
  const request = verifyTwo(mesh, machine, job);
  machine.dispatch({ kind: 'wall', wallMs: 1.7e12 + WEEK_MS });
  expect(mesh.answer(machine, request)).toMatchObject({ code: 'MESH_UNKNOWN_JOB' });
  mesh.pass(10);
  expect(machine.executors.busy).toBe(0);
});

test('a verification that its client gave up ends its executor and starts no other', () => {
  const { mesh, machine, job } = ended();
  const request = verifyTwo(mesh, machine, job);
  machine.dispatch({ kind: 'forget.request', request });
  mesh.pass(10);
  expect(machine.executors.busy).toBe(0);
  expect(machine.state?.verifications.size).toBe(0);
  expect(mesh.answer(machine, request)).toBeUndefined();
});

test('a slot whose verification was given up takes other work once its executor has ended', () => {
  const { mesh, machine, job } = ended();
  verifyTwo(mesh, machine, job);
  const next = mesh.publish(machine, { ...JOB, program: scattered(2, 1000, 'another') }).id;
  mesh.until('it is claimed', () => (machine.state?.leases.length ?? 0) > 0);
  mesh.pass(100);
  machine.dispatch({ kind: 'wall', wallMs: 1.7e12 + WEEK_MS });
  expect(machine.executors.busy).toBe(1);
  expect(mesh.certificate(next)).toBeDefined();
});

test('a verification answers once all its ranges were evaluated again', () => {
  const { mesh, machine, job } = ended();
  const request = verifyTwo(mesh, machine, job);
  mesh.until('it answers', () => mesh.answer(machine, request) !== undefined);
  expect(mesh.answer(machine, request)).toEqual({ kind: 'verified', checked: 8, different: [] });
});
