import { expect, test } from 'vitest';
import { newPeerState } from '../../src/core/peer-state.ts';
import type { Register } from '../../src/core/register.ts';
import { step } from '../../src/core/step.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import { sha256, sha256Hasher } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const JOB: SmallJob = { program: scattered(10), accept: 50 };
const WEEK_MS = 8 * 24 * 3_600_000;

test('a job that ended a week ago is collected, and no returning peer brings it back', () => {
  const mesh = new SmallMesh({ peers: 3 });
  const [a, b, c] = [mesh.peer(0), mesh.peer(1), mesh.peer(2)];
  const { id, question } = mesh.publish(a, JOB);
  expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  mesh.pass(15_000);
  mesh.kill(c);
  for (const peer of [a, b]) peer.dispatch({ kind: 'wall', wallMs: 1.7e12 + WEEK_MS });
  for (const peer of [a, b]) {
    expect(peer.state?.jobs.has(id)).toBe(false);
    expect(peer.state?.tombstones.get(id)).toBe('done');
    expect(peer.state?.computations.size).toBe(0);
  }
  mesh.start(c);
  mesh.until('c sees the others', () => c.state?.roster.size === 2);
  mesh.pass(30_000);
  expect(c.state?.jobs.has(id)).toBe(true);
  for (const peer of [a, b]) expect(peer.state?.jobs.has(id)).toBe(false);
});

test('a larger start of one’s own id that lives is a copied home: this process ends', () => {
  const self = { peer: 'peer-a', name: 'a', version: '1', slots: 1, mathClass: '00'.repeat(8) };
  const state = newPeerState(self, { incarnation: 5, nonce: '11'.repeat(8) }, DEFAULT_TIMING);
  const env = {
    ...{ now: 1, rng: () => 0.5, hash: (bytes: Uint8Array) => sha256(bytes) },
    ...{ hasher: sha256Hasher, sign: () => new Uint8Array(64), verify: () => true },
  };
  step(state, { kind: 'booted', blobs: [], locals: new Map(), known: true }, env);
  const beat = (incarnation: number, sequence: number): string[] => {
    const register: Register = {
      ...{ ...self, sequence, addresses: [], tags: [], refuses: [], heartbeatMs: 1000 },
      ...{ leaving: false, stores: true, load: null, leases: [] },
      start: { incarnation, nonce: '22'.repeat(8) },
    };
    const message = { kind: 'heartbeat' as const, register, fresh: [] };
    return step(state, { kind: 'message', from: 'peer-b', message }, env).map(({ kind }) => kind);
  };
  expect(beat(4, 9)).not.toContain('halt');
  expect(beat(6, 1)).not.toContain('halt');
  expect(beat(6, 1)).not.toContain('halt');
  expect(beat(6, 2)).not.toContain('halt');
  expect(beat(6, 3)).not.toContain('halt');
  expect(beat(6, 4)).toContain('halt');
});
