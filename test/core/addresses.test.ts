import { expect, test } from 'vitest';
import type { Effect } from '../../src/core/event.ts';
import type { Message } from '../../src/core/message.ts';
import { newPeerState } from '../../src/core/peer-state.ts';
import { step } from '../../src/core/step.ts';
import { DEFAULT_TIMING } from '../../src/core/timing.ts';
import { sha256, sha256Hasher } from '../sim/world/machine.ts';

const START = { incarnation: 1, nonce: '00'.repeat(8) };
const SELF = { peer: 'self', name: 'self', version: '0', slots: 1, mathClass: 'aa'.repeat(8) };

test('where a member is reached is told when it is new and whenever it changes', () => {
  const state = newPeerState(SELF, START, DEFAULT_TIMING);
  let sequence = 0;
  const heard = (addresses: readonly string[]): Effect[] => {
    const words = { heartbeatMs: 1000, leaving: false, stores: true, load: null, start: START };
    const lists = { addresses, tags: [], refuses: [], leases: [] };
    const register = { ...SELF, ...words, ...lists, peer: 'other', sequence: ++sequence };
    const message: Message = { kind: 'heartbeat', register, fresh: [] };
    const sign = (): Uint8Array => new Uint8Array();
    const env = {
      now: sequence,
      rng: () => 0.5,
      hash: sha256,
      hasher: sha256Hasher,
      sign,
      verify: () => true,
    };
    const effects = step(state, { kind: 'message', from: 'other', message }, env);
    return effects.filter(({ kind }) => kind === 'know');
  };
  const [office, home] = [['/ip4/192.0.2.1/tcp/4001'], ['/ip4/192.0.2.2/tcp/4001']];
  expect(heard(office)).toEqual([{ kind: 'know', peer: 'other', addresses: office }]);
  expect(heard(office)).toEqual([]);
  expect(heard(home)).toEqual([{ kind: 'know', peer: 'other', addresses: home }]);
});
