import type { Effect, PeerEvent } from '../../../src/core/event.ts';
import type { Hash, PeerId } from '../../../src/core/ids.ts';
import type { Interval } from '../../../src/core/interval-set.ts';
import type { Machine } from './machine.ts';
import type { Observer, World } from './world.ts';

/** The longest that a machine looks for who has what, in ms. */
const LOOK_MS = 1500;

/**
 * Tells machines where the inputs of commands are, as their disks and what they hear of one another
 * have it: it may be late, wrong, or long over.
 */
export class Inputs implements Observer {
  readonly #world: World;
  /** Looks by machine, its run and computation. */
  readonly #looks = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  stepped(machine: Machine, event: PeerEvent, _effects: readonly Effect[]): void {
    if (event.kind !== 'tick') return;
    for (const { id, spec } of machine.state?.computations.values() ?? []) {
      if (spec.commandsOf === null) continue;
      const look = `${machine.id} ${machine.run} ${id}`;
      if (this.#looks.has(look)) continue;
      this.#looks.add(look);
      this.#tell(machine, id, spec.items?.count ?? 0, spec.commandsOf);
    }
  }

  #tell(machine: Machine, computation: Hash, count: number, owner: PeerId): void {
    const random = this.#world.random.fork(`inputs ${machine.id} ${machine.run} ${computation}`);
    // Half of all jobs send no files.
    if (this.#world.random.fork(`sends ${computation}`).chance(0.5)) return;
    const known = this.#world.machines.filter(({ id }) => id !== machine.id && id !== owner);
    const heard = known.filter(() => random.chance(0.8));
    const held = new Map(heard.map(({ id }) => [id, this.#held(id, computation, count)]));
    const far =
      machine.id === owner ? [] : gapsOf(this.#held(machine.id, computation, count), count);
    machine.after(random.between(0, LOOK_MS), () => {
      this.#world.count('told where inputs are');
      machine.deliver({ kind: 'nearness', computation, far, held });
    });
  }

  /** What a machine has of a computation's inputs: nothing, or a piece here and there. */
  #held(peer: PeerId, computation: Hash, count: number): Interval[] {
    const random = this.#world.random.fork(`held ${peer} ${computation}`);
    const spans: Interval[] = [];
    const share = random.pick([0, 0.2, 0.7, 1]);
    for (let lo = 0; lo < count; ) {
      const hi = Math.min(count, lo + random.int(1, 20));
      if (random.chance(share)) spans.push([lo, hi]);
      lo = hi;
    }
    return spans;
  }
}

function gapsOf(spans: readonly Interval[], count: number): Interval[] {
  const ends = [...spans.map(([lo]) => lo), count];
  const starts = [0, ...spans.map(([, hi]) => hi)];
  return starts.flatMap((lo, k) => {
    const hi = ends[k] ?? count;
    return lo < hi ? [[lo, hi] as Interval] : [];
  });
}
