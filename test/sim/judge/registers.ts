import type { PeerEvent } from '../../../src/core/event.ts';
import { compareStarts } from '../../../src/core/ids.ts';
import type { Register } from '../../../src/core/register.ts';
import type { PeerView } from '../../../src/core/roster.ts';
import type { Machine } from '../world/machine.ts';
import type { Observer, World } from '../world/world.ts';
import { Violation } from './violation.ts';

/** S5 for registers: the larger (start, sequence) wins whole, in whatever order they come. */
export class Registers implements Observer {
  readonly #world: World;
  /** The newest that was known of a peer, as long as it is on the roster without a break. */
  readonly #newest = new WeakMap<PeerView, Register>();

  constructor(world: World) {
    this.#world = world;
  }

  stepped({ state, plan }: Machine, event: PeerEvent): void {
    if (event.kind !== 'message' || event.message.kind !== 'heartbeat') return;
    const { peer } = event.message.register;
    const view = state?.roster.get(peer);
    if (view === undefined) return;
    const { register } = view;
    const before = this.#newest.get(view);
    this.#newest.set(view, register);
    if (before === undefined) return;
    const order = compareStarts(register.start, before.start);
    if (order > 0 || (order === 0 && register.sequence >= before.sequence)) return;
    const what = `register ${register.sequence} of ${peer} takes the place of ${before.sequence}`;
    throw new Violation('S5', this.#world.now, `${plan.name}: ${what}`);
  }
}
