import { describe, expect, test } from 'vitest';
import type { Effect } from '../../src/core/event.ts';
import { beatIfDue } from '../../src/core/heart.ts';
import { NO_LIMITS } from '../../src/core/limits.ts';
import { newPeerState, type PeerState } from '../../src/core/peer-state.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { Turn } from '../../src/core/turn.ts';
import { sha256, sha256Hasher } from '../sim/world/machine.ts';

const START = { incarnation: 1, nonce: '00'.repeat(8) };
const COMPUTATION = sha256('computation');

/** A peer that has heard of so many others. */
function among(others: number): PeerState {
  const self = { peer: 'self', name: 'self', version: '0', slots: 1, mathClass: 'aa'.repeat(8) };
  const state = newPeerState(self, START, DEFAULT_TIMING);
  state.booted = true;
  for (let k = 0; k < others; k++) {
    const lists = { addresses: [], tags: [], refuses: [], leases: [] };
    const words = {
      heartbeatMs: 1000,
      leaving: false,
      stores: true,
      load: null,
      sequence: 1,
      start: START,
    };
    state.roster.hear({ ...self, ...words, ...lists, peer: `other ${k}` }, 0);
  }
  return state;
}

function turnAt(state: PeerState, now: number): Turn {
  const sign = (): Uint8Array => new Uint8Array();
  return new Turn(state, {
    now,
    rng: () => 0.5,
    hash: sha256,
    hasher: sha256Hasher,
    sign,
    verify: () => true,
  });
}

function effectsOf(state: PeerState, now: number, act: (turn: Turn) => void): Effect[] {
  const turn = turnAt(state, now);
  act(turn);
  return turn.finish();
}

/** Times at which a peer beats whose register changes all the time. */
function beats(state: PeerState, untilMs: number): number[] {
  const times: number[] = [];
  for (let now = 1; now < untilMs; now++) {
    const effects = effectsOf(state, now, (turn) => {
      turn.beat = true;
      beatIfDue(turn);
    });
    if (effects.some(({ kind }) => kind === 'broadcast')) times.push(now);
  }
  return times;
}

function toldWithinMs(state: PeerState): number | undefined {
  const order = {
    id: 1,
    computation: COMPUTATION,
    lo: 0,
    hi: 1,
    limits: NO_LIMITS,
    fresh: false,
    each: false,
  };
  const [effect] = effectsOf(state, 1, (turn) => turn.execute(order));
  return effect?.kind === 'execute' ? effect.execution.tellMs : undefined;
}

describe('what a peer tells all others', () => {
  test('comes at the same pace in any mesh of up to 100 peers', () => {
    expect(toldWithinMs(among(0))).toBe(1000);
    expect(toldWithinMs(among(99))).toBe(1000);
    const [first = 0, second = 0] = beats(among(99), 1000);
    expect(second - first).toBe(250);
  });

  test('comes sooner in a mesh of two to nine, where each hears of fewer', () => {
    for (const [others, gapMs] of [
      [0, 250],
      [1, 50],
      [8, 225],
      [9, 250],
    ] as const) {
      const [first = 0, second = 0] = beats(among(others), 1000);
      expect(second - first).toBe(gapMs);
    }
  });

  test('comes ten times as rarely in a mesh of 1 000', () => {
    expect(toldWithinMs(among(999))).toBe(10_000);
    const [first = 0, second = 0] = beats(among(999), 4000);
    expect(second - first).toBe(2500);
  });
});
