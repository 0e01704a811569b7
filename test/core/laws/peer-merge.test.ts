import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lieAbout, SmallMesh } from '../../sim/small-mesh.ts';
import { scattered, type WrittenProgram } from '../../sim/world/program.ts';
import { deliveries, type Parcel, Reader } from './deliveries.ts';
import { digestsOf, knowledgeOf } from './knowledge.ts';
import { recordSets } from './record-sets.ts';

/** A world that has come to rest: every record of it, and the mesh that made them. */
interface Rested {
  readonly mesh: SmallMesh;
  readonly parcels: readonly Parcel[];
}

function rested(mesh: SmallMesh): Rested {
  mesh.pass(40_000);
  const all = new Map(mesh.peers.flatMap(({ disk }) => [...disk.records]));
  const parcels = [...all.values()].map(({ scope, origin, start, n, body }) => {
    return { key: { scope, origin, start, n }, body };
  });
  // More than 256 groups that come before their job are not kept, but fetched again.
  if (parcels.length > 250) throw new Error(`${parcels.length} records`);
  return { mesh, parcels };
}

/** Three jobs, one of them paused and one at another priority; a cancel that came too late. */
function operated(): SmallMesh {
  const mesh = new SmallMesh({ peers: 3, seed: 3 });
  const [a, b, c] = [mesh.peer(0), mesh.peer(1), mesh.peer(2)];
  mesh.pass(500);
  const ended = mesh.publish(a, { program: scattered(10), accept: 40 });
  const paused = mesh.publish(b, { program: scattered(9, 600, 'paused'), accept: 4000 });
  const again = mesh.publish(c, { program: scattered(10), accept: 20, probe: 12 });
  mesh.operate(c, again.id, { kind: 'priority', priority: 3 });
  mesh.pass(500);
  mesh.operate(a, paused.id, { kind: 'pause', paused: true });
  mesh.operate(b, paused.id, { kind: 'pause', paused: false });
  mesh.partition([c]);
  mesh.until('the end', () => mesh.job(a, ended.id)?.phase === 'done');
  mesh.operate(c, ended.id, { kind: 'cancel', reason: 'user', wait: false });
  mesh.pass(6000);
  mesh.heal();
  mesh.pass(3000);
  mesh.operate(c, paused.id, { kind: 'cancel', reason: 'deadline', wait: false });
  return mesh;
}

/** Indices that take every executor down, a peer that is killed, and a skip by hand. */
function stuck(): SmallMesh {
  const deadly: WrittenProgram = {
    ...scattered(5, 5, 'dies at 40 and 77, hangs at 90'),
    deadly: [40, 77],
    written: (index) => (index === 90 ? { costMs: 1e9 } : undefined),
  };
  const mesh = new SmallMesh({ peers: 3, seed: 4 });
  mesh.pass(500);
  const { id } = mesh.publish(mesh.peer(0), { program: deadly, accept: 60 });
  mesh.pass(900);
  mesh.kill(mesh.peer(2));
  mesh.pass(4000);
  mesh.start(mesh.peer(2));
  mesh.ask(mesh.peer(1), (request) => ({ kind: 'skip', request, job: id, index: 90 }));
  return mesh;
}

/** One peer of four tells a lie, and is outvoted; the job goes on. */
function disputed(): SmallMesh {
  const program = scattered(5, 250);
  const mesh = new SmallMesh({ peers: 4, seed: 5 });
  lieAbout(9, mesh.peer(2));
  mesh.pass(500);
  const jobs = [0, 2].map((k) => mesh.publish(mesh.peer(k), { program, accept: 4000, probe: 12 }));
  mesh.pass(8000);
  const known = mesh.job(mesh.peer(1), jobs[0]?.id ?? '')?.computation;
  if (known?.disputes.size !== 1) throw new Error('nothing is disputed');
  for (const { id } of jobs) mesh.operate(mesh.peer(0), id, { kind: 'pause', paused: true });
  return mesh;
}

const WORLDS = { operated, stuck, disputed } as const;

describe('whole peers', () => {
  test('know the same of the same records, however they were delivered', () => {
    const cases = recordSets.chain((parcels) =>
      fc.tuple(deliveries(parcels), deliveries(parcels), deliveries(parcels)),
    );
    fc.assert(
      fc.property(cases, (all) => {
        const readers = all.map((delivery, k) => new Reader(`reader-${k}`).receive(delivery));
        const [first, ...others] = readers.map(({ id, state }) => knowledgeOf(state, id));
        for (const other of others) expect(other).toEqual(first);
        const [digests, ...theirs] = readers.map(({ state }) => digestsOf(state));
        for (const other of theirs) expect(other).toEqual(digests);
      }),
      { seed: 401, numRuns: 500 },
    );
  });

  test('know all that two others know, whichever of them they heard first', () => {
    const halves = recordSets.chain((parcels) =>
      fc.tuple(fc.shuffledSubarray(parcels), fc.shuffledSubarray(parcels)),
    );
    const cases = halves.chain(([a, b]) => fc.tuple(deliveries(a), deliveries(b)));
    fc.assert(
      fc.property(cases, ([a, b]) => {
        const [ab, ba, abab] = [
          [...a, ...b],
          [...b, ...a],
          [...a, ...b, ...a, ...b],
        ].map((delivery) => {
          const { id, state } = new Reader('reader').receive(delivery);
          return knowledgeOf(state, id);
        });
        expect(ba).toEqual(ab);
        expect(abab).toEqual(ab);
      }),
      { seed: 402, numRuns: 300 },
    );
  });

  test.each(['operated', 'stuck', 'disputed'] as const)(
    'that join late know what those know that made the records (%s)',
    (name) => {
      const { mesh, parcels } = rested(WORLDS[name]());
      const known = mesh.peers.map(({ state }) => state && knowledgeOf(state, 'reader'));
      for (const other of known) expect(other).toEqual(known[0]);
      fc.assert(
        fc.property(fc.nat(), (seed) => {
          // By its seed, so that a failure is not told by printing all records.
          const [delivery = []] = fc.sample(deliveries(parcels), { seed, numRuns: 1 });
          const { state } = new Reader('reader').receive(delivery);
          expect(knowledgeOf(state, 'reader')).toEqual(known[0]);
        }),
        { seed: 403, numRuns: 30 },
      );
    },
  );
});
