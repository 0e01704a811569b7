import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PeerId } from '../../../src/core/ids.ts';
import { newPeerState } from '../../../src/core/peer-state.ts';
import { applyRemoval, MAX_AUTHORS, MAX_REMOVED } from '../../../src/core/removal.ts';
import { DEFAULT_TIMING } from '../../../src/core/timing.ts';
import { Turn } from '../../../src/core/turn.ts';
import { envOf } from '../../sim/world/machine.ts';

type Word = readonly [peer: PeerId, author: PeerId];

/** The deny list of a peer that heard these removals in this order, sorted. */
function denied(words: readonly Word[]): unknown {
  const self = { peer: 'self', name: 's', version: '1', slots: 1, mathClass: '00'.repeat(8) };
  const state = newPeerState(self, { incarnation: 1, nonce: '11'.repeat(8) }, DEFAULT_TIMING);
  const turn = new Turn(
    state,
    envOf('self', 1, () => 0.5),
  );
  for (const [peer, author] of words) {
    applyRemoval(turn, { kind: 'removal', peer, signature: new Uint8Array(64) }, author);
  }
  for (const by of state.removed.values()) expect(by.size).toBeLessThanOrEqual(MAX_AUTHORS);
  return [...state.removed].map(([peer, by]) => `${peer}: ${[...by].sort().join()}`).sort();
}

test('removals come to the same deny list in any order, with more authors than are kept', () => {
  const word = fc.tuple(
    fc.constantFrom('anna', 'bert', 'carl'),
    fc.integer({ min: 10, max: 12 + 2 * MAX_AUTHORS }).map((k) => `author-${k}`),
  );
  const orders = fc
    .array(word, { minLength: 1, maxLength: 60 })
    .chain((words) =>
      fc.tuple(
        fc.constant(words),
        fc.shuffledSubarray(words, { minLength: words.length, maxLength: words.length }),
      ),
    );
  fc.assert(
    fc.property(orders, ([first, second]) => {
      expect(denied(second)).toEqual(denied(first));
    }),
  );
});

test('removals come to the same deny list in any order, also above what it holds', () => {
  const words = Array.from({ length: MAX_REMOVED + 50 }, (_, k): Word => {
    return [`peer-${String((k * 7919) % 10_007).padStart(5, '0')}`, `author-${k % 3}`];
  });
  const list = denied(words);
  expect(list).toHaveLength(MAX_REMOVED);
  expect(denied([...words].reverse())).toEqual(list);
});
