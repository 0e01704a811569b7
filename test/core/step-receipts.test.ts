import { describe, expect, test } from 'vitest';
import type { Hash, JobId } from '../../src/core/ids.ts';
import { IntervalSet } from '../../src/core/interval-set.ts';
import { decodeBody } from '../../src/core/record-codec.ts';
import { type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { type Program, scattered } from '../sim/world/program.ts';

const JOB: SmallJob = { program: scattered(10), accept: 100 };

/** Accepts texts of 300 characters. */
const LONG: Program = { ...scattered(10, 5, 'long values'), values: 'long' };

/** What a peer's disk holds of a computation: long values only of indices below an end. */
function onDisk(
  { disk }: Machine,
  computation: Hash,
  end: number,
): { coverage: IntervalSet; values: Hash[] } {
  const coverage = new IntervalSet();
  const values: Hash[] = [];
  for (const { scope, body } of disk.records.values()) {
    if (scope !== computation) continue;
    const decoded = decodeBody(body);
    if ('rejected' in decoded || decoded.value.kind !== 'segment') continue;
    coverage.add(decoded.value.lo, decoded.value.hi);
    for (const column of decoded.value.accepted) {
      if (column.kind === 'hash')
        values.push(...column.hashes.filter((_, k) => (column.indices[k] ?? end) < end));
    }
  }
  return { coverage, values };
}

/** Says whether a peer's disk has a job's manifest and all that it names. */
function keepsJob(mesh: SmallMesh, peer: Machine, id: JobId): boolean {
  const job = mesh.job(peer, id);
  if (job === undefined) return false;
  const { program, params } = job.manifest.spec;
  const record = [...peer.disk.records.values()].some(({ body }) => {
    const decoded = decodeBody(body);
    return 'value' in decoded && decoded.value.kind === 'manifest';
  });
  return record && peer.disk.blobs.has(program) && peer.disk.blobs.has(params);
}

describe('publish', () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [6, 3],
  ])('in a mesh of %i is acknowledged only when %i keep it', (peers, copies) => {
    const mesh = new SmallMesh({ peers });
    mesh.pass(500);
    const { id, request } = mesh.publish(mesh.peer(0), JOB);
    expect(mesh.answer(mesh.peer(0), request)).toBeUndefined();
    mesh.until('receipts', () => mesh.answer(mesh.peer(0), request) !== undefined, 5000);
    expect(mesh.answer(mesh.peer(0), request)).toEqual({ kind: 'kept', job: id, copies });
    const keepers = mesh.peers.filter((peer) => keepsJob(mesh, peer, id));
    expect(keepers.length).toBeGreaterThanOrEqual(copies);
    expect(mesh.now).toBeLessThan(1000);
  });

  test('is acknowledged by others near when no stream leads to the holders', () => {
    for (const far of [1, 2, 3]) {
      const mesh = new SmallMesh({ peers: 4 });
      mesh.network.unlink(mesh.peer(0), mesh.peer(far));
      mesh.pass(500);
      expect(mesh.peer(0).state?.connected.size).toBe(2);
      const { request } = mesh.publish(mesh.peer(0), JOB);
      mesh.until('receipts', () => mesh.answer(mesh.peer(0), request) !== undefined, 5000);
      expect(mesh.answer(mesh.peer(0), request)).toMatchObject({ copies: 3 });
    }
  });

  test('is not acknowledged while the blobs do not arrive', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    mesh.network.swallowed.add('blob');
    const { request } = mesh.publish(mesh.peer(0), JOB);
    mesh.pass(6000);
    expect(mesh.answer(mesh.peer(0), request)).toBeUndefined();
    mesh.network.swallowed.clear();
    mesh.until('receipts', () => mesh.answer(mesh.peer(0), request) !== undefined, 10_000);
    expect(mesh.answer(mesh.peer(0), request)).toMatchObject({ copies: 3 });
  });

  test('is not acknowledged on the word of the silent, only once they are dead', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    mesh.partition([mesh.peer(0)]);
    const { request } = mesh.publish(mesh.peer(0), JOB);
    mesh.pass(5000);
    expect(mesh.answer(mesh.peer(0), request)).toBeUndefined();
    mesh.until('the others are dead', () => mesh.answer(mesh.peer(0), request) !== undefined, 6000);
    expect(mesh.answer(mesh.peer(0), request)).toMatchObject({ copies: 1 });
  });

  test('what was acknowledged survives the loss of any two of its three keepers', () => {
    for (const dead of [
      [0, 1],
      [0, 2],
      [1, 2],
    ]) {
      const mesh = new SmallMesh({ peers: 3 });
      mesh.pass(500);
      const { id, request, question } = mesh.publish(mesh.peer(0), JOB);
      mesh.until('receipts', () => mesh.answer(mesh.peer(0), request) !== undefined, 5000);
      for (const k of dead) mesh.kill(mesh.peer(k));
      expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    }
  });
});

describe('done', () => {
  test.each([
    ['short', JOB.program],
    ['long', LONG],
  ])('is acknowledged only when the holders hold all outcomes (%s values)', (_, program) => {
    const mesh = new SmallMesh({ peers: 5 });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), { program, accept: 100 });
    const wish = (request: number) => ({ kind: 'confirm', request, job: id }) as const;
    const request = mesh.ask(mesh.peer(0), wish);
    mesh.until('done', () => mesh.answer(mesh.peer(0), request) !== undefined, 60_000);
    expect(mesh.answer(mesh.peer(0), request)).toEqual({ kind: 'kept', job: id, copies: 3 });
    const { end, certificate } = askOracle(question);
    expect(mesh.job(mesh.peer(0), id)?.ending?.certificate).toBe(certificate);
    const keepers = mesh.peers.filter((peer) => {
      const { coverage, values } = onDisk(peer, question.computation, end);
      return coverage.covers(0, end) && values.every((hash) => peer.disk.blobs.has(hash));
    });
    expect(keepers.length).toBeGreaterThanOrEqual(3);
  });

  test('does not wait for the next batch of a busy peer', () => {
    const mesh = new SmallMesh({ peers: 1 });
    const here = mesh.peer(0);
    const { id } = mesh.publish(here, JOB);
    mesh.certificate(id);
    mesh.publish(here, { program: { ...LONG, costMs: 3000 }, accept: 100 });
    mesh.pass(10_000);
    const unsaved = () => here.state !== null && here.state.write > here.state.stored;
    mesh.until('a write that nothing hurries', unsaved, 10_000);
    mesh.pass(20);
    expect(unsaved()).toBe(true);
    const asked = mesh.now;
    const wish = (request: number) => ({ kind: 'confirm', request, job: id }) as const;
    const request = mesh.ask(here, wish);
    mesh.until('done', () => mesh.answer(here, request) !== undefined, 60_000);
    expect(mesh.now - asked).toBeLessThan(50);
  });

  test('without the values it is not', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const { id } = mesh.publish(mesh.peer(0), { program: LONG, accept: 30 });
    const wish = (request: number) => ({ kind: 'confirm', request, job: id }) as const;
    const request = mesh.ask(mesh.peer(0), wish);
    mesh.pass(300);
    mesh.network.swallowed.add('blob');
    mesh.certificate(id);
    mesh.pass(5000);
    expect(mesh.answer(mesh.peer(0), request)).toBeUndefined();
    mesh.network.swallowed.clear();
    mesh.until('done', () => mesh.answer(mesh.peer(0), request) !== undefined, 30_000);
  });
});

describe('a value of more than 256 bytes', () => {
  test('travels by hash to all three holders and to nobody else', () => {
    const mesh = new SmallMesh({ peers: 6 });
    mesh.pass(500);
    const { id, question } = mesh.publish(mesh.peer(0), { program: LONG, accept: 60 });
    const oracle = askOracle(question);
    expect(mesh.certificate(id)).toBe(oracle.certificate);
    mesh.pass(15_000);
    const made = onDisk(mesh.peer(0), question.computation, oracle.end).values;
    const held = mesh.peers.map(({ disk }) => made.filter((hash) => disk.blobs.has(hash)).length);
    expect(held.filter((count) => count === made.length)).toHaveLength(3);
    expect(mesh.job(mesh.peer(0), id)?.computation.missing.isEmpty()).toBe(true);
  });

  test('is claimable again when its only keeper died, and is evaluated once more only', () => {
    const mesh = new SmallMesh({ peers: 2 });
    mesh.pass(500);
    // The bound: no value lies beyond the answer, where nobody needs it.
    const { id } = mesh.publish(mesh.peer(0), { program: LONG, accept: 100, maxEvals: 600 });
    mesh.pass(1000);
    mesh.network.swallowed.add('blob');
    mesh.certificate(id);
    mesh.pass(500);
    const here = mesh.peer(0);
    const values = mesh.job(here, id)?.computation.long.keys() ?? [];
    const lost = [...values].filter((hash) => here.state?.blobs.has(hash) === false);
    expect(lost.length).toBeGreaterThan(5);
    mesh.kill(mesh.peer(1));
    mesh.network.swallowed.clear();
    const before = mesh.evaluations().length;
    const wish = (request: number) => ({ kind: 'confirm', request, job: id }) as const;
    const request = mesh.ask(here, wish);
    mesh.until('the values', () => mesh.answer(here, request) !== undefined, 60_000);
    expect(lost.filter((hash) => !here.disk.blobs.has(hash))).toEqual([]);
    mesh.pass(30_000);
    expect(mesh.evaluations().length - before).toBe(lost.length);
    expect(here.state?.wants.size).toBe(0);
    expect(mesh.job(here, id)?.computation.missing.isEmpty()).toBe(true);
  });

  test('is back soon where hundreds lay on one disk only, and that is lost', () => {
    const mesh = new SmallMesh({ peers: 4 });
    mesh.pass(500);
    const { id } = mesh.publish(mesh.peer(0), { program: LONG, accept: 3000 });
    mesh.pass(500);
    mesh.network.swallowed.add('blob');
    mesh.certificate(id);
    mesh.pass(500);
    const here = mesh.peer(0);
    const { computation, ending } = mesh.job(here, id) ?? {};
    const needed = [...(computation?.long ?? [])].filter(([, index]) => index < (ending?.end ?? 0));
    const keeper = mesh.peer(3);
    const lost = needed.map(([hash]) => hash).filter((hash) => keeper.disk.blobs.has(hash));
    expect(lost.length).toBeGreaterThan(500);
    mesh.kill(keeper);
    mesh.network.swallowed.clear();
    const before = mesh.now;
    mesh.until('the values', () => lost.every((hash) => here.disk.blobs.has(hash)), 120_000);
    expect(mesh.now - before).toBeLessThan(10_000);
  });
});
