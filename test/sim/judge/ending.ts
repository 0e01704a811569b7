import type { JobState } from '../../../src/core/job-state.ts';
import { NO_NEEDS } from '../../../src/core/needs.ts';
import { type Machine, sha256 } from '../world/machine.ts';
import { costOf } from '../world/program.ts';
import type { UserJob, Users } from '../world/users.ts';
import type { World } from '../world/world.ts';
import type { Judge } from './judge.ts';
import { diskLosses } from './values.ts';

/** Time for machines to start again after the faults, in ms. */
const RESTART_MS = 3000;

/** What is checked when all faults have stopped: liveness, and that all know the same. */
export class Ending {
  readonly #world: World;
  readonly #users: Users;
  readonly #judge: Judge;
  /** Since when the lowest needed candidate of a job waits unleased while a slot is idle. */
  readonly #waiting = new Map<string, { index: number; since: number }>();

  constructor(world: World, users: Users, judge: Judge) {
    this.#world = world;
    this.#users = users;
    this.#judge = judge;
  }

  /** Runs a world to its end: L1, L2, L3, then what all hold. */
  run(): void {
    const { healAt, timing } = this.#world;
    this.#world.until(() => false, healAt, 10_000);
    const bound = this.#bound();
    const isOver = this.#world.until(() => {
      this.#checkLeases();
      return this.#world.now > healAt + RESTART_MS && this.#open().length === 0;
    }, bound);
    if (!isOver) this.#judge.fail('L1', this.#describe(this.#open()[0], bound));
    this.#world.count('ms from healing to the end', Math.round(this.#world.now - healAt));
    if (!this.#world.until(() => this.#twins() === null, this.#world.now + 3 * timing.syncMs)) {
      this.#judge.fail('L1', `two processes run as ${this.#twins()}`);
    }
    this.#checkPromises();
    const settled = this.#world.now + 8 * 1.5 * timing.syncMs + timing.deadMs;
    if (this.#world.until(() => this.#difference() === null, settled)) return;
    this.#judge.fail('S5', this.#difference() ?? 'peers hold different records');
  }

  /** Jobs that some machine knows and that are not over on some machine. */
  #open(): [UserJob, Machine][] {
    const open: [UserJob, Machine][] = [];
    for (const job of this.#users.jobs) {
      const known = this.#world.live.some((machine) => isKnown(machine, job.id));
      if (!known || this.#isOrphan(job)) continue;
      const collected = this.#world.live.some(({ state }) => state?.tombstones.has(job.id));
      for (const machine of this.#world.live) {
        // Who never heard of a job that the others have collected will not hear of it.
        const unheard = collected && !isKnown(machine, job.id);
        if (!unheard && !isOver(machine, job.id)) open.push([job, machine]);
      }
    }
    return open;
  }

  /**
   * Its owner is gone, whom commands wait for; or all that had its program, which was never
   * acknowledged by more: nobody can run it.
   */
  #isOrphan(job: UserJob): boolean {
    // Commands are certified by their owner alone.
    if (job.plan.commands === true && this.#world.machine(job.plan.owner).gone) return true;
    if (job.acknowledged !== null && diskLosses(this.#world) < Math.min(job.acknowledged, 3))
      return false;
    return job.blobs.some(({ hash }) =>
      this.#world.live.every(({ disk, pending }) => {
        return !disk.blobs.has(hash) && pending.blob(hash) === undefined;
      }),
    );
  }

  /** design.md section 10, L1: detection + (2 + ⌈log₂ peers⌉) × sync + 3 × remaining work. */
  #bound(): number {
    const { healAt, timing, machines } = this.#world;
    const detection = timing.deadMs + RESTART_MS;
    const rounds = 2 + Math.ceil(Math.log2(Math.max(machines.length, 2)));
    const sync = rounds * timing.syncMs * 1.5;
    let work = 0;
    let lost = 0;
    for (const job of this.#users.jobs) {
      work += this.#remainingMs(job);
      lost += this.#lostMs(job);
    }
    return healAt + detection + sync + 3 * work + lost;
  }

  /** Work that no machine's records hold, on the slowest slot there is. */
  #remainingMs(job: UserJob): number {
    const { program, computation } = { ...job.plan, ...job.question };
    const done = this.#judge.evaluatedSoFar(computation).clone();
    for (const machine of this.#world.live) {
      const state = machine.state?.computations.get(computation);
      for (const [lo, hi] of done.minus(state?.coverage ?? done).toArray()) done.remove(lo, hi);
    }
    const { end } = this.#judge.oracle(job, []);
    let ms = 0;
    for (const [lo, hi] of done.gaps(0, end)) {
      for (let index = lo; index < hi; index++) ms += costOf(program, index);
    }
    const slowest = Math.max(...this.#world.machines.map(({ plan }) => plan.slowness));
    const cpus = job.plan.needs?.cpus ?? 1;
    const runs = this.#world.live.reduce((sum, { plan }) => sum + plan.slots / cpus, 0);
    // Intervals that were lost twice are tried by one peer alone.
    const alone = this.#lostMs(job) > 0;
    const workMs = (ms * slowest) / (alone ? 1 : Math.max(Math.floor(runs), 1));
    const { perHour = null } = job.plan;
    return perHour === null ? workMs : workMs + (end * 3_600_000) / perHour;
  }

  /** How long intervals that were lost again and again wait to be tried. */
  #lostMs({ question, plan }: UserJob): number {
    if (plan.program.poison.length > 0) return 600_000;
    const { lostMs } = this.#world.timing;
    let most = 0;
    for (const machine of this.#world.live) {
      const losses = machine.state?.computations.get(question.computation)?.losses ?? [];
      for (const { lo, hi } of losses) {
        const over = losses.filter((other) => other.lo < hi && other.hi > lo).length;
        if (over >= 2) most = Math.max(most, lostMs * 2 ** Math.min(over - 1, 16));
      }
    }
    return most;
  }

  /** L2: the lowest needed candidate is leased, or no eligible slot is idle. */
  #checkLeases(): void {
    const { timing, now, healAt, live } = this.#world;
    if (now < healAt + timing.deadMs + RESTART_MS) return;
    for (const job of this.#users.jobs) {
      const needed = this.#neededBy(job, live);
      const waiting = this.#waiting.get(job.id);
      if (needed === null) this.#waiting.delete(job.id);
      else if (waiting === undefined || waiting.index !== needed) {
        this.#waiting.set(job.id, { index: needed, since: now });
      } else if (now - waiting.since > 2 * timing.deadMs) {
        const what = `index ${needed} of job ${job.plan.number} has no lease`;
        this.#judge.fail('L2', `${what} since ${Math.round(waiting.since)}, and a slot is idle`);
      }
    }
  }

  /** The lowest candidate that nobody covers or leases, while a slot that may take it is idle. */
  #neededBy(job: UserJob, live: readonly Machine[]): number | null {
    const { program, limits, needs = NO_NEEDS, perHour = null } = job.plan;
    if (limits !== undefined) return null;
    if (program.poison.length + program.deadly.length + program.limit.length > 0) return null;
    const states = live.map((machine) => machine.state?.jobs.get(job.id));
    if (states.some((state) => state === undefined || !state.active || state.paused)) return null;
    if (this.#isOrphan(job)) return null;
    // With a rate slots wait for its next candidate.
    if (perHour !== null) return null;
    const idle = live.filter(({ executors, state }) => {
      return (executors.busy + 1) * needs.cpus <= (state?.self.slots ?? 0);
    });
    if (idle.length === 0) return null;
    const firsts = states.map((state) => state?.computation.coverage.firstGap(0) ?? 0);
    const index = Math.max(...firsts);
    const { end } = this.#judge.oracle(job, []);
    if (index >= end) return null;
    for (const state of states) {
      const losses = state?.computation.losses ?? [];
      if (losses.filter(({ lo, hi }) => lo <= index && hi > index).length > 1) return null;
      if (state?.computation.disputes.has(index) === true) return null;
    }
    const { computation } = job.question;
    const leased = live.some((machine) =>
      machine.state?.leases.some(
        ({ lease }) => lease.computation === computation && lease.lo <= index && lease.hi > index,
      ),
    );
    return leased ? null : index;
  }

  /** An id of two processes, or null: one of them ends where a third peer tells of the other. */
  #twins(): string | null {
    const ids = new Map<string, number>();
    for (const { id } of this.#world.live) ids.set(id, (ids.get(id) ?? 0) + 1);
    if (ids.size < 2) return null;
    return [...ids].find(([, count]) => count > 1)?.[0] ?? null;
  }

  /** R3: a job that was acknowledged is not lost with two of its holders. */
  #checkPromises(): void {
    for (const job of this.#users.jobs) {
      if (job.acknowledged === null) continue;
      const known = this.#world.live.some((machine) => isKnown(machine, job.id));
      if (known || diskLosses(this.#world) >= Math.min(job.acknowledged, 3)) continue;
      this.#judge.fail('S4', `job ${job.plan.number} was acknowledged and nobody knows it`);
    }
  }

  /** What two machines still hold differently, or null: anti-entropy has come to its end. */
  #difference(): string | null {
    const live = this.#world.live.filter(({ plan }) => !plan.liar);
    const [first, ...others] = live;
    if (first === undefined) return null;
    for (const other of others) {
      // Of a copied home that nobody else is there to tell, each runs on for itself.
      if (other.id === first.id) continue;
      for (const scope of ['control', ...(first.state?.computations.keys() ?? [])]) {
        if (scope !== 'control' && other.state?.computations.has(scope) !== true) continue;
        const [a, b] = [first, other].map(({ state }) => state?.logs.digest(scope, sha256));
        if (a === b || this.#collected()) continue;
        return `${first.plan.name} and ${other.plan.name} hold different records of ${scope}`;
      }
    }
    return null;
  }

  /** Where jobs are collected, what is held differs for good. */
  #collected(): boolean {
    return this.#world.live.some(({ state }) => (state?.tombstones.size ?? 0) > 0);
  }

  #describe(open: [UserJob, Machine] | undefined, bound: number): string {
    if (open === undefined) return 'not over';
    const [job, machine] = open;
    const state = machine.state?.jobs.get(job.id);
    const where = `job ${job.plan.number} at ${machine.plan.name}`;
    if (state === undefined) return `${where} is not known ${Math.round(bound)} ms after the start`;
    const frontier = state.computation.coverage.firstGap(0);
    return `${where} is ${state.phase} at ${frontier} of ${this.#judge.oracle(job, []).end}`;
  }
}

function isKnown({ state }: Machine, id: string): boolean {
  return state?.jobs.has(id) === true || state?.tombstones.has(id) === true;
}

function isOver({ state }: Machine, id: string): boolean {
  const job: JobState | undefined = state?.jobs.get(id);
  if (job === undefined) return state?.tombstones.has(id) === true;
  return !job.active;
}
