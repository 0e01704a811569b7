import { describe, expect, test } from 'vitest';
import { Tenure, type TenureLimits } from '../../src/node/tenure.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { scattered } from '../sim/world/program.ts';

const SMALL = { program: scattered(10, 5, 'small'), accept: 20 };
const LARGE = { program: scattered(7, 5, 'large'), accept: 1000 };

/** Three peers, and how long the second one is to stay. */
function staying(limits: TenureLimits, job?: string) {
  const mesh = new SmallMesh({ peers: 3 });
  const peer = mesh.peer(1);
  if (job !== undefined) peer.dispatch({ kind: 'limit', job });
  const tenure = new Tenure(limits, 0, true);
  const look = (): string | null => {
    if (peer.state === null) throw new Error('it does not run');
    return tenure.look(peer.state, mesh.now);
  };
  mesh.pass(500);
  return { mesh, look, tenure };
}

describe('a peer that is to stay until all is done', () => {
  test('stays while no job is known, and while one runs', () => {
    const { mesh, look, tenure } = staying({ whenDone: true });
    const looks = (): void => void mesh.until('3 s', () => look() !== null, 3500);
    expect(looks).toThrow('not by');
    const { id } = mesh.publish(mesh.peer(0), LARGE);
    expect(looks).toThrow('not by');
    mesh.certificate(id);
    mesh.until('the end', () => look() === 'done', 10_000);
    expect([...tenure.jobs]).toEqual([id]);
  });

  test('that is there for one job goes when that one has ended', () => {
    // The name of the first job that is published in a mesh.
    const { mesh, look } = staying({ whenDone: true }, 'job 0');
    const small = mesh.publish(mesh.peer(0), SMALL);
    const large = mesh.publish(mesh.peer(0), LARGE);
    mesh.certificate(small.id);
    mesh.until('the end', () => look() === 'done', 10_000);
    expect(mesh.job(mesh.peer(1), large.id)?.active).toBe(true);
  });

  test('waits for others that are known before it believes its own disk', () => {
    const { mesh } = staying({});
    const { id } = mesh.publish(mesh.peer(0), SMALL);
    mesh.certificate(id);
    const alone = new Tenure({ whenDone: true }, mesh.now, true);
    const { state } = mesh.peer(1);
    if (state === null) throw new Error('it does not run');
    const others = [...state.connected];
    state.connected.clear();
    mesh.pass(5000);
    alone.look(state, mesh.now);
    expect(alone.look(state, mesh.now + 10_000)).toBe(null);
    for (const other of others) state.connected.add(other);
    alone.look(state, mesh.now);
    expect(alone.look(state, mesh.now + 10_000)).toBe('done');
  });
});

test('a peer is idle from its last lease on', () => {
  const { mesh, look } = staying({ idleMs: 2000 });
  const { id } = mesh.publish(mesh.peer(0), LARGE);
  mesh.until('the job’s end', () => {
    expect(look()).toBe(null);
    return mesh.job(mesh.peer(1), id)?.ending != null;
  });
  const from = mesh.now;
  mesh.until('idleness', () => look() === 'idle', 5000);
  expect(mesh.now - from).toBeGreaterThan(1500);
});

test('a peer stays no longer than it was told', () => {
  const { mesh, look } = staying({ forMs: 3000 });
  mesh.publish(mesh.peer(0), LARGE);
  mesh.until('the end', () => look() === 'time', 5000);
  expect(mesh.now).toBeGreaterThanOrEqual(3000);
});
