import { describe, expect, test } from 'vitest';
import type { JobId } from '../../src/core/ids.ts';
import { choicePayload, encodeBody } from '../../src/core/record-codec.ts';
import { SmallMesh } from '../sim/small-mesh.ts';
import { type Machine, sign } from '../sim/world/machine.ts';
import { scattered } from '../sim/world/program.ts';
import { inTwoParts, PROGRAM, runsTellWhere } from './commands-apart.ts';

/** All lines of a job as a peer has them. */
function lines(mesh: SmallMesh, peer: Machine, id: JobId): string[] {
  const job = mesh.job(peer, id);
  const count = job?.manifest.target.count ?? 0;
  return Array.from({ length: count }, (_, k) => JSON.stringify(job?.computation.answers.get(k)));
}

function runsOf(mesh: SmallMesh, index: number): number {
  return mesh.evaluations().filter((each) => each.index === index).length;
}

describe('commands', () => {
  test('run once each in a mesh where nothing fails, and all peers hold the same', () => {
    const mesh = new SmallMesh({ peers: 4, slots: 2 });
    runsTellWhere(mesh);
    mesh.pass(2000);
    const { id } = mesh.publish(mesh.peer(1), { program: PROGRAM, accept: 800, commands: true });
    mesh.certificate(id);
    mesh.pass(5000);
    expect(mesh.evaluations()).toHaveLength(800);
    const first = lines(mesh, mesh.peer(0), id);
    for (const peer of mesh.peers) expect(lines(mesh, peer, id)).toEqual(first);
  });

  test.each([
    [60, 1600],
    [400, 240],
    [5000, 24],
  ])(
    'of %i ms keep the slots of a mesh at work, though each stands for a while first',
    (costMs, count) => {
      const mesh = new SmallMesh({ peers: 4, slots: 2 });
      mesh.pass(2000);
      const from = mesh.now;
      const job = { program: scattered(1, costMs), accept: count, commands: true };
      const { id } = mesh.publish(mesh.peer(1), job);
      mesh.certificate(id);
      expect(mesh.evaluations()).toHaveLength(count);
      const idealMs = Math.ceil(count / 8) * costMs;
      // They stand for 2 s at the beginning, and the last ones may once more.
      expect(mesh.now - from).toBeLessThan(1.3 * idealMs + 5000);
    },
  );

  test('that ran on both sides of a partition count as their owner knew them first', () => {
    const { mesh, owner, other, id } = inTwoParts();
    const before = lines(mesh, owner, id);
    expect(lines(mesh, other, id)).not.toEqual(before);
    mesh.heal();
    mesh.certificate(id);
    mesh.until('one choice', () => lines(mesh, other, id).join() === before.join());
    expect(lines(mesh, owner, id)).toEqual(before);
    mesh.pass(20_000);
    for (const peer of mesh.peers) {
      const job = mesh.job(peer, id);
      expect(job?.alarms).toEqual([]);
      expect(job?.computation.disputes.size).toBe(0);
      expect(job?.phase).toBe('done');
    }
    // Nothing is evaluated again to settle it.
    expect(Math.max(...Array.from({ length: 200 }, (_, k) => runsOf(mesh, k)))).toBe(2);
  });

  test('keep the choice over a restart of all', () => {
    const { mesh, owner, other, id } = inTwoParts();
    const before = lines(mesh, owner, id);
    mesh.heal();
    mesh.until('one choice', () => lines(mesh, other, id).join() === before.join());
    mesh.pass(3000);
    for (const peer of mesh.peers) mesh.kill(peer);
    for (const peer of mesh.peers) mesh.start(peer);
    for (const peer of mesh.peers) {
      mesh.until('its job again', () => mesh.job(peer, id)?.computation.coverage.count() === 200);
      expect(lines(mesh, peer, id)).toEqual(before);
    }
  });

  test('are certified by their owner alone, who may be away meanwhile', () => {
    const mesh = new SmallMesh({ peers: 3 });
    runsTellWhere(mesh);
    mesh.pass(2000);
    const [owner, b, c] = mesh.peers as [Machine, Machine, Machine];
    const { id } = mesh.publish(owner, { program: PROGRAM, accept: 300, commands: true });
    mesh.pass(3000);
    mesh.kill(owner);
    const all = (peer: Machine): boolean =>
      mesh.job(peer, id)?.computation.coverage.count() === 300;
    mesh.until('all ran', () => all(b) && all(c));
    mesh.pass(20_000);
    for (const peer of [b, c]) expect(mesh.job(peer, id)?.ending).toBeNull();
    mesh.start(owner);
    mesh.certificate(id);
  });

  test('begin at once alone, and the first of a list at its publisher; all others stand first', () => {
    const startsIn = (peers: number): { peer: string; index: number; ms: number }[] => {
      const mesh = new SmallMesh({ peers });
      mesh.pass(3000);
      const at = mesh.now;
      const job = { program: PROGRAM, accept: 500, commands: true };
      const { id, owner } = { ...mesh.publish(mesh.peer(0), job), owner: mesh.peer(0).id };
      mesh.certificate(id);
      expect(mesh.evaluations()).toHaveLength(500);
      return mesh.evaluations().map(({ peer, index, from }) => {
        return { peer: peer === owner ? 'owner' : 'other', index, ms: from - at };
      });
    };
    const first = (starts: { ms: number }[]): number => Math.min(...starts.map(({ ms }) => ms));
    expect(first(startsIn(1))).toBeLessThan(100);
    const starts = startsIn(3);
    const own = starts.filter(({ peer, index }) => peer === 'owner' && index < 64);
    expect(first(own)).toBeLessThan(100);
    expect(first(starts.filter(({ index }) => index >= 64))).toBeGreaterThan(2000);
    expect(first(starts.filter(({ peer }) => peer === 'other'))).toBeGreaterThan(2000);
  });

  test.each([
    [1, 4],
    [2, 8],
  ])('that their publisher does not come to soon are given back: %i slots', (slots, accept) => {
    const mesh = new SmallMesh({ peers: 4, slots });
    mesh.pass(3000);
    const at = mesh.now;
    const job = { program: scattered(1, 20_000), accept, commands: true };
    const { id } = mesh.publish(mesh.peer(0), job);
    mesh.certificate(id);
    expect(new Set(mesh.evaluations().map(({ peer }) => peer)).size).toBe(4);
    expect(mesh.now - at).toBeLessThan(27_000);
  });

  test('of a killed peer run again only where their outcome had not been told', () => {
    const mesh = new SmallMesh({ peers: 2 });
    runsTellWhere(mesh);
    mesh.pass(2000);
    const [owner, other] = [mesh.peer(0), mesh.peer(1)];
    const { id } = mesh.publish(owner, { program: PROGRAM, accept: 1000, commands: true });
    const ranAtOther = () => mesh.evaluations().filter(({ peer }) => peer === other.id);
    mesh.until('work at both', () => ranAtOther().length > 100);
    mesh.kill(other);
    mesh.certificate(id);
    const twice = Array.from({ length: 1000 }, (_, k) => runsOf(mesh, k)).filter((n) => n > 1);
    // A batch is 50 ms of commands of 20 ms; one more may be on its way.
    expect(twice.length).toBeLessThanOrEqual(6);
  });
});

test('a choice by somebody else than the owner of the commands is refused', () => {
  const { mesh, owner, other, id } = inTwoParts();
  const job = mesh.job(other, id);
  const before = lines(mesh, owner, id);
  const computation = job?.computation.id ?? '';
  const of = job?.computation.recordAt(7);
  if (of === undefined) throw new Error('no record');
  mesh.heal();
  mesh.until('one choice', () => lines(mesh, other, id).join() === before.join());
  const forged = { computation, index: 7, of };
  const signature = sign(other.id, choicePayload(forged));
  const body = encodeBody({ kind: 'choice', ...forged, signature });
  const start = other.state?.start ?? of.start;
  const group = { scope: computation, origin: other.id, start };
  owner.dispatch({
    kind: 'message',
    from: other.id,
    message: { kind: 'records', groups: [{ ...group, records: [[90, body]] }] },
  });
  expect(mesh.transcript.at(-1)).toMatch(/record\.refused .*a choice of no owner/);
  expect(lines(mesh, owner, id)).toEqual(before);
});
