import type { Execution } from '../../../src/core/event.ts';
import type { Machine } from '../world/machine.ts';
import type { FaultKind } from '../world/scenario.ts';
import type { Users } from '../world/users.ts';
import type { Observer, World } from '../world/world.ts';
import { Violation } from './violation.ts';

/** What neither silences a peer nor takes from it what it knows: no command runs twice for it. */
const HARMLESS: ReadonlySet<FaultKind> = new Set([
  ...(['two jobs', 'duplication', 'wall jump', 'drift', 'raced ops', 'verify'] as const),
  ...(['slow machine', 'several slots', 'rate', 'commands', 'deadline'] as const),
]);

/** Watches that commands run once where nothing stands in the way. */
export class Once implements Observer {
  readonly #world: World;
  readonly #users: Users;
  readonly #ran = new Map<string, Set<number>>();

  constructor(world: World, users: Users) {
    this.#world = world;
    this.#users = users;
  }

  /** Says whether this can be asked of a world with these faults. */
  static fits(faults: readonly FaultKind[]): boolean {
    return faults.includes('commands') && faults.every((fault) => HARMLESS.has(fault));
  }

  evaluated(machine: Machine, { computation }: Execution, lo: number, hi: number): void {
    if (!this.#users.jobs.some(({ question }) => question.computation === computation)) return;
    const ran = this.#ran.get(computation) ?? new Set();
    this.#ran.set(computation, ran);
    for (let index = lo; index < hi; index++) {
      if (!ran.has(index)) ran.add(index);
      else this.#fail(`${machine.plan.name} runs command ${index} once more`);
    }
    this.#world.count('commands that ran once', hi - lo);
  }

  #fail(what: string): never {
    throw new Violation('E1', this.#world.now, what);
  }
}
