import type { Effect, PeerEvent } from '../../../src/core/event.ts';
import type { JobId } from '../../../src/core/ids.ts';
import type { Machine } from '../world/machine.ts';
import type { Observer, World } from '../world/world.ts';
import { Violation } from './violation.ts';

/** The certificate that a machine follows, and the write batch after which its disk says so. */
interface Followed {
  readonly certificate: string;
  readonly write: number;
  stored: boolean;
}

/** S2 also where somebody lies: whoever follows a certificate stays with it, over restarts too. */
export class Loyalty implements Observer {
  readonly #world: World;
  readonly #followed = new Map<Machine, Map<JobId, Followed>>();

  constructor(world: World) {
    this.#world = world;
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    if (machine.state?.booted !== true) return;
    const known = this.#known(machine);
    if (event.kind === 'stored') note(known, event.write);
    if (event.kind === 'booted') for (const job of known.keys()) this.#check(machine, job);
    for (const effect of effects) {
      if (effect.kind === 'changed' && effect.job !== null) this.#check(machine, effect.job);
    }
  }

  /** What was not on disk may have been forgotten. */
  ended(machine: Machine, lastWrite: number | null): void {
    const known = this.#known(machine);
    if (lastWrite !== null) note(known, lastWrite);
    for (const [job, { stored }] of known) if (!stored) known.delete(job);
  }

  damaged(machine: Machine): void {
    this.#followed.delete(machine);
  }

  #known(machine: Machine): Map<JobId, Followed> {
    const known = this.#followed.get(machine) ?? new Map<JobId, Followed>();
    this.#followed.set(machine, known);
    return known;
  }

  #check(machine: Machine, id: JobId): void {
    const { state, plan } = machine;
    const certificate = state?.jobs.get(id)?.ending?.certificate;
    const known = this.#known(machine);
    const before = known.get(id);
    if (state === null || certificate === undefined) return;
    if (before === undefined) {
      known.set(id, { certificate, write: state.write, stored: false });
    } else if (before.certificate !== certificate) {
      const what = `${plan.name} followed ${before.certificate.slice(0, 8)} of job ${id.slice(0, 8)}`;
      const now = `now ${certificate.slice(0, 8)}`;
      throw new Violation('S2', this.#world.now, `${what}, ${now}`);
    }
  }
}

function note(known: ReadonlyMap<JobId, Followed>, write: number): void {
  for (const followed of known.values()) followed.stored ||= followed.write <= write;
}
