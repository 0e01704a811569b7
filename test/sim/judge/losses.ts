import { decode } from '../../../src/core/codec.ts';
import type { Effect, PeerEvent } from '../../../src/core/event.ts';
import { LEASES_ENTRY } from '../../../src/core/lease-book.ts';
import { LOST } from '../../../src/core/record.ts';
import { decodeBody } from '../../../src/core/record-codec.ts';
import type { Machine } from '../world/machine.ts';
import type { Observer, World } from '../world/world.ts';
import { Violation } from './violation.ts';

/** A lease as a disk has it: computation, job, and the interval. */
type KeptLease = readonly [Uint8Array, Uint8Array, number, number];

/** S6: what a disk says was under way is told as lost at the next start, for it may have killed. */
export class Losses implements Observer {
  readonly #world: World;
  /** Leases on the disk when its process started. */
  readonly #found = new Map<Machine, readonly KeptLease[]>();

  constructor(world: World) {
    this.#world = world;
  }

  started(machine: Machine): void {
    const bytes = machine.disk.locals.get(LEASES_ENTRY);
    const said = bytes === undefined ? null : decode(bytes, 2 ** 20);
    const leases = said !== null && 'value' in said ? (said.value as KeptLease[]) : [];
    this.#found.set(machine, leases);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    if (event.kind !== 'booted') return;
    const told = effects.flatMap((effect) => toldBy(machine, effect));
    for (const [id, , lo, hi] of this.#found.get(machine) ?? []) {
      const scope = Buffer.from(id).toString('hex');
      const computation = machine.state?.computations.get(scope);
      if (computation === undefined || computation.coverage.covers(lo, hi)) continue;
      if (told.includes(`${scope} ${lo}–${hi}`)) {
        this.#world.count('leases told as lost');
        continue;
      }
      const what = `was at ${lo}–${hi} when it ended, and does not tell`;
      throw new Violation('S6', this.#world.now, `${machine.plan.name} ${what}`);
    }
  }
}

/** The intervals that a machine writes down as lost. */
function toldBy({ id }: Machine, effect: Effect): string[] {
  if (effect.kind !== 'store') return [];
  return effect.writes.flatMap((write) => {
    if (write.kind !== 'record' || write.origin !== id) return [];
    const said = decodeBody(write.body);
    if (!('value' in said) || said.value.kind !== 'attempt') return [];
    const { failure, lo, hi } = said.value;
    return failure === LOST ? [`${write.scope} ${lo}–${hi}`] : [];
  });
}
