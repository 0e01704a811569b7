import { describe, expect, test } from 'vitest';
import type { OpChange } from '../../src/core/record.ts';
import { type SmallJob, SmallMesh } from '../sim/small-mesh.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const JOB: SmallJob = { program: scattered(10), accept: 400 };
const CANCEL: OpChange = { kind: 'cancel', reason: 'user', wait: false };
const PAUSE: OpChange = { kind: 'pause', paused: true };
const RESUME: OpChange = { kind: 'pause', paused: false };

function working(job: SmallJob = JOB, peers = 3) {
  const mesh = new SmallMesh({ peers });
  mesh.pass(500);
  const { id, question } = mesh.publish(mesh.peer(0), job);
  mesh.pass(1500);
  return { mesh, id, question };
}

/** Batches that began after a moment. */
function begunAfter(mesh: SmallMesh, moment: number): number {
  return mesh.evaluations().filter(({ from }) => from > moment).length;
}

describe('cancel', () => {
  test('a cancelled job starts nothing and ends everywhere', () => {
    const { mesh, id } = working();
    const request = mesh.operate(mesh.peer(1), id, CANCEL);
    const known = mesh.until('word of it', () =>
      mesh.peers.every((peer) => mesh.job(peer, id)?.cancelled != null),
    );
    mesh.pass(10_000);
    expect(begunAfter(mesh, known)).toBe(0);
    for (const peer of mesh.peers) {
      expect(mesh.job(peer, id)?.phase).toBe('cancelled');
      expect(peer.executors.executions()).toEqual([]);
      expect(peer.state?.leases).toEqual([]);
    }
    expect(mesh.answer(mesh.peer(1), request)).toMatchObject({ kind: 'kept', copies: 3 });
  });

  test('a candidate that runs is killed after the grace of five seconds', () => {
    const slow = scattered(10, 60_000, 'slow');
    const { mesh, id } = working({ program: slow, accept: 5 });
    mesh.operate(mesh.peer(0), id, CANCEL);
    const from = mesh.now;
    mesh.pass(4500);
    expect(mesh.peer(0).executors.executions()).toHaveLength(1);
    mesh.until('kill', () => mesh.peers.every((peer) => peer.executors.busy === 0));
    expect(mesh.now - from).toBeLessThan(5500);
    expect(mesh.evaluations()).toEqual([]);
  });

  test('a candidate that was to end with a pause is killed after the grace as well', () => {
    const slow = scattered(10, 60_000, 'slow');
    const { mesh, id } = working({ program: slow, accept: 5 });
    mesh.operate(mesh.peer(0), id, { kind: 'pause', paused: true });
    mesh.pass(1000);
    expect(mesh.peer(0).executors.executions()).toHaveLength(1);
    mesh.operate(mesh.peer(0), id, CANCEL);
    const from = mesh.now;
    mesh.until('kill', () => mesh.peers.every((peer) => peer.executors.busy === 0), 6000);
    expect(mesh.now - from).toBeGreaterThan(4500);
  });

  test('with wait, a running candidate ends first and its outcome is kept', () => {
    const slow = scattered(10, 8000, 'slow');
    const { mesh, id } = working({ program: slow, accept: 5 });
    mesh.operate(mesh.peer(0), id, { ...CANCEL, wait: true });
    mesh.pass(12_000);
    expect(mesh.evaluations().length).toBeGreaterThan(0);
    const count = mesh.job(mesh.peer(0), id)?.computation.coverage.count();
    expect(count).toBe(new Set(mesh.evaluations().map(({ index }) => index)).size);
    expect(begunAfter(mesh, 2100)).toBe(0);
  });

  test('a peer that was away during cancel obeys when it returns', () => {
    const { mesh, id } = working(JOB, 3);
    const away = mesh.peer(2);
    mesh.kill(away);
    mesh.operate(mesh.peer(0), id, CANCEL);
    mesh.pass(5000);
    mesh.start(away);
    const from = mesh.now;
    mesh.pass(10_000);
    expect(mesh.job(away, id)?.phase).toBe('cancelled');
    expect(begunAfter(mesh, from)).toBe(0);
  });

  test('a peer behind a partition obeys once it hears of it', () => {
    const { mesh, id } = working({ ...JOB, accept: 4000 });
    const away = mesh.peer(2);
    mesh.partition([away]);
    mesh.operate(mesh.peer(0), id, CANCEL);
    mesh.pass(15_000);
    expect(away.executors.executions()).toHaveLength(1);
    mesh.heal();
    mesh.until('word of it', () => mesh.job(away, id)?.phase === 'cancelled', 3000);
    const from = mesh.now;
    mesh.pass(10_000);
    expect(begunAfter(mesh, from)).toBe(0);
  });

  test('the same publication after a cancel runs again, and keeps what was known', () => {
    const { mesh, id, question } = working();
    mesh.operate(mesh.peer(0), id, CANCEL);
    mesh.pass(8000);
    const again = mesh.publish(mesh.peer(0), JOB);
    expect(again.id).not.toBe(id);
    expect(again.question.computation).toBe(question.computation);
    const answer = askOracle(again.question);
    expect(mesh.certificate(again.id)).toBe(answer.certificate);
    expect(mesh.evaluations().length).toBeLessThan(answer.end * 1.1);
  });

  test('cancel absorbs: neither resume nor a second cancel undoes it', () => {
    const { mesh, id } = working();
    mesh.operate(mesh.peer(0), id, CANCEL);
    mesh.pass(3000);
    const resumed = mesh.operate(mesh.peer(0), id, RESUME);
    const again = mesh.operate(mesh.peer(2), id, CANCEL);
    mesh.pass(3000);
    expect(mesh.answer(mesh.peer(0), resumed)).toMatchObject({ code: 'MESH_JOB_ENDED' });
    expect(mesh.answer(mesh.peer(2), again)).toMatchObject({ kind: 'kept' });
    expect(mesh.job(mesh.peer(1), id)?.phase).toBe('cancelled');
  });

  test('a certificate beats cancel', () => {
    const { mesh, id, question } = working({ ...JOB, accept: 40 });
    mesh.partition([mesh.peer(2)]);
    const oracle = askOracle(question).certificate;
    mesh.until('the end', () => mesh.job(mesh.peer(0), id)?.phase === 'done');
    mesh.operate(mesh.peer(2), id, CANCEL);
    mesh.heal();
    mesh.pass(15_000);
    expect(mesh.certificate(id)).toBe(oracle);
    for (const peer of mesh.peers) expect(mesh.job(peer, id)?.phase).toBe('done');
  });

  test('a deadline on the wall clock of the owner cancels as partial', () => {
    const { mesh, id } = working({ ...JOB, accept: 4000, deadlineMs: 5500 });
    expect(mesh.job(mesh.peer(0), id)?.phase).toBe('running');
    mesh.until('deadline', () =>
      mesh.peers.every((peer) => mesh.job(peer, id)?.phase === 'partial'),
    );
    expect(mesh.now).toBeGreaterThanOrEqual(6000);
    expect(mesh.now).toBeLessThan(7500);
    mesh.pass(10_000);
    expect(mesh.job(mesh.peer(0), id)?.ending).toBeNull();
  });
});

describe('pause', () => {
  test('pause starts no batch, and resume goes on to the same answer', () => {
    const { mesh, id, question } = working();
    mesh.operate(mesh.peer(1), id, PAUSE);
    const paused = mesh.until('pause', () =>
      mesh.peers.every((peer) => mesh.job(peer, id)?.phase === 'paused'),
    );
    mesh.pass(20_000);
    expect(begunAfter(mesh, paused)).toBe(0);
    mesh.operate(mesh.peer(2), id, RESUME);
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
  });

  test('running candidates end and count', () => {
    const { mesh, id } = working();
    mesh.operate(mesh.peer(1), id, PAUSE);
    mesh.pass(5000);
    const covered = mesh.job(mesh.peer(0), id)?.computation.coverage;
    for (const { index } of mesh.evaluations()) expect(covered?.has(index)).toBe(true);
  });

  test('the second word wins over the first, whoever speaks', () => {
    const { mesh, id } = working({ ...JOB, accept: 4000 });
    for (const [k, change] of [PAUSE, RESUME, PAUSE, RESUME, PAUSE].entries()) {
      mesh.operate(mesh.peer(k % 3), id, change);
      mesh.pass(1000);
      const paused = change === PAUSE;
      for (const peer of mesh.peers) expect(mesh.job(peer, id)?.paused).toBe(paused);
    }
  });

  test('two words at once end in one state everywhere, and both clients are answered', () => {
    const { mesh, id } = working({ ...JOB, accept: 4000 });
    const paused = mesh.operate(mesh.peer(0), id, PAUSE);
    const resumed = mesh.operate(mesh.peer(1), id, RESUME);
    mesh.pass(20_000);
    expect(mesh.answer(mesh.peer(0), paused)).toMatchObject({ kind: 'kept' });
    expect(mesh.answer(mesh.peer(1), resumed)).toMatchObject({ kind: 'kept' });
    const states = mesh.peers.map((peer) => mesh.job(peer, id)?.paused);
    expect(new Set(states).size).toBe(1);
    const numbers = mesh.peers.map((peer) => mesh.job(peer, id)?.ops.get('pause')?.op.number);
    expect(Math.max(...numbers.map((n) => n ?? 99))).toBeLessThan(10);
  });

  test('two words at once at one peer: the later one stands, and both clients are answered', () => {
    const { mesh, id } = working({ ...JOB, accept: 4000 });
    const requests = [PAUSE, RESUME].map((change) => mesh.operate(mesh.peer(0), id, change));
    mesh.pass(20_000);
    for (const request of requests) {
      expect(mesh.answer(mesh.peer(0), request)).toMatchObject({ kind: 'kept', copies: 3 });
    }
    for (const peer of mesh.peers) expect(mesh.job(peer, id)?.paused).toBe(false);
  });

  test('a word spoken on old knowledge is issued again above what is newer', () => {
    const { mesh, id } = working({ ...JOB, accept: 4000 }, 6);
    const away = mesh.peer(5);
    mesh.partition([away]);
    for (const change of [PAUSE, RESUME, PAUSE]) {
      const request = mesh.operate(mesh.peer(0), id, change);
      mesh.pass(1000);
      expect(mesh.answer(mesh.peer(0), request)).toMatchObject({ kind: 'kept', copies: 3 });
    }
    const late = mesh.operate(away, id, RESUME);
    mesh.pass(500);
    expect(mesh.answer(away, late)).toBeUndefined();
    mesh.heal();
    mesh.until('an answer', () => mesh.answer(away, late) !== undefined, 20_000);
    mesh.pass(2000);
    for (const peer of mesh.peers) {
      expect(mesh.job(peer, id)?.paused).toBe(false);
      expect(mesh.job(peer, id)?.ops.get('pause')?.op.number).toBe(4);
    }
  });
});

describe('priority', () => {
  const share = (mesh: SmallMesh, computation: string): number =>
    mesh.evaluations(computation).reduce((sum, { from, to }) => sum + Math.min(to - from, 5), 0);

  test('a job that accepts nothing at high priority does not starve another', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const nothing = scattered(Infinity, 5, 'nothing');
    const barren = mesh.publish(mesh.peer(0), { program: nothing, accept: 10, priority: 3 });
    mesh.pass(3000);
    const { id, question } = mesh.publish(mesh.peer(1), { program: scattered(10), accept: 30 });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    expect(mesh.job(mesh.peer(0), barren.id)?.phase).toBe('running');
  });

  test('one step of priority is twice the share', () => {
    const mesh = new SmallMesh({ peers: 2 });
    mesh.pass(500);
    const jobs = [0, 1].map((priority) => {
      const program = scattered(10, 5, `at ${priority}`);
      return mesh.publish(mesh.peer(0), { program, accept: 100_000, priority });
    });
    mesh.pass(60_000);
    const [low = 0, high = 0] = jobs.map(({ question }) => share(mesh, question.computation));
    expect(high / low).toBeGreaterThan(1.6);
    expect(high / low).toBeLessThan(2.4);
  });

  test('an op changes the share of a running job', () => {
    const mesh = new SmallMesh({ peers: 2 });
    mesh.pass(500);
    const [first, second] = ['first', 'second'].map((name) =>
      mesh.publish(mesh.peer(0), { program: scattered(10, 5, name), accept: 100_000 }),
    );
    if (first === undefined || second === undefined) throw new Error('nothing published');
    mesh.pass(10_000);
    mesh.operate(mesh.peer(1), second.id, { kind: 'priority', priority: 2 });
    const before = [first, second].map(({ question }) => share(mesh, question.computation));
    mesh.pass(60_000);
    const [low = 0, high = 0] = [first, second].map(
      ({ question }, k) => share(mesh, question.computation) - (before[k] ?? 0),
    );
    expect(high / low).toBeGreaterThan(3);
  });
});
