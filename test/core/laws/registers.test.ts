import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareStarts } from '../../../src/core/ids.ts';
import { IntervalSet } from '../../../src/core/interval-set.ts';
import { NO_LIMITS } from '../../../src/core/limits.ts';
import type { Lease, Register } from '../../../src/core/register.ts';
import { Roster } from '../../../src/core/roster.ts';
import { DEFAULT_TIMING } from '../../../src/core/timing.ts';

const NONCES = ['00', '7f', 'ff'].map((digits) => digits.repeat(8));
const COMPUTATION = 'ab'.repeat(32);
const PEERS = ['anna', 'bert', 'carl'] as const;

/** The register that a peer had at a moment of its life: every part of it depends on that. */
function registerAt(peer: string, incarnation: number, nonce: string, sequence: number): Register {
  const age = incarnation * 100 + sequence;
  const leases = [1, 2, 3]
    .filter((id) => (age >> id) % 2 === 1)
    .map((id): Lease => {
      const at = { lo: age, hi: age + id, copy: id === 2, running: id === 1, limits: NO_LIMITS };
      return { id, computation: COMPUTATION, job: 'cd'.repeat(32), ...at };
    });
  return {
    ...{ peer, start: { incarnation, nonce }, sequence, name: `${peer} ${nonce}`, version: '0' },
    ...{
      slots: age % 7,
      mathClass: 'aa'.repeat(8),
      addresses: [`/at/${age}`],
      tags: [],
      refuses: [],
    },
    ...{ heartbeatMs: 1000, leaving: age % 5 === 0, stores: age % 3 > 0, load: null, leases },
  };
}

const anyRegister = fc
  .tuple(
    fc.constantFrom(...PEERS),
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom(...NONCES),
    fc.integer({ min: 0, max: 4 }),
  )
  .map((all) => registerAt(...all));

/** Registers in the order in which they came, and in another one with some of them twice. */
const orders = fc.array(anyRegister, { minLength: 1, maxLength: 14 }).chain((all) => {
  const again = fc.shuffledSubarray([...all, ...all], { minLength: all.length });
  const missed = again.map((some) => [...some, ...all.filter((each) => !some.includes(each))]);
  return fc.tuple(fc.constant(all), missed);
});

/** The order of two moments of one peer's life. */
function later(a: Register, b: Register): boolean {
  const order = compareStarts(a.start, b.start);
  return order !== 0 ? order > 0 : a.sequence > b.sequence;
}

function told(roster: Roster): object {
  return roster.all().map(([peer, { register, leaseSeen }]) => {
    return [peer, register, [...leaseSeen.keys()].sort()];
  });
}

describe('registers', () => {
  test('come to the same roster in any order and any number of times', () => {
    fc.assert(
      fc.property(orders, ([first, second]) => {
        const [a, b] = [first, second].map((order) => {
          const roster = new Roster(DEFAULT_TIMING);
          for (const [k, register] of order.entries()) roster.hear(register, 100 * k);
          return told(roster);
        });
        expect(b).toEqual(a);
      }),
      { seed: 301, numRuns: 1500 },
    );
  });

  test('of the larger start and sequence win whole, and are news exactly when they are larger', () => {
    fc.assert(
      fc.property(fc.array(anyRegister, { minLength: 1, maxLength: 14 }), (all) => {
        const roster = new Roster(DEFAULT_TIMING);
        const newest = new Map<string, Register>();
        for (const [k, register] of all.entries()) {
          const known = newest.get(register.peer);
          const news = known === undefined || later(register, known);
          if (news) newest.set(register.peer, register);
          expect(roster.hear(register, 100 * k)).toBe(news);
          const view = roster.get(register.peer);
          expect(view?.register).toEqual(newest.get(register.peer));
          const ids = view?.register.leases.map(({ id }) => id);
          expect([...(view?.leaseSeen.keys() ?? [])].sort()).toEqual(ids);
        }
        expect(roster.size).toBe(newest.size);
      }),
      { seed: 302, numRuns: 1500 },
    );
  });

  test('of those who are not dead say what is leased, whatever time and evidence made of them', () => {
    const moment = fc.record({
      register: anyRegister,
      afterMs: fc.constantFrom(0, 50, 700, 3000, 7500, 700_000),
      what: fc.constantFrom('hear', 'hear', 'hear', 'evidence', 'stretch', 'expire'),
    });
    fc.assert(
      fc.property(fc.array(moment, { minLength: 1, maxLength: 24 }), (all) => {
        const roster = new Roster(DEFAULT_TIMING);
        let now = 1000;
        for (const { register, afterMs, what } of all) {
          now += afterMs;
          if (what === 'hear') roster.hear(register, now);
          if (what === 'evidence') roster.evidence(register.peer, now);
          if (what === 'stretch') roster.stretch(afterMs);
          if (what === 'expire') roster.expire(now);
          const living = roster.all().filter(([, view]) => roster.state(view, now) !== 'dead');
          const leases = living.flatMap(
            ([
              ,
              {
                register: { leases: held },
              },
            ]) => held,
          );
          const covered = new IntervalSet(leases.map(({ lo, hi }) => [lo, hi]));
          expect(
            roster.leases({ computation: COMPUTATION, limits: NO_LIMITS }, now).toArray(),
          ).toEqual(covered.toArray());
        }
      }),
      { seed: 305, numRuns: 1500 },
    );
  });

  test('what is not newer is no sign of life', () => {
    fc.assert(
      fc.property(fc.array(anyRegister, { minLength: 1, maxLength: 10 }), (all) => {
        const roster = new Roster(DEFAULT_TIMING);
        for (const register of all) roster.hear(register, 1000);
        for (const register of all) roster.hear(register, 90_000);
        for (const [, view] of roster.all()) expect(view.heardAt).toBe(1000);
      }),
      { seed: 303, numRuns: 300 },
    );
  });

  test('the order of starts is total', () => {
    const start = fc.record({
      incarnation: fc.integer({ min: 1, max: 3 }),
      nonce: fc.constantFrom(...NONCES),
    });
    fc.assert(
      fc.property(start, start, start, (a, b, c) => {
        const sign = (x: typeof a, y: typeof a): number => Math.sign(compareStarts(x, y));
        expect(sign(a, b) + sign(b, a)).toBe(0);
        expect(sign(a, b) === 0).toBe(a.incarnation === b.incarnation && a.nonce === b.nonce);
        if (sign(a, b) <= 0 && sign(b, c) <= 0) expect(sign(a, c)).toBeLessThanOrEqual(0);
      }),
      { seed: 304, numRuns: 1000 },
    );
  });
});
