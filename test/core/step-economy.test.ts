import { describe, expect, test } from 'vitest';
import { NO_LIMITS } from '../../src/core/limits.ts';
import type { Lease, Register } from '../../src/core/register.ts';
import { type SmallJob, SmallMesh, type SmallOptions } from '../sim/small-mesh.ts';
import { type Machine, sha256 } from '../sim/world/machine.ts';
import { askOracle } from '../sim/world/oracle.ts';
import { scattered } from '../sim/world/program.ts';

/** Runs a job to its end: how much was evaluated twice, and how much beyond the answer. */
function cost(options: SmallOptions, job: SmallJob) {
  const mesh = new SmallMesh(options);
  mesh.pass(1000);
  const { id, question } = mesh.publish(mesh.peer(0), job);
  const from = mesh.now;
  const certificate = mesh.certificate(id, 600_000);
  const oracle = askOracle(question);
  expect(certificate).toBe(oracle.certificate);
  const all = mesh.evaluations();
  const distinct = new Set(all.map(({ index }) => index)).size;
  return {
    mesh,
    ms: mesh.now - from,
    end: oracle.end,
    twice: (all.length - distinct) / distinct,
    beyond: distinct - oracle.end,
  };
}

describe('economy', () => {
  test('in a calm mesh of ten, duplicate work stays within three percent', () => {
    for (const seed of [1, 2]) {
      const world = { peers: 10, seed, delayMs: [20, 100] } as const;
      const { twice } = cost(world, { program: scattered(10, 40), accept: 400, probe: 10 });
      expect(twice).toBeLessThan(0.03);
    }
  });

  test('ten peers are more than six times as fast as one', () => {
    const job = { program: scattered(10, 20), accept: 1000, probe: 10 };
    const one = cost({ peers: 1 }, job);
    const ten = cost({ peers: 10 }, job);
    expect(one.twice).toBe(0);
    expect(one.ms / ten.ms).toBeGreaterThan(6);
  });

  test('evaluations beyond the answer stay within the cap', () => {
    for (const every of [2, 10, 100]) {
      for (const seed of [1, 2]) {
        const program = scattered(every, 5);
        const { beyond } = cost({ peers: 4, seed }, { program, accept: 100, probe: 20 });
        // With r = 25 still missing: 2·√r candidates for each accepted one, and a block in hand.
        expect(beyond).toBeLessThan(every * 10 + 4 * 64);
      }
    }
  });

  test('a function that accepts everything does not overshoot', () => {
    const all = scattered(1, 10, 'all');
    for (const probe of [0, 64]) {
      const { beyond } = cost({ peers: 4 }, { program: all, accept: 500, probe });
      expect(beyond).toBeLessThan(50);
    }
  });

  test('a slow peer is overtaken by copies and does not hold the end back', () => {
    const mesh = new SmallMesh({ peers: 4, slowness: [1, 1, 1, 2000] });
    mesh.pass(1000);
    const { id, question } = mesh.publish(mesh.peer(0), { program: scattered(10), accept: 200 });
    expect(mesh.certificate(id)).toBe(askOracle(question).certificate);
    expect(mesh.now).toBeLessThan(20_000);
  });
});

describe('what is asked for', () => {
  test('is no segment that came with the heartbeat which tells of it', () => {
    const job = { program: scattered(10, 40), accept: 400, probe: 10 };
    const { mesh } = cost({ peers: 12, delayMs: [20, 60] }, job);
    const segments = mesh.peers.flatMap(({ disk }) => [...disk.records.values()]).length / 12;
    expect(segments).toBeGreaterThan(200);
    expect(mesh.network.traffic.sent.get('pull') ?? 0).toBeLessThan(segments);
  });

  test('is no segment that the heartbeat which tells of it overtook', () => {
    const job = { program: scattered(10, 100), accept: 100, probe: 10 };
    const { mesh } = cost({ peers: 3, delayMs: [2, 40] }, job);
    const segments = mesh.peers.flatMap(({ disk }) => [...disk.records.values()]).length / 3;
    expect(segments).toBeGreaterThan(100);
    expect(mesh.network.traffic.sent.get('pull') ?? 0).toBeLessThan(segments / 20);
  });

  test('is the program of its owner first, who has it', () => {
    const { mesh } = cost({ peers: 12 }, { program: scattered(10, 40), accept: 100 });
    expect(mesh.network.traffic.sent.get('want')).toBe(2 * 11);
    expect(mesh.network.traffic.sent.get('none') ?? 0).toBe(0);
  });

  test('is nothing of the cut-off half: each half goes on with its own blocks', () => {
    const mesh = new SmallMesh({ peers: 8 });
    mesh.pass(1000);
    const program = scattered(10, 100);
    const { id, question } = mesh.publish(mesh.peer(0), { program, accept: 400, probe: 10 });
    mesh.pass(3000);
    mesh.partition(mesh.peers.slice(0, 4), mesh.peers.slice(4));
    mesh.pass(25_000);
    mesh.heal();
    expect(mesh.certificate(id, 600_000)).toBe(askOracle(question).certificate);
    const indices = mesh.evaluations().map(({ index }) => index);
    expect(indices.length / new Set(indices).size).toBeLessThan(1.1);
  });
});

describe('a conflict of leases', () => {
  const HANGS = scattered(1, 1e6, 'hangs');

  /** A heartbeat of a peer that exists on paper only, with one lease. */
  function rival(name: string, lease: Lease, peer: Machine, sequence: number): void {
    const register: Register = {
      ...{ peer: name, start: { incarnation: 1, nonce: '00'.repeat(8) }, sequence, name },
      ...{
        version: '0',
        slots: 1,
        mathClass: 'aa'.repeat(8),
        addresses: [],
        tags: [],
        refuses: [],
      },
      ...{ heartbeatMs: 1000, leaving: false, stores: true, load: null, leases: [lease] },
    };
    const message = { kind: 'heartbeat', register, fresh: [] } as const;
    peer.dispatch({ kind: 'message', from: name, message: { ...message, fresh: [] } });
  }

  /** A peer that has just claimed an interval, and rivals by the rank that decides. */
  function claimed(program = HANGS) {
    const mesh = new SmallMesh({ peers: 1 });
    const { id, question } = mesh.publish(mesh.peer(0), { program, accept: 5, probe: 0 });
    mesh.pass(100);
    const peer = mesh.peer(0);
    const [held] = peer.executors.executions();
    if (held === undefined) throw new Error('nothing is claimed');
    const { lo, hi } = held;
    const rank = (name: string): string => sha256(`${question.computation} ${lo} ${name}`);
    const names = Array.from({ length: 20 }, (_, k) => `rival-${k}`);
    const lower = names.find((name) => rank(name) < rank(peer.id)) ?? '';
    const higher = names.find((name) => rank(name) > rank(peer.id)) ?? '';
    const { computation } = question;
    const lease = {
      id: 1,
      computation,
      job: id,
      lo,
      hi,
      limits: NO_LIMITS,
      copy: false,
      running: false,
    };
    const holds = (): boolean => peer.executors.executions().some(({ id: held }) => held === first);
    const first = held.id;
    return { mesh, peer, lease, lower, higher, holds };
  }

  test('is settled by the lower hash', () => {
    const { mesh, peer, lease, lower, higher, holds } = claimed();
    rival(higher, lease, peer, 1);
    mesh.pass(10);
    expect(holds()).toBe(true);
    rival(lower, lease, peer, 1);
    mesh.pass(300);
    expect(holds()).toBe(false);
  });

  test('leaves who gives way a tenth of a second for the batch in hand', () => {
    const ending = claimed(scattered(1, 150, 'ends'));
    rival(ending.lower, ending.lease, ending.peer, 1);
    ending.mesh.pass(95);
    expect(ending.holds()).toBe(false);
    expect(ending.mesh.evaluations()).toHaveLength(1);
    const endless = claimed();
    rival(endless.lower, endless.lease, endless.peer, 1);
    endless.mesh.pass(95);
    expect(endless.holds()).toBe(true);
    endless.mesh.pass(205);
    expect(endless.holds()).toBe(false);
    expect(endless.mesh.evaluations()).toHaveLength(0);
  });

  test('does not end a lease that runs for more than half a second', () => {
    const { mesh, peer, lease, lower, holds } = claimed();
    mesh.pass(500);
    rival(lower, lease, peer, 1);
    mesh.pass(10);
    expect(holds()).toBe(true);
  });

  test('is none with a copy, with a finished lease, or with another interval', () => {
    const { mesh, peer, lease, lower, holds } = claimed();
    rival(lower, { ...lease, copy: true }, peer, 1);
    rival(lower, { ...lease, segment: 3 }, peer, 2);
    rival(lower, { ...lease, lo: lease.hi, hi: lease.hi + 1 }, peer, 3);
    rival(lower, { ...lease, computation: 'ef'.repeat(32) }, peer, 4);
    mesh.pass(10);
    expect(holds()).toBe(true);
  });
});
