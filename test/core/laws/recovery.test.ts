import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openLeases } from '../../../src/core/lease-book.ts';
import type { PeerState } from '../../../src/core/peer-state.ts';
import { lieAbout, SmallMesh, type SmallOptions } from '../../sim/small-mesh.ts';
import type { Machine } from '../../sim/world/machine.ts';
import { scattered, type WrittenProgram } from '../../sim/world/program.ts';
import { computationOf, jobOf, logsOf } from './knowledge.ts';
import { RECOVERING, type Run, recoveries, writeDown } from './write-history.ts';

/** A value of more than 256 bytes, an error, and an index that takes its executor down. */
function program(name: string, deadly: number): WrittenProgram {
  return {
    ...scattered(4, 150, name),
    deadly: [deadly],
    written: (index) => {
      if (index % 11 === 3) return { outcome: { error: 'RangeError' } };
      return index % 7 === 5 ? { outcome: `${index}`.padStart(300, 'x') } : undefined;
    },
  };
}

type Recoverable = Readonly<
  Record<
    'jobs' | 'computations' | 'tombstones' | 'successors' | 'waiting' | 'blobs' | 'logs',
    readonly unknown[]
  >
>;

/** All that a peer is to know again after its process ended; its open leases are then lost. */
function recoverable(state: PeerState): Recoverable {
  // The log of the run that recovers is not there before.
  const recovering = state.self.name === RECOVERING ? state.start.nonce : null;
  const open = openLeases(state).map(({ lease }) => lease);
  const computations = [...state.computations.values()].map((computation) => {
    const { losses, ...rest } = computationOf(computation) as { losses: string[] };
    const own = open.filter(({ computation: id }) => id === computation.id);
    const lost = own.filter(({ lo, hi }) => !computation.coverage.covers(lo, hi));
    const told = lost.map(({ lo, hi }) => `${state.self.peer} ${lo} ${hi}`);
    return [computation.id, { ...rest, losses: [...losses, ...told].sort() }];
  });
  return {
    jobs: [...state.jobs].map(([id, job]) => [id, jobOf(job), job.endedAt]).sort(),
    computations: computations.sort(),
    tombstones: [...state.tombstones].sort(),
    successors: [...state.successors.keys()].sort(),
    waiting: [...state.orphans].map(([job, all]) => `${job} ${all.length}`).sort(),
    blobs: [...state.blobs.keys()].sort(),
    logs: logsOf(state, ({ start }) => start.nonce === recovering),
  };
}

/** What happens to a world, step by step. */
type Happening =
  | { readonly kind: 'publish'; readonly at: number; readonly accept: number }
  | { readonly kind: 'operate'; readonly at: number; readonly job: number; readonly how: number }
  | { readonly kind: 'kill'; readonly at: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'heal' };

const at = fc.nat(2);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('publish' as const),
      at,
      accept: fc.integer({ min: 2, max: 14 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('operate' as const),
      at,
      job: fc.nat(3),
      how: fc.nat(5),
    }),
  },
  fc.record({ kind: fc.constant('kill' as const), at }),
  fc.record({ kind: fc.constant('cut' as const), at }),
  fc.constant({ kind: 'heal' } as const),
);

const OPS = [
  { kind: 'pause', paused: true },
  { kind: 'pause', paused: false },
  { kind: 'priority', priority: 4 },
  { kind: 'cancel', reason: 'user', wait: false },
] as const;

function happen(mesh: SmallMesh, jobs: string[], each: Happening): void {
  if (each.kind === 'heal') return mesh.heal();
  const peer = mesh.peer(each.at);
  if (peer.state === null) return mesh.start(peer);
  if (each.kind === 'kill') return mesh.kill(peer);
  if (each.kind === 'cut') return mesh.partition([peer]);
  if (each.kind === 'publish') {
    const asked = program(`dies at ${6 + (each.accept % 3)}`, 6 + (each.accept % 3));
    const probe = each.accept % 2 === 0 ? 5 : 0;
    jobs.push(mesh.publish(peer, { program: asked, accept: each.accept, probe }).id);
    return;
  }
  const job = jobs[each.job % Math.max(jobs.length, 1)];
  const change = OPS[each.how];
  if (job === undefined) return;
  if (change !== undefined) mesh.operate(peer, job, change);
  else mesh.ask(peer, (request) => ({ kind: 'skip', request, job, index: each.how + 3 }));
}

/** A world in which every batch of one of its peers is written down, from its first start on. */
function watching(options: SmallOptions, which: number): Watched {
  const mesh = new SmallMesh(options);
  const peer = mesh.peer(which);
  mesh.kill(peer);
  const runs = writeDown(mesh, peer, recoverable);
  mesh.pass(100);
  mesh.start(peer);
  return { mesh, peer, runs };
}

interface Watched {
  readonly mesh: SmallMesh;
  readonly peer: Machine;
  readonly runs: readonly Run<Recoverable>[];
}

/** Starts a peer on every prefix of every run; returns how many that were. */
function expectRecovered({ peer, runs }: Watched): number {
  const last = runs.at(-1)?.batches.at(-1)?.told;
  // The batches are those that the peer made: what they come to is what it knows.
  if (peer.state !== null && last !== undefined) expect(last).toEqual(recoverable(peer.state));
  let prefixes = 0;
  for (const run of runs) {
    for (const { known, recovered } of recoveries(peer, run, recoverable)) {
      expect(recovered).toEqual(known);
      prefixes++;
    }
  }
  return prefixes;
}

describe('a peer that starts on any prefix of its write batches', () => {
  test('knows what it knew when it had made them', () => {
    const happenings = fc.array(happening, { minLength: 4, maxLength: 12 });
    let prefixes = 0;
    fc.assert(
      fc.property(fc.nat(10_000), happenings, at, (seed, all, which) => {
        const watched = watching({ peers: 3, seed, loss: 0.1 }, which);
        const { mesh } = watched;
        const jobs: string[] = [];
        happen(mesh, jobs, { kind: 'publish', at: (which + 1) % 3, accept: 9 });
        for (const each of all) {
          mesh.pass(700);
          happen(mesh, jobs, each);
        }
        mesh.pass(3000);
        prefixes += expectRecovered(watched);
      }),
      { seed: 501, numRuns: 30 },
    );
    expect(prefixes).toBeGreaterThan(1000);
  });

  test('knows what was disputed and how that was settled, before any end', () => {
    const disputed = scattered(5, 100);
    const watched = watching({ peers: 3, seed: 7 }, 1);
    const { mesh, peer } = watched;
    lieAbout(9, mesh.peer(2));
    mesh.pass(500);
    const { id } = mesh.publish(mesh.peer(2), { program: disputed, accept: 4000, probe: 12 });
    mesh.publish(mesh.peer(0), { program: disputed, accept: 4000, probe: 12 });
    mesh.pass(5000);
    const computation = mesh.job(peer, id)?.computation;
    expect([...(computation?.disputes.indices() ?? [])]).toEqual([9]);
    expect(computation?.openDisputes()).toEqual([]);
    expectRecovered(watched);
  });

  test('knows the jobs that it collected as ended, and nothing else of them', () => {
    const watched = watching({ peers: 2, seed: 8 }, 1);
    const { mesh, peer } = watched;
    const first = mesh.publish(mesh.peer(0), { program: program('first', 1e6), accept: 12 });
    mesh.certificate(first.id);
    mesh.pass(3000);
    const second = mesh.publish(mesh.peer(0), { program: program('first', 1e6), accept: 40 });
    mesh.pass(2000);
    peer.dispatch({ kind: 'wall', wallMs: 1.7e12 + 8 * 24 * 3_600_000 });
    mesh.certificate(second.id);
    peer.dispatch({ kind: 'wall', wallMs: 1.7e12 + 16 * 24 * 3_600_000 });
    expect([...(peer.state?.tombstones.keys() ?? [])].sort()).toEqual([first.id, second.id].sort());
    expectRecovered(watched);
    expect(watched.runs.at(-1)?.batches.at(-1)?.told).toMatchObject({ jobs: [], computations: [] });
  });
});
