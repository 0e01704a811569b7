import { describe, expect, test } from 'vitest';
import type { Column } from '../../src/core/column.ts';
import { Computation } from '../../src/core/computation.ts';
import { IntervalSet } from '../../src/core/interval-set.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { newPeerState } from '../../src/core/peer-state.ts';
import type { Segment } from '../../src/core/record.ts';
import { chooseMissing } from '../../src/core/special-choice.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { Turn } from '../../src/core/turn.ts';
import { sha256, sha256Hasher } from '../sim/world/machine.ts';

const HASH = sha256('computation');
const START = { incarnation: 1, nonce: '00'.repeat(8) };
const MATH = 'aa'.repeat(8);

function computation(): Computation {
  const spec = {
    program: HASH,
    params: HASH,
    seed: 0,
    items: null,
    contract: 1,
    mathClass: MATH,
    commandsOf: null,
  };
  return new Computation(HASH, spec);
}

const KEY = { scope: HASH, origin: 'another', start: START, n: 0 };
const LONG: Column = {
  ...{ kind: 'hash', indices: Float64Array.of(11), hashes: [sha256('long')], sizes: [300] },
};

/** Of indices 10 to 12: 11 has a long value or is rejected, as the others are. */
function segment(column: Column | null): Segment {
  const range = { job: HASH, lo: 10, hi: 13, ms: 1, fresh: false };
  return { kind: 'segment', ...range, accepted: column === null ? [] : [column], errors: [] };
}

/** Index 10 died where this peer tried it. */
function failedAt(one: Computation, peer: string): void {
  const attempt = { job: HASH, lo: 10, hi: 11, limits: NO_LIMITS, failure: 'died', detail: '' };
  const key = { scope: HASH, origin: peer, start: START, n: 0 };
  one.addAttempt(key, { kind: 'attempt', ...attempt }, 0);
}

function chosen(one: Computation, taken = new IntervalSet(), reach = 100, most = 1) {
  const self = { peer: 'self', name: 'self', version: '0', slots: 1, mathClass: MATH };
  const state = newPeerState(self, START, DEFAULT_TIMING);
  const env = { now: 1, rng: () => 0.5, hash: sha256, hasher: sha256Hasher, verify: () => true };
  return chooseMissing(
    new Turn(state, { ...env, sign: () => new Uint8Array() }),
    { computation: one, limits: NO_LIMITS },
    taken,
    reach,
    most,
  );
}

describe('of lost values', () => {
  test('the lowest one is evaluated again, alone', () => {
    const one = computation();
    one.missing.add(10, 13);
    expect(chosen(one)).toEqual({ lo: 10, hi: 11, purpose: 'missing' });
  });

  test('a run is evaluated in one lease, but what failed anywhere stands alone', () => {
    const one = computation();
    one.missing.add(8, 20);
    expect(chosen(one, new IntervalSet(), 100, 64)).toMatchObject({ lo: 8, hi: 20 });
    expect(chosen(one, new IntervalSet(), 100, 4)).toMatchObject({ lo: 8, hi: 12 });
    failedAt(one, 'another');
    expect(chosen(one, new IntervalSet(), 100, 64)).toMatchObject({ lo: 8, hi: 10 });
    const rest = new IntervalSet([[8, 10]]);
    expect(chosen(one, rest, 100, 64)).toMatchObject({ lo: 10, hi: 11 });
    expect(chosen(one, new IntervalSet([[8, 11]]), 100, 64)).toMatchObject({ lo: 11, hi: 20 });
  });

  test('those that somebody holds a lease on, or above the end, are not', () => {
    const one = computation();
    one.missing.add(10, 13);
    expect(chosen(one, new IntervalSet([[9, 12]]))).toMatchObject({ lo: 12 });
    expect(chosen(one, new IntervalSet(), 10)).toBeNull();
  });

  test('one that failed on this peer is left to others, one that failed elsewhere is not', () => {
    const own = computation();
    own.missing.add(10, 13);
    failedAt(own, 'self');
    expect(chosen(own)).toMatchObject({ lo: 11 });
    const other = computation();
    other.missing.add(10, 13);
    failedAt(other, 'another');
    expect(chosen(other)).toMatchObject({ lo: 10 });
  });

  test('one that this peer came to something else at is left to others', () => {
    const by = (...peers: readonly string[]): Computation => {
      const one = computation();
      one.certify(13);
      for (const [n, peer] of peers.entries()) one.apply({ ...KEY, origin: peer, n }, said(n));
      one.missing.add(10, 13);
      return one;
    };
    const said = (n: number): Segment => segment(n === 0 ? LONG : null);
    const all = new IntervalSet();
    const rest = new IntervalSet([[10, 11]]);
    expect(chosen(by('self', 'another'), all, 100, 8)).toMatchObject({ lo: 10, hi: 13 });
    expect(chosen(by('another', 'self'), all, 100, 8)).toMatchObject({ lo: 10, hi: 11 });
    expect(chosen(by('another', 'self'), rest, 100, 8)).toMatchObject({ lo: 12, hi: 13 });
    expect(by('another', 'self').lacksFrom('self', 12)).toBe(true);
    const only = by('another', 'self');
    only.missing.remove(10, 11);
    expect(only.lacksFrom('self', 12)).toBe(false);
    expect(only.lacksFrom('another', 12)).toBe(true);
  });
});
