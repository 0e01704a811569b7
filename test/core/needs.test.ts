import { describe, expect, test } from 'vitest';
import { Rejection } from '../../src/core/form.ts';
import {
  grants,
  type Needs,
  NO_NEEDS,
  NO_OFFER,
  needsForm,
  needsText,
  needsTuple,
} from '../../src/core/needs.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

describe('what a machine grants', () => {
  const ALL = { net: true, reads: ['/'], writes: ['/'] };
  const offer = { net: false, reads: ['/data'], writes: ['/scratch'] };

  test.each<[Partial<Needs>, boolean]>([
    [{}, true],
    [{ net: true }, false],
    [{ reads: ['/data'] }, true],
    [{ reads: ['/data/a/b'] }, true],
    [{ reads: ['/database'] }, false],
    [{ reads: ['/'] }, false],
    [{ reads: ['/scratch/x'] }, true],
    [{ writes: ['/scratch/x'] }, true],
    [{ writes: ['/data'] }, false],
    [{ reads: ['/data', '/home'] }, false],
  ])('to %j of folders to read and to write is %s', (needs, granted) => {
    expect(grants(offer, { ...NO_NEEDS, ...needs })).toBe(granted);
    expect(grants(ALL, { ...NO_NEEDS, ...needs })).toBe(true);
  });
});

describe('needs on the wire', () => {
  const read = (needs: Needs) => needsForm(needsTuple(needs));

  test.each<[string, Partial<Needs>]>([
    ['no slot', { cpus: 0 }],
    ['more slots than a machine may have', { cpus: 1025 }],
    ['a tag with a space', { tags: ['a b'] }],
    ['a tag with a comma', { tags: ['a,b'] }],
    ['tags that do not rise', { tags: ['b', 'a'] }],
    ['a tag twice', { tags: ['a', 'a'] }],
    ['more than 16 tags', { tags: Array.from({ length: 17 }, (_, k) => `t${k + 10}`) }],
    ['a relative path', { reads: ['data'] }],
    ['a path that goes up', { reads: ['/data/../home'] }],
    ['a path that goes up at its end', { writes: ['/data/..'] }],
  ])('%s is refused', (_, needs) => {
    expect(read({ ...NO_NEEDS, ...needs })).toBeInstanceOf(Rejection);
  });

  test('are told in words', () => {
    const needs = { cpus: 4, tags: ['gpu'], net: true, reads: ['/data'], writes: ['/out'] };
    expect(read(needs)).toEqual(needs);
    expect(needsText(needs)).toBe('4 slots, tag gpu, the network, /data to read, /out to write');
  });
});

describe('a job runs', () => {
  function published(needs: Partial<Needs>, slots = 2) {
    const mesh = new SmallMesh({ peers: 3, slots });
    mesh.pass(500);
    const job = { program: scattered(5, 40), accept: 40, needs: { ...NO_NEEDS, ...needs } };
    const { id, question } = mesh.publish(mesh.peer(0), job);
    const workers = () => new Set(mesh.evaluations(question.computation).map(({ peer }) => peer));
    return { mesh, id, question, workers };
  }

  test('only where its tag is, and starts once such a machine has come', () => {
    const { mesh, id, question, workers } = published({ tags: ['gpu'] });
    mesh.pass(5000);
    expect(workers()).toEqual(new Set());
    mesh.peer(2).dispatch({ kind: 'offer', offer: { ...NO_OFFER, tags: ['gpu', 'ssd'] } });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    expect(workers()).toEqual(new Set([mesh.peer(2).id]));
  });

  test('with a grant elsewhere, and at its owner’s and its owner’s kin without one', () => {
    const { mesh, id, question, workers } = published({ net: true });
    mesh.peer(1).dispatch({ kind: 'kin', peers: [mesh.peer(0).id] });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    expect(workers()).toEqual(new Set([mesh.peer(0).id, mesh.peer(1).id]));
  });

  test('on so many slots at once, and never on more than a machine has', () => {
    const { mesh, id, question } = published({ cpus: 2 }, 3);
    let most = 0;
    mesh.until('it ends', () => {
      for (const peer of mesh.peers) most = Math.max(most, peer.executors.busy);
      return mesh.job(mesh.peer(0), id)?.ending != null;
    });
    expect(most).toBe(1);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('nowhere where machines have too few slots, also after the loss of one', () => {
    const { mesh, id, question } = published({ cpus: 3 }, 3);
    mesh.until('it runs', () => mesh.peers.some((peer) => peer.executors.busy > 0));
    for (const peer of mesh.peers) peer.dispatch({ kind: 'slots', slots: 2 });
    mesh.pass(2000);
    expect(mesh.peers.map((peer) => peer.executors.busy)).toEqual([0, 0, 0]);
    mesh.peer(1).dispatch({ kind: 'slots', slots: 4 });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('beside one that takes several slots, and neither starves', () => {
    const mesh = new SmallMesh({ peers: 1, slots: 3 });
    mesh.pass(500);
    const small = mesh.publish(mesh.peer(0), { program: scattered(2, 50, 'small'), accept: 300 });
    const large = mesh.publish(mesh.peer(0), {
      ...{ program: scattered(2, 50, 'large'), accept: 100, needs: { ...NO_NEEDS, cpus: 3 } },
    });
    mesh.until('the large one runs', () => mesh.evaluations(large.question.computation).length > 9);
    expect(mesh.evaluations(small.question.computation).length).toBeGreaterThan(9);
    for (const { id, question } of [small, large]) {
      expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    }
  });
});

describe('a machine with a limit of memory', () => {
  const GB = 1_000_000_000;

  function mesh() {
    const all = new SmallMesh({ peers: 2, slots: 2 });
    all.pass(500);
    // 1 GB a slot at the first, none at the second.
    all.peer(0).dispatch({ kind: 'offer', offer: { ...NO_OFFER, memoryBytes: 2 * GB } });
    return all;
  }

  test('does not run a job that may take more than a slot of it has', () => {
    const all = mesh();
    const limits = { timeoutMs: null, memoryBytes: 1.5 * GB };
    const job = { program: scattered(5, 40), accept: 40, limits };
    const { id, question } = all.publish(all.peer(1), job);
    expect(all.certificate(id)).toBe(askOracle(question).certificate);
    const workers = all.evaluations(question.computation).map(({ peer }) => peer);
    expect(new Set(workers)).toEqual(new Set([all.peer(1).id]));
  });

  test('holds others to it, and gives up a computation that is over it, which is no attempt', () => {
    const all = mesh();
    const { id, question } = all.publish(all.peer(1), { program: scattered(5, 40), accept: 200 });
    const peer = all.peer(0);
    all.until('it works', () => peer.executors.busy > 0);
    const [execution] = peer.executors.executions();
    expect(execution?.limits.memoryBytes).toBe(GB);
    const failure = { kind: 'memory', detail: 'over 1 GB' };
    const { id: number = 0, lo = 0 } = execution ?? {};
    peer.dispatch({ kind: 'failed', execution: number, index: lo, failure });
    peer.dispatch({ kind: 'ended', execution: number, finished: false });
    expect(all.certificate(id)).toBe(askOracle(question).certificate);
    expect(all.job(all.peer(1), id)?.computation.attempts.size).toBe(0);
    expect(peer.state?.refuses.get(question.computation)).toBe('memory');
  });
});

describe('a job with a rate', () => {
  function begun(peers: number, perSecond: number) {
    const mesh = new SmallMesh({ peers, slots: 2 });
    mesh.pass(3000);
    const job = { program: scattered(1, 1), accept: 10 * perSecond, perHour: perSecond * 3600 };
    const from = mesh.now;
    const { id, question } = mesh.publish(mesh.peer(0), job);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    const at = mesh.evaluations(question.computation).map((each) => each.from - from);
    return at.sort((a, b) => a - b);
  }

  test.each([
    [1, 20],
    [4, 20],
    [3, 400],
  ])(
    'of %i peers begins %i a second, and no more in any two seconds than in three',
    (peers, perSecond) => {
      const at = begun(peers, perSecond);
      const lastMs = at.at(-1) ?? 0;
      expect(lastMs).toBeGreaterThan(8000);
      expect(lastMs).toBeLessThan(14_000);
      for (let k = 0; k + 3 * perSecond < at.length; k++) {
        expect((at[k + 3 * perSecond] ?? 0) - (at[k] ?? 0)).toBeGreaterThan(2000);
      }
    },
  );

  test('of less than one a second and peer is kept by all together', () => {
    const at = begun(4, 1);
    expect(at.length).toBeLessThanOrEqual(14);
    expect(at[9]).toBeGreaterThan(6000);
  });
});
