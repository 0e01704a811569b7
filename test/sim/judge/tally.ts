import type { Effect, Execution, PeerEvent } from '../../../src/core/event.ts';
import { IntervalSet } from '../../../src/core/interval-set.ts';
import type { Machine } from '../world/machine.ts';
import type { Observer, World } from '../world/world.ts';

/** Counts what happened in a world, for one in which nothing happens proves nothing. */
export class Tally implements Observer {
  readonly #world: World;
  /** What machines were at when they ended, by machine and computation. */
  readonly #orphaned = new Map<Machine, Map<string, IntervalSet>>();
  /** What each machine is at. */
  readonly #running = new Map<Machine, Map<number, Execution>>();

  constructor(world: World) {
    this.#world = world;
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    const { plan } = machine;
    if (event.kind === 'failed') this.#world.count(event.failure.kind);
    if (event.kind === 'part' && plan.liar) this.#world.count('lies');
    if (event.kind === 'ended') this.#running.get(machine)?.delete(event.execution);
    for (const effect of effects) {
      if (effect.kind === 'execute') this.#execute(machine, effect.execution);
      else if (effect.kind === 'log') this.#log(effect);
      else if (effect.kind === 'halt') this.#world.count('twins halted');
    }
  }

  ended(machine: Machine): void {
    const left = this.#orphaned.get(machine) ?? new Map<string, IntervalSet>();
    this.#orphaned.set(machine, left);
    for (const { computation, lo, hi } of this.#running.get(machine)?.values() ?? []) {
      const orphaned = left.get(computation) ?? new IntervalSet();
      orphaned.add(lo, hi);
      left.set(computation, orphaned);
    }
    this.#running.delete(machine);
  }

  #execute(machine: Machine, execution: Execution): void {
    const { computation, lo, hi, id } = execution;
    const own = this.#running.get(machine) ?? new Map<number, Execution>();
    this.#running.set(machine, own.set(id, execution));
    for (const [owner, left] of this.#orphaned) {
      const orphaned = left.get(computation);
      if (orphaned?.overlaps(lo, hi) !== true) continue;
      orphaned.remove(lo, hi);
      // Its own lost work, taken up again after a restart, is nobody's take-over.
      if (owner !== machine) this.#world.count('taken over');
    }
  }

  #log({ event, fields }: Extract<Effect, { kind: 'log' }>): void {
    const counted: Readonly<Record<string, string>> = {
      'job.collected': 'collected',
      'job.certified': 'certificates learned',
      'job.successor': 'successors published',
      'outcome.disputed': 'disputes',
      'value.lost': 'values lost',
      'lease.lost': 'leases yielded',
      'start.raised': 'starts raised',
    };
    const name = counted[event];
    if (name !== undefined) this.#world.count(name);
    if (event === 'lease.claimed' && fields['purpose'] !== 'block') {
      this.#world.count(`claims: ${String(fields['purpose'])}`);
    }
    if (event === 'job.ended' && fields['phase'] === 'partial') this.#world.count('deadlines');
  }
}
