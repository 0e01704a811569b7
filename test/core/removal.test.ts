import { describe, expect, test } from 'vitest';
import type { PeerId } from '../../src/core/ids.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import type { Machine } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';
import type { Observer } from '../sim/world/world.ts';

const PROGRAM = scattered(10);

function removedAt(peer: Machine): PeerId[] {
  return [...(peer.state?.removed.keys() ?? [])].sort();
}

function remove(mesh: SmallMesh, at: Machine, peer: PeerId): number {
  return mesh.ask(at, (request) => ({ kind: 'remove', request, peer }));
}

function evaluatedBy(mesh: SmallMesh, { id }: Machine, from = 0): number {
  return mesh.evaluations().filter((each) => each.peer === id && each.from >= from).length;
}

/** What a peer's log says of an event. */
function logged(mesh: SmallMesh, { plan }: Machine, event: string): string[] {
  return mesh.transcript.filter((line) => line.includes(` ${plan.name.padEnd(4)} ${event} `));
}

describe('a removal', () => {
  test('spreads to all, is answered, and survives a restart', () => {
    const mesh = new SmallMesh({ peers: 4 });
    mesh.pass(500);
    const request = remove(mesh, mesh.peer(0), mesh.peer(3).id);
    expect(mesh.answer(mesh.peer(0), request)).toEqual({ kind: 'removed' });
    const gone = [mesh.peer(3).id];
    for (const k of [1, 2, 3]) {
      mesh.until(`word at ${k}`, () => removedAt(mesh.peer(k)).length > 0);
      expect(removedAt(mesh.peer(k))).toEqual(gone);
    }
    mesh.pass(1000);
    mesh.kill(mesh.peer(1));
    mesh.start(mesh.peer(1));
    expect(removedAt(mesh.peer(1))).toEqual(gone);
  });

  test('merges by union: what two halves wrote apart both hold in the end', () => {
    const mesh = new SmallMesh({ peers: 6 });
    mesh.pass(500);
    const [a, b, c, d, e, f] = mesh.peers as [Machine, Machine, Machine, Machine, Machine, Machine];
    mesh.partition([a, b], [c, d, e, f]);
    remove(mesh, a, e.id);
    remove(mesh, c, f.id);
    remove(mesh, d, e.id);
    mesh.pass(10_000);
    mesh.heal();
    const all = [e.id, f.id].sort();
    for (const peer of [a, b, c, d]) {
      mesh.until('the union', () => removedAt(peer).join() === all.join());
    }
    expect([...(b.state?.removed.get(e.id) ?? [])].sort()).toEqual([a.id, d.id].sort());
  });

  test('frees what the peer held and counts what it had found', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const job = mesh.publish(mesh.peer(0), { program: PROGRAM, accept: 300 });
    const last = mesh.peer(2);
    const taking = (): number => mesh.job(mesh.peer(0), job.id)?.computation.peersFor(job.id) ?? 0;
    mesh.until('work of all', () => taking() === 3);
    remove(mesh, mesh.peer(1), last.id);
    mesh.until('word', () => removedAt(mesh.peer(0)).length > 0);
    expect(mesh.peer(0).state?.roster.get(last.id)).toBeUndefined();
    mesh.kill(last);
    expect(mesh.certificate(job.id)).toBe(askOracle(job.question).certificate);
    expect(taking()).toBe(3);
  });

  test('makes what the peer says afterwards count for nothing', () => {
    const mesh = new SmallMesh({ peers: 3 });
    mesh.pass(500);
    const last = mesh.peer(2);
    remove(mesh, mesh.peer(0), last.id);
    mesh.pass(2000);
    const job = mesh.publish(last, { program: PROGRAM, accept: 100 });
    mesh.pass(30_000);
    for (const k of [0, 1]) {
      const { state } = mesh.peer(k);
      expect(state?.jobs.has(job.id)).toBe(false);
      expect(state?.roster.get(last.id)).toBeUndefined();
    }
  });

  test('by a removed machine, heard of afterwards, counts for nothing', () => {
    const mesh = new SmallMesh({ peers: 4 });
    mesh.pass(500);
    const [a, b, off, thief] = mesh.peers as [Machine, Machine, Machine, Machine];
    mesh.partition([a, b], [off, thief]);
    remove(mesh, a, thief.id);
    remove(mesh, thief, b.id);
    mesh.until('word of it', () => removedAt(off).length > 0);
    mesh.until('word of the removal', () => removedAt(b).length > 0);
    mesh.heal();
    const both = [b.id, thief.id].sort().join();
    mesh.until('both', () => removedAt(off).join() === both);
    mesh.pass(60_000);
    for (const peer of [a, b]) expect(removedAt(peer)).toEqual([thief.id]);
  });

  test('stays when its author is removed later, also for who joins after that', () => {
    const mesh = new SmallMesh({ peers: 4 });
    const [a, b, gone, late] = mesh.peers as [Machine, Machine, Machine, Machine];
    mesh.pass(500);
    mesh.partition([a, b, gone], [late]);
    remove(mesh, b, gone.id);
    mesh.until('word of it', () => removedAt(a).length > 0);
    remove(mesh, a, b.id);
    mesh.pass(2000);
    for (const peer of [b, gone]) mesh.kill(peer);
    const said = [...a.disk.records.values()].filter(({ origin }) => origin === a.id);
    for (const { n, body, ...log } of said.reverse()) {
      const groups = [{ ...log, records: [[n, body] as [number, Uint8Array]] }];
      late.dispatch({ kind: 'message', from: a.id, message: { kind: 'records', groups } });
    }
    mesh.heal();
    const all = [b.id, gone.id].sort().join();
    mesh.until('both', () => removedAt(late).join() === all);
  });

  test('said twice by the same machine is one record', () => {
    const mesh = new SmallMesh({ peers: 2 });
    mesh.pass(500);
    const [a] = mesh.peers as [Machine];
    remove(mesh, a, 'other');
    const again = remove(mesh, a, 'other');
    expect(mesh.answer(a, again)).toEqual({ kind: 'removed' });
    mesh.pass(2000);
    const records = [...a.disk.records.values()].filter(({ scope }) => scope === 'control');
    expect(records).toHaveLength(1);
  });

  test('is refused when it bears a wrong signature', () => {
    const mesh = new SmallMesh({ peers: 2 });
    mesh.pass(500);
    const [a, b] = [mesh.peer(0), mesh.peer(1)];
    remove(mesh, a, 'other');
    mesh.until('word', () => removedAt(b).length > 0);
    mesh.pass(2000);
    const [record] = [...a.disk.records.values()].filter(({ scope }) => scope === 'control');
    if (record === undefined) throw new Error('no record');
    const { scope, origin, start, n, body } = record;
    const forged = Uint8Array.from(body, (byte, k) => (k === body.length - 1 ? byte ^ 1 : byte));
    const groups = [{ scope, origin, start, records: [[n + 9, forged] as [number, Uint8Array]] }];
    const before = b.disk.records.size;
    b.dispatch({ kind: 'message', from: a.id, message: { kind: 'records', groups } });
    mesh.pass(2000);
    expect(b.disk.records.size).toBe(before);
    expect(logged(mesh, b, 'record.refused').join('\n')).toContain('a wrong signature');
  });

  test('of this machine is told in its log and changes nothing that it holds', () => {
    const mesh = new SmallMesh({ peers: 2 });
    mesh.pass(500);
    const last = mesh.peer(1);
    remove(mesh, mesh.peer(0), last.id);
    mesh.until('word', () => removedAt(last).length > 0);
    expect(logged(mesh, last, 'self.removed')).toHaveLength(1);
  });
});

describe('a peer that trusts some publishers alone', () => {
  test('evaluates no candidate of another one’s job, while the others do', () => {
    const mesh = new SmallMesh({ peers: 3 });
    const [owner, other, picky] = mesh.peers as [Machine, Machine, Machine];
    picky.dispatch({ kind: 'trust', peers: [other.id] });
    mesh.pass(500);
    const foreign = mesh.publish(owner, { program: PROGRAM, accept: 200 });
    expect(mesh.certificate(foreign.id)).toBe(askOracle(foreign.question).certificate);
    expect(evaluatedBy(mesh, picky)).toBe(0);
    expect(evaluatedBy(mesh, other)).toBeGreaterThan(0);
    const trusted = mesh.publish(other, { program: scattered(7), accept: 200 });
    mesh.certificate(trusted.id);
    expect(evaluatedBy(mesh, picky)).toBeGreaterThan(0);
  });

  test('evaluates its own jobs, whomever it trusts', () => {
    const mesh = new SmallMesh({ peers: 2 });
    const picky = mesh.peer(1);
    picky.dispatch({ kind: 'trust', peers: [] });
    mesh.pass(500);
    const own = mesh.publish(picky, { program: PROGRAM, accept: 200 });
    mesh.certificate(own.id);
    expect(evaluatedBy(mesh, picky)).toBeGreaterThan(0);
  });

  test('tells the others what it refuses, and not once all are trusted again', () => {
    const mesh = new SmallMesh({ peers: 2 });
    const [owner, picky] = [mesh.peer(0), mesh.peer(1)];
    picky.dispatch({ kind: 'trust', peers: [] });
    mesh.pass(500);
    const job = mesh.publish(owner, { program: PROGRAM, accept: 5000 });
    const told = (): string => owner.state?.roster.get(picky.id)?.register.refuses.join() ?? '';
    mesh.until('the refusal', () => told() === job.question.computation);
    picky.dispatch({ kind: 'trust', peers: null });
    mesh.until('its end', () => told() === '');
  });

  test('ends what it runs of a publisher that it trusts no more', () => {
    const mesh = new SmallMesh({ peers: 2 });
    const [owner, picky] = [mesh.peer(0), mesh.peer(1)];
    mesh.pass(500);
    // Each takes a minute: it would not end by itself before it is looked at.
    mesh.publish(owner, { program: scattered(10, 60_000, 'slow'), accept: 50 });
    mesh.until(
      'work',
      () => picky.state?.leases.some(({ startedAt }) => startedAt !== null) === true,
    );
    picky.dispatch({ kind: 'trust', peers: [] });
    const from = mesh.now + 1;
    mesh.pass(10_000);
    expect(evaluatedBy(mesh, picky, from)).toBe(0);
    expect(picky.state?.leases.filter(({ lease }) => lease.segment === undefined)).toEqual([]);
  });

  test('shares a computation with a publisher that it does not trust', () => {
    const mesh = new SmallMesh({ peers: 3 });
    const [owner, other, picky] = mesh.peers as [Machine, Machine, Machine];
    picky.dispatch({ kind: 'trust', peers: [other.id] });
    mesh.pass(500);
    const small = mesh.publish(other, { program: PROGRAM, accept: 50 });
    const large = mesh.publish(owner, { program: PROGRAM, accept: 300 });
    expect(mesh.certificate(small.id)).toBe(askOracle(small.question).certificate);
    const from = mesh.now + 1;
    expect(mesh.certificate(large.id)).toBe(askOracle(large.question).certificate);
    expect(evaluatedBy(mesh, picky, from)).toBe(0);
  });

  test('refuses a computation once the job is done that it was trusted for', () => {
    const mesh = new SmallMesh({ peers: 3 });
    const [owner, other, picky] = mesh.peers as [Machine, Machine, Machine];
    picky.dispatch({ kind: 'trust', peers: [other.id] });
    mesh.pass(500);
    const small = mesh.publish(other, { program: PROGRAM, accept: 20 });
    mesh.certificate(small.id);
    const large = mesh.publish(owner, { program: PROGRAM, accept: 5000 });
    const told = (): string => owner.state?.roster.get(picky.id)?.register.refuses.join() ?? '';
    mesh.until('the refusal', () => told() === large.question.computation);
  });

  test('ends the verification of a job whose publisher it trusts no more', () => {
    const kills: number[] = [];
    const runs: number[] = [];
    const stepped: Observer['stepped'] = ({ plan }, _, effects) => {
      if (plan.number !== 1) return;
      for (const effect of effects) {
        if (effect.kind === 'stop' && effect.mode === 'kill') kills.push(effect.execution);
        if (effect.kind === 'execute' && effect.execution.fresh) runs.push(effect.execution.id);
      }
    };
    const mesh = new SmallMesh({ peers: 2, observers: [{ stepped }] });
    const [owner, picky] = [mesh.peer(0), mesh.peer(1)];
    mesh.pass(500);
    const { id } = mesh.publish(owner, { program: scattered(10, 5000, 'slow'), accept: 5 });
    mesh.certificate(id, 600_000);
    mesh.until('the job there', () => mesh.job(picky, id)?.certificate !== null);
    const ranges = Array.from({ length: 40 }, (_, k) => [k, k + 1] as const);
    const request = mesh.ask(picky, (number) => ({
      ...{ kind: 'verify', request: number, job: id, ranges },
    }));
    mesh.until('a second run', () => runs.length > 0);
    picky.dispatch({ kind: 'trust', peers: [] });
    const begun = runs.length;
    expect(mesh.answer(picky, request)).toMatchObject({ code: 'MESH_UNTRUSTED' });
    expect(kills).toEqual(expect.arrayContaining(runs));
    mesh.pass(20_000);
    expect(runs).toHaveLength(begun);
  });
});
