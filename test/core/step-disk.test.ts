import { describe, expect, test } from 'vitest';
import { type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const JOB: SmallJob = { program: scattered(10), accept: 100 };

test('a full disk takes no work and no request, and the job goes on elsewhere', () => {
  const mesh = new SmallMesh({ peers: 3 });
  const [a, b] = [mesh.peer(0), mesh.peer(1)];
  const { id } = mesh.publish(b, JOB);
  mesh.until('a works', () => a.executors.busy > 0);
  a.full = true;
  mesh.until('a knows it', () => a.state?.diskFull === true);
  mesh.until('a works no more', () => a.executors.busy === 0);
  const refused = mesh.operate(a, id, { kind: 'pause', paused: true });
  expect(mesh.answer(a, refused)).toMatchObject({ kind: 'refused', code: 'MESH_DISK_FULL' });
  mesh.until('b certifies', () => mesh.job(b, id)?.certificate != null);
  expect(a.executors.executions()).toEqual([]);
  a.full = false;
  expect(mesh.certificate(id)).toBeDefined();
});

test('who waits for a receipt is told when the disk fills up', () => {
  const mesh = new SmallMesh({ peers: 3 });
  const [a, b, c] = [mesh.peer(0), mesh.peer(1), mesh.peer(2)];
  mesh.until('all are known', () => (a.state?.roster.size ?? 0) === 2);
  mesh.partition([a], [b, c]);
  const { request } = mesh.publish(a, JOB);
  expect(mesh.answer(a, request)).toBeUndefined();
  a.full = true;
  mesh.until('an answer', () => mesh.answer(a, request) !== undefined, 5000);
  expect(mesh.answer(a, request)).toMatchObject({ kind: 'refused', code: 'MESH_DISK_FULL' });
});

test('records on disk whose manifest has rotted are read when it comes from others', () => {
  const mesh = new SmallMesh({ peers: 2 });
  const [a, b] = [mesh.peer(0), mesh.peer(1)];
  const { id, question } = mesh.publish(b, { ...JOB, program: scattered(10, 20) });
  mesh.until('a works', () => a.executors.busy > 0);
  mesh.pass(2000);
  mesh.kill(a);
  const own = [...a.disk.records].filter(([key]) => key.startsWith(question.computation));
  expect(own.length).toBeGreaterThan(10);
  for (const key of [...a.disk.records.keys()])
    if (key.startsWith('control')) a.disk.records.delete(key);
  for (const [key] of own) b.state?.logs.remove(ownKey(key));
  mesh.start(a);
  expect(mesh.job(a, id)).toBeUndefined();
  mesh.until('a knows the job', () => mesh.job(a, id) !== undefined);
  const isRead = ([key]: [string, unknown]) => a.state?.logs.has(ownKey(key)) === true;
  mesh.until('what is on disk is read', () => own.every(isRead), 100);
  expect(mesh.certificate(id)).toBe(askOracle(question).certificate);

  function ownKey(key: string) {
    const record = a.disk.records.get(key);
    if (record === undefined) throw new Error(key);
    return record;
  }
});

/** Accepts texts of 300 characters. */
const LONG: SmallJob = {
  program: { ...scattered(10, 5, 'long values'), values: 'long' },
  accept: 20,
};

/** A bit flips in a blob, and the peer comes upon it. */
function rot(mesh: SmallMesh, peer: Machine, hash: string): void {
  expect(peer.disk.blobs.delete(hash)).toBe(true);
  mesh.ask(peer, () => ({ kind: 'blob.lost', hash }));
}

describe('a blob that is found damaged while the peer runs', () => {
  test('comes again from another peer that has it', () => {
    const mesh = new SmallMesh({ peers: 2 });
    const [a, b] = [mesh.peer(0), mesh.peer(1)];
    const { id } = mesh.publish(a, LONG);
    const values = (): string[] => [...(mesh.job(a, id)?.computation.long.keys() ?? [])];
    const both = (): boolean =>
      values().length >= 20 && values().every((hash) => b.disk.blobs.has(hash));
    mesh.until('both keep the values', () => mesh.job(a, id)?.certificate != null && both());
    const [hash = ''] = values();
    rot(mesh, a, hash);
    mesh.until('it is there again', () => a.disk.blobs.has(hash), 10_000);
  });

  test('is evaluated again where nobody has it and somebody reads it', () => {
    const mesh = new SmallMesh({ peers: 1 });
    const a = mesh.peer(0);
    const { id } = mesh.publish(a, LONG);
    mesh.until('it ends', () => mesh.job(a, id)?.certificate != null);
    const [hash = ''] = mesh.job(a, id)?.computation.long.keys() ?? [];
    mesh.until('it is kept', () => a.disk.blobs.has(hash));
    rot(mesh, a, hash);
    mesh.ask(a, () => ({ kind: 'fetch', hash }));
    mesh.until('it is there again', () => a.disk.blobs.has(hash), 30_000);
  });

  test('keeps a job from its program until that comes from its owner', () => {
    const mesh = new SmallMesh({ peers: 2 });
    const [a, b] = [mesh.peer(0), mesh.peer(1)];
    const { id, question } = mesh.publish(b, { ...JOB, program: scattered(10, 20) });
    mesh.until('a works', () => a.executors.busy > 0);
    const program = mesh.job(a, id)?.manifest.spec.program ?? '';
    mesh.until('a keeps it', () => a.disk.blobs.has(program));
    rot(mesh, a, program);
    mesh.until('it is there again', () => a.disk.blobs.has(program), 10_000);
    mesh.until('the job ends', () => mesh.job(a, id)?.certificate != null);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });
});
