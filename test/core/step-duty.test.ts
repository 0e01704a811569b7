import { describe, expect, test } from 'vitest';
import { SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

const WANTED = scattered(10, 5, 'wanted');
const OTHER = scattered(7, 5, 'other');

/** The name of the second job that is published in a mesh. */
const SECOND = 'job 1';

/** Three peers, of which the last is there for one job alone. */
function limited(job: string): { readonly mesh: SmallMesh; readonly last: Machine } {
  const mesh = new SmallMesh({ peers: 3 });
  const last = mesh.peer(2);
  last.dispatch({ kind: 'limit', job });
  mesh.pass(500);
  return { mesh, last };
}

/** How many candidates of a computation a peer evaluated. */
function evaluatedBy(mesh: SmallMesh, { id }: Machine, computation: string): number {
  return mesh.evaluations(computation).filter(({ peer }) => peer === id).length;
}

describe('a peer that works for its own jobs on demand', () => {
  /** Of two peers, the first began a job, fell, and is there again, on demand; the other is off. */
  function restarted(): { readonly mesh: SmallMesh; readonly peer: Machine; readonly job: Begun } {
    const mesh = new SmallMesh({ peers: 1 });
    const peer = mesh.peer(0);
    mesh.pass(500);
    const job = mesh.publish(peer, { program: OTHER, accept: 400 });
    mesh.pass(3000);
    mesh.kill(peer);
    mesh.start(peer);
    peer.dispatch({ kind: 'on-demand' });
    return { mesh, peer, job };
  }
  type Begun = ReturnType<SmallMesh['publish']>;

  test('leaves one of an earlier start until somebody waits for it', () => {
    const { mesh, peer, job } = restarted();
    mesh.pass(2000);
    const before = evaluatedBy(mesh, peer, job.question.computation);
    mesh.pass(10_000);
    expect(evaluatedBy(mesh, peer, job.question.computation)).toBe(before);
    peer.dispatch({ kind: 'want', job: job.id });
    expect(mesh.certificate(job.id)).toBe(askOracle(job.question).certificate);
  });

  test('does at once what is published now, also where that is the same question', () => {
    const { mesh, peer, job } = restarted();
    const next = mesh.publish(peer, { program: WANTED, accept: 50 });
    expect(mesh.certificate(next.id)).toBe(askOracle(next.question).certificate);
    const same = mesh.publish(peer, { program: OTHER, accept: 400 });
    expect(same.question).toEqual(job.question);
    expect(mesh.certificate(same.id)).toBe(askOracle(same.question).certificate);
  });
});

describe('a peer that is there for one job', () => {
  test('evaluates that one by its name and no other, while the others do both', () => {
    const { mesh, last } = limited(SECOND);
    const other = mesh.publish(mesh.peer(0), { program: OTHER, accept: 200 });
    const wanted = mesh.publish(mesh.peer(1), { program: WANTED, accept: 200 });
    expect(mesh.certificate(other.id)).toBe(askOracle(other.question).certificate);
    expect(mesh.certificate(wanted.id)).toBe(askOracle(wanted.question).certificate);
    expect(evaluatedBy(mesh, last, other.question.computation)).toBe(0);
    expect(evaluatedBy(mesh, last, wanted.question.computation)).toBeGreaterThan(0);
    expect(evaluatedBy(mesh, mesh.peer(0), other.question.computation)).toBeGreaterThan(0);
  });

  test('evaluates it by the beginning of its id, known from before its start', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const other = mesh.publish(mesh.peer(0), { program: OTHER, accept: 800 });
    const wanted = mesh.publish(mesh.peer(0), { program: WANTED, accept: 800 });
    const last = mesh.peer(2);
    const manifests = (): number =>
      [...last.disk.records.values()].filter(({ scope }) => scope === 'control').length;
    mesh.until('both on its disk', () => manifests() === 2);
    mesh.kill(last);
    mesh.start(last);
    expect(last.state?.jobs.size).toBe(2);
    last.dispatch({ kind: 'limit', job: wanted.id.slice(0, 12) });
    const from = mesh.now;
    mesh.certificate(other.id);
    mesh.certificate(wanted.id);
    const since = mesh.evaluations().filter((each) => each.peer === last.id && each.from > from);
    expect(new Set(since.map((each) => each.computation))).toEqual(
      new Set([wanted.question.computation]),
    );
  });

  test('tells the others what it refuses, so that they do not count on it', () => {
    const { mesh, last } = limited(SECOND);
    const other = mesh.publish(mesh.peer(0), { program: OTHER, accept: 1000 });
    const wanted = mesh.publish(mesh.peer(0), { program: WANTED, accept: 1000 });
    const told = (): readonly string[] =>
      mesh.peer(0).state?.roster.get(last.id)?.register.refuses ?? [];
    mesh.until('word of it', () => told().length > 0 && last.state?.jobs.size === 2);
    mesh.pass(2000);
    expect(told()).toEqual([other.question.computation]);
    mesh.certificate(other.id);
    mesh.certificate(wanted.id);
    mesh.until('the end of the refusal', () => told().length === 0);
  });

  test('leaves a larger job over the same computation to others', () => {
    const { mesh, last } = limited('nothing yet');
    const small = mesh.publish(mesh.peer(0), { program: WANTED, accept: 20 });
    last.dispatch({ kind: 'limit', job: small.id });
    mesh.certificate(small.id);
    const large = mesh.publish(mesh.peer(0), { program: WANTED, accept: 400 });
    const before = evaluatedBy(mesh, last, small.question.computation);
    expect(mesh.certificate(large.id)).toBe(askOracle(large.question).certificate);
    expect(evaluatedBy(mesh, last, small.question.computation)).toBe(before);
  });
});
