import fc from 'fast-check';
import type { Effect, PeerEvent } from '../../../src/core/event.ts';
import { type PeerId, startKey } from '../../../src/core/ids.ts';
import type { RecordGroup } from '../../../src/core/message.ts';
import { newPeerState, type PeerState } from '../../../src/core/peer-state.ts';
import type { RecordKey } from '../../../src/core/record.ts';
import { step } from '../../../src/core/step.ts';
import { DEFAULT_TIMING } from '../../../src/core/timing.ts';
import { envOf } from '../../sim/world/machine.ts';
import { Random } from '../../sim/world/random.ts';

/** A record as it travels. */
export interface Parcel {
  readonly key: RecordKey;
  readonly body: Uint8Array;
}

/** Messages, each of them a list of groups. */
export type Delivery = readonly (readonly RecordGroup[])[];

/** A peer that evaluates nothing and only takes records in. */
export class Reader {
  readonly id: PeerId;
  readonly state: PeerState;
  readonly #rng: () => number = new Random('reader').next;
  #now = 0;

  constructor(id: PeerId) {
    this.id = id;
    const self = { peer: id, name: id, version: '0', slots: 0, mathClass: 'aa'.repeat(8) };
    this.state = newPeerState(self, { incarnation: 9, nonce: '99'.repeat(8) }, DEFAULT_TIMING);
    this.take({ kind: 'booted', blobs: [], locals: new Map(), known: false });
  }

  take(event: PeerEvent): Effect[] {
    this.#now += 5;
    return step(this.state, event, envOf(this.id, this.#now, this.#rng));
  }

  receive(delivery: Delivery): this {
    for (const groups of delivery) {
      const message = { kind: 'records' as const, groups: [...groups] };
      this.take({ kind: 'message', from: groups[0]?.origin ?? 'somebody', message });
    }
    return this;
  }
}

/** The records of one message: those of one log are one group, in rising order. */
function grouped(parcels: readonly Parcel[]): RecordGroup[] {
  const logs = new Map<string, Map<number, Parcel>>();
  for (const parcel of parcels) {
    const { scope, origin, start, n } = parcel.key;
    const name = `${scope} ${origin} ${startKey(start)}`;
    logs.set(name, (logs.get(name) ?? new Map<number, Parcel>()).set(n, parcel));
  }
  return [...logs.values()].flatMap((log) => {
    const records = [...log.values()].sort((a, b) => a.key.n - b.key.n);
    const [first] = records;
    if (first === undefined) return [];
    const { scope, origin, start } = first.key;
    return [{ scope, origin, start, records: records.map(({ key, body }) => [key.n, body]) }];
  });
}

/** Everything at least once, in any order and cut into messages anywhere, some of it again. */
export function deliveries(parcels: readonly Parcel[]): fc.Arbitrary<Delivery> {
  const all = fc.shuffledSubarray([...parcels], { minLength: parcels.length });
  const again = fc.shuffledSubarray([...parcels], { maxLength: Math.min(8, parcels.length) });
  const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 });
  return fc.tuple(all, again, sizes).map(([order, twice, cuts]) => {
    const queue = [...order, ...twice];
    const messages: RecordGroup[][] = [];
    for (let from = 0; from < queue.length; ) {
      const size = cuts[messages.length % cuts.length] ?? 1;
      messages.push(grouped(queue.slice(from, from + size)));
      from += size;
    }
    return messages;
  });
}
