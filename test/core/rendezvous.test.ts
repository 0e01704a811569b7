import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Contender, rendezvousOwner, rendezvousRank } from '../../src/core/rendezvous.ts';

const BLOCKS = 60_000;

function mesh(...slots: number[]): Contender[] {
  return slots.map((count, k) => ({ peer: `12D3KooW${k}`, slots: count }));
}

function shares(peers: readonly Contender[], step = 1): number[] {
  const counts = new Map<string, number>();
  for (let block = 0; block < BLOCKS; block++) {
    const owner = rendezvousOwner('c0ffee', block * step, peers) ?? 'nobody';
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return peers.map(({ peer }) => (counts.get(peer) ?? 0) / BLOCKS);
}

describe('rendezvous hashing', () => {
  test.each([
    { slots: [1, 1, 1, 1] },
    { slots: [1, 2, 3, 7] },
    { slots: [64, 16, 5] },
    { slots: [1024, 1000, 1] },
    { slots: Array<number>(25).fill(4) },
  ])('slots $slots get blocks in proportion', ({ slots }) => {
    const peers = mesh(...slots);
    const total = slots.reduce((sum, count) => sum + count, 0);
    for (const step of [1, 1024, 2 ** 33]) {
      for (const [k, share] of shares(peers, step).entries()) {
        const expected = (slots[k] ?? 0) / total;
        const deviation = Math.sqrt((expected * (1 - expected)) / BLOCKS);
        expect(Math.abs(share - expected)).toBeLessThan(4.5 * deviation);
      }
    }
  });

  test('a peer that leaves gives away its own blocks only', () => {
    const peers = mesh(4, 2, 1, 8);
    const rest = peers.slice(1);
    for (let block = 0; block < 5000; block++) {
      const before = rendezvousOwner('job', block, peers);
      const after = rendezvousOwner('job', block, rest);
      if (before !== peers[0]?.peer) expect(after).toBe(before);
      else expect(rest.map(({ peer }) => peer)).toContain(after);
    }
  });

  test('the order of the peers does not matter', () => {
    const peers = mesh(4, 2, 1, 8, 3);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(peers, { minLength: 5 }),
        fc.maxSafeInteger().map(Math.abs),
        (shuffled, block) => {
          expect(rendezvousOwner('job', block, shuffled)).toBe(
            rendezvousOwner('job', block, peers),
          );
          expect(rendezvousRank('job', shuffled, 3)).toEqual(rendezvousRank('job', peers, 3));
        },
      ),
    );
  });

  test('the ranks are the owners as peers leave one by one', () => {
    const peers = mesh(1, 1, 1, 1, 1, 1);
    const ranks = rendezvousRank('key', peers, 9);
    expect(ranks).toHaveLength(6);
    for (const [k, peer] of ranks.entries()) {
      const left = peers.filter((one) => !ranks.slice(0, k).includes(one.peer));
      expect(rendezvousRank('key', left, 1)).toEqual([peer]);
      expect(rendezvousOwner('key', 0, left)).toBe(peer);
    }
  });

  test('a peer without slots owns nothing', () => {
    expect(rendezvousOwner('job', 1, mesh(0, 0))).toBeUndefined();
    expect(rendezvousRank('job', mesh(0, 1), 5)).toEqual(['12D3KooW1']);
  });

  test('owners are the same on every engine and in every version', () => {
    const peers = mesh(4, 2, 1, 8);
    const owners = Array.from({ length: 24 }, (_, k) => rendezvousOwner('job', k * 3 ** 20, peers));
    expect(owners.map((owner) => owner?.at(-1)).join('')).toBe('033031232333333233020333');
  });
});
