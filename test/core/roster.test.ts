import { describe, expect, test } from 'vitest';
import { NO_LIMITS } from '../../src/core/limits.ts';
import type { Lease, Register } from '../../src/core/register.ts';
import { type PeerView, Roster } from '../../src/core/roster.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';

const START = { incarnation: 5, nonce: '00'.repeat(8) };
const LEASE: Lease = {
  ...{ id: 1, computation: 'ab'.repeat(32), job: 'cd'.repeat(32), lo: 0, hi: 8 },
  ...{ limits: NO_LIMITS, copy: false, running: true },
};

function register(changes: Partial<Register> = {}): Register {
  return {
    ...{ peer: 'anna', start: START, sequence: 1, name: 'anna', version: '0', slots: 1 },
    ...{ mathClass: 'aa'.repeat(8), addresses: [], tags: [], refuses: [], heartbeatMs: 1000 },
    ...{ leaving: false, stores: true, load: null, leases: [LEASE] },
    ...changes,
  };
}

/** A roster that heard of anna at 1000 ms. */
function heard(changes: Partial<Register> = {}): { roster: Roster; view: PeerView } {
  const roster = new Roster(DEFAULT_TIMING);
  roster.hear(register(changes), 1000);
  return { roster, view: viewOf(roster) };
}

function viewOf(roster: Roster): PeerView {
  const view = roster.get('anna');
  if (view === undefined) throw new Error('anna is not on the roster');
  return view;
}

describe('registers', () => {
  test('the larger sequence wins whole, an equal or smaller one is ignored', () => {
    const { roster, view } = heard({ sequence: 4 });
    expect(roster.hear(register({ sequence: 4, slots: 9 }), 2000)).toBe(false);
    expect(roster.hear(register({ sequence: 3, slots: 9 }), 2000)).toBe(false);
    expect(view).toMatchObject({ heardAt: 1000, register: { slots: 1 } });
    expect(roster.hear(register({ sequence: 5, slots: 9 }), 2000)).toBe(true);
    expect(view).toMatchObject({ heardAt: 2000, register: { slots: 9 } });
  });

  test('a heartbeat from a past incarnation is refused, a later start wins with any sequence', () => {
    const { roster } = heard({ sequence: 100 });
    const at = (incarnation: number, nonce = START.nonce) => ({ start: { incarnation, nonce } });
    expect(roster.hear(register({ ...at(4), sequence: 200 }), 2000)).toBe(false);
    expect(roster.hear(register({ ...at(5, 'ff'.repeat(8)), sequence: 1 }), 2000)).toBe(true);
    expect(roster.hear(register({ ...at(6), sequence: 0 }), 2000)).toBe(true);
  });

  test("a lease's age counts from when it was first seen, and anew after a restart", () => {
    const { roster, view } = heard();
    roster.hear(register({ sequence: 2, leases: [LEASE, { ...LEASE, id: 2 }] }), 3000);
    expect([...view.leaseSeen]).toEqual([
      [1, 1000],
      [2, 3000],
    ]);
    const start = { ...START, incarnation: 6 };
    roster.hear(register({ start, leases: [LEASE] }), 9000);
    expect([...view.leaseSeen]).toEqual([[1, 9000]]);
  });

  test('the order of all is that of the ids', () => {
    const roster = new Roster(DEFAULT_TIMING);
    for (const peer of ['c', 'a', 'b']) roster.hear(register({ peer }), 0);
    expect(roster.all().map(([peer]) => peer)).toEqual(['a', 'b', 'c']);
  });
});

describe('life and death', () => {
  test('silence makes suspect after three intervals and dead after seven seconds', () => {
    const { roster, view } = heard();
    expect(roster.state(view, 4000)).toBe('alive');
    expect(roster.state(view, 4001)).toBe('suspect');
    expect(roster.state(view, 8000)).toBe('suspect');
    expect(roster.state(view, 8001)).toBe('dead');
  });

  test('a peer that advertises rare heartbeats has six of them and a second', () => {
    const { roster, view } = heard({ heartbeatMs: 10_000 });
    expect(roster.state(view, 31_000)).toBe('alive');
    expect(roster.state(view, 62_000)).toBe('suspect');
    expect(roster.state(view, 62_001)).toBe('dead');
  });

  test('direct evidence without a heartbeat since is death after one second', () => {
    const { roster, view } = heard();
    roster.evidence('anna', 1200);
    roster.evidence('anna', 1900);
    expect(roster.state(view, 1200)).toBe('suspect');
    expect(roster.state(view, 2199)).toBe('suspect');
    expect(roster.state(view, 2200)).toBe('dead');
  });

  test('a heartbeat after the evidence is life', () => {
    const { roster, view } = heard();
    roster.evidence('anna', 1200);
    roster.hear(register({ sequence: 2 }), 1300);
    expect(roster.state(view, 2500)).toBe('alive');
  });

  test('a farewell is death at once', () => {
    const { roster, view } = heard({ leaving: true });
    expect(roster.state(view, 1000)).toBe('dead');
  });

  test('a peer is off the roster after ten minutes, one that left after seven seconds', () => {
    const { roster } = heard();
    roster.hear(register({ peer: 'bert', leaving: true }), 1000);
    expect(roster.expire(8000)).toEqual([]);
    expect(roster.expire(8001)).toEqual(['bert']);
    expect(roster.expire(601_000)).toEqual([]);
    expect(roster.expire(601_001)).toEqual(['anna']);
    expect(roster.size).toBe(0);
  });

  test('time in which this peer itself stood still counts as nobody’s silence', () => {
    const { roster, view } = heard();
    roster.evidence('anna', 1200);
    roster.stretch(20_000);
    expect(roster.state(view, 22_000)).toBe('alive');
    expect(roster.state(view, 28_001)).toBe('dead');
    expect(view.leaseSeen.get(1)).toBe(21_000);
  });
});

describe('leases', () => {
  test('of the living and the suspected count, those of the dead do not', () => {
    const { roster, view } = heard();
    expect(roster.holds(view, LEASE, 1000)).toBe(true);
    expect(roster.holds(view, LEASE, 8000)).toBe(true);
    expect(roster.holds(view, LEASE, 8001)).toBe(false);
  });

  test('a run of an hour is waited for by one percent of its age, one that only waits is not', () => {
    const { roster, view } = heard();
    const hour = 3_600_000;
    roster.hear(register({ sequence: 2 }), 1000 + hour);
    const last = 1000 + hour;
    expect(roster.holds(view, LEASE, last + 35_999)).toBe(true);
    expect(roster.holds(view, LEASE, last + 36_000)).toBe(false);
    expect(roster.holds(view, { ...LEASE, running: false }, last + 7001)).toBe(false);
  });

  test('with direct evidence nothing is waited for', () => {
    const { roster, view } = heard();
    roster.hear(register({ sequence: 2 }), 3_601_000);
    roster.evidence('anna', 3_601_100);
    expect(roster.holds(view, LEASE, 3_602_000)).toBe(true);
    expect(roster.holds(view, LEASE, 3_602_100)).toBe(false);
  });

  test('a farewell frees everything', () => {
    const { roster, view } = heard({ leaving: true });
    expect(roster.holds(view, LEASE, 1000)).toBe(false);
  });
});
