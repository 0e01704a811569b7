import { expect, test } from 'vitest';
import { Computation } from '../../../src/core/computation.ts';
import { outcomeKey } from '../../../src/core/outcome.ts';
import { lieAbout, SmallMesh } from '../../sim/small-mesh.ts';
import { scattered, type WrittenProgram } from '../../sim/world/program.ts';
import { Reader } from './deliveries.ts';
import { jobOf } from './knowledge.ts';
import { placed, segmentOf } from './work-records.ts';

/** Index 9 is lied about by one of four peers, and settled by fresh runs before the end. */
function lied() {
  const program = scattered(5);
  const mesh = new SmallMesh({ peers: 4 });
  lieAbout(9, mesh.peer(2));
  mesh.pass(500);
  const { id } = mesh.publish(mesh.peer(2), { program, accept: 40, probe: 12 });
  mesh.pass(200);
  mesh.publish(mesh.peer(0), { program, accept: 20, probe: 12 });
  mesh.certificate(id);
  mesh.pass(20_000);
  return { mesh, id };
}

test('a settled and certified outcome is the same after a restart', () => {
  const { mesh, id } = lied();
  const peer = mesh.peer(0);
  const told = () => outcomeKey(mesh.job(peer, id)?.computation.answers.get(9));
  const before = told();
  mesh.kill(peer);
  mesh.start(peer);
  expect(told()).toBe(before);
});

test('a peer that joins after the end serves the certified lines', () => {
  const { mesh, id } = lied();
  const reader = new Reader('reader');
  const all = new Map(mesh.peers.flatMap(({ disk }) => [...disk.records]));
  const names = [...all.keys()].sort();
  for (const name of [...names.filter((n) => n.startsWith('control ')), ...names]) {
    const record = all.get(name);
    if (record === undefined) continue;
    const { scope, origin, start, n, body } = record;
    reader.receive([[{ scope, origin, start, records: [[n, body]] }]]);
  }
  const job = reader.state.jobs.get(id);
  expect(outcomeKey(job?.computation.answers.get(9))).toBe(
    outcomeKey(mesh.job(mesh.peer(0), id)?.computation.answers.get(9)),
  );
  expect(job?.alarms).toEqual([]);
});

test('a peer that ended by its own certificate stays with it after a restart', () => {
  const mesh = new SmallMesh({ peers: 3 });
  const c = mesh.peer(2);
  for (const k of [0, 1]) mesh.peer(k).alters = (program) => ({ ...program, deadly: [3] });
  mesh.pass(500);
  const { id } = mesh.publish(mesh.peer(0), { program: scattered(5, 100), accept: 10 });
  mesh.until('it is known', () => mesh.job(c, id) !== undefined && c.disk.blobs.size === 2);
  mesh.partition([c]);
  mesh.until('the ends', () => mesh.peers.every((peer) => mesh.job(peer, id)?.ending != null));
  mesh.heal();
  mesh.pass(30_000);
  const before = mesh.job(c, id)?.endedBy;
  expect(before).toBe('own');
  mesh.kill(c);
  mesh.start(c);
  expect(mesh.job(c, id)?.endedBy).toBe(before);
});

test('a second job over a computation whose first eight indices are stuck is the same to all', () => {
  const deadly: WrittenProgram = {
    ...scattered(5, 5, 'always dies'),
    written: () => ({ failure: 'died' }),
  };
  const mesh = new SmallMesh({ peers: 2 });
  mesh.pass(500);
  const one = mesh.publish(mesh.peer(0), { program: deadly, accept: 5 });
  mesh.until('it failed', () => mesh.peers.every((p) => mesh.job(p, one.id)?.phase === 'failed'));
  mesh.pass(5000);
  const two = mesh.publish(mesh.peer(0), { program: deadly, accept: 5 });
  mesh.pass(1200);
  const live = mesh.job(mesh.peer(0), two.id);
  const reader = new Reader('reader');
  const records = [...mesh.peer(0).disk.records].sort(([a], [b]) => (a > b ? -1 : 1));
  for (const [, { scope, origin, start, n, body }] of records) {
    reader.receive([[{ scope, origin, start, records: [[n, body]] }]]);
  }
  const joined = reader.state.jobs.get(two.id);
  expect(joined && jobOf(joined)).toEqual(live && jobOf(live));
});

const SCOPE = 'ab'.repeat(32);
function known(...all: ReturnType<typeof segmentOf>[]): Computation {
  const spec = {
    program: SCOPE,
    params: SCOPE,
    seed: 7,
    contract: 1,
    mathClass: '00'.repeat(8),
    commandsOf: null,
  };
  const computation = new Computation(SCOPE, { ...spec, items: null });
  for (const [key, body] of placed(SCOPE, all)) computation.apply(key, body);
  return computation;
}

test('a long value is known by the lowest index that has it, in any order', () => {
  const [low, high] = [2, 9].map((lo) => segmentOf(SCOPE, lo, ['long same'], false));
  if (low === undefined || high === undefined) throw new Error('two segments');
  expect([...known(low, high).long.values()]).toEqual([2]);
  expect([...known(high, low).long.values()]).toEqual([2]);
});

test('a long value that a dispute was settled for is looked for', () => {
  const fresh = segmentOf(SCOPE, 2, ['long truth'], true);
  const computation = known(segmentOf(SCOPE, 2, [666], false), fresh, { ...fresh });
  expect(computation.answers.get(2)?.kind).toBe('long');
  expect(computation.long.size).toBe(1);
});
