import type { JobId } from '../../../src/core/ids.ts';
import type { JobState } from '../../../src/core/job-state.ts';
import { encodeManifest, type Manifest } from '../../../src/core/manifest.ts';
import { encodeBody } from '../../../src/core/record-codec.ts';
import { type Machine, sha256, sign } from './machine.ts';
import { type Publication, publicationOf, publishEvent } from './publication.ts';
import type { Act, JobPlan } from './scenario.ts';
import type { World } from './world.ts';

/** Between two looks of a user at a job, in ms. */
const LOOK_MS = 500;

/** A job as its user sees it. */
export interface UserJob extends Publication {
  /** The user was told that the job is kept, on so many copies. */
  acknowledged: number | null;
  /** The user was told that the answer is kept. */
  confirmed: number | null;
  /** Cancelled by somebody, also if that did not come through. */
  cancelAsked: boolean;
  /** The request that stands, and the machine's run that it was put to. */
  asked: { request: number; run: number } | null;
}

/** The people of a world: they publish, ask, change their minds, and help where a job is stuck. */
export class Users {
  readonly jobs: readonly UserJob[];
  /** Ids of jobs that somebody forged. */
  readonly forged: Set<JobId> = new Set();
  readonly #world: World;

  constructor(world: World, plans: readonly JobPlan[]) {
    this.#world = world;
    this.jobs = plans.map((plan) => ({
      ...publicationOf(world, plan),
      ...{ acknowledged: null, confirmed: null, cancelAsked: false, asked: null },
    }));
    for (const job of this.jobs) {
      const { at, owner } = job.plan;
      world.queue.at(at, () => this.#attend(job, world.machine(owner)));
    }
    world.queue.at(world.healAt + 2000, () => this.#help());
  }

  anyRunning(): boolean {
    return this.jobs.some(({ id }) =>
      this.#world.live.some((machine) => this.#world.job(machine, id)?.active === true),
    );
  }

  /** Publishes, waits for the receipt, then for the end: again after each restart. */
  #attend(job: UserJob, machine: Machine): void {
    this.#world.queue.after(LOOK_MS, () => this.#attend(job, machine));
    if (!machine.running || job.confirmed !== null || !machine.state?.booted) return;
    const { asked } = job;
    if (asked !== null && asked.run === machine.run) {
      const answer = machine.answers.get(asked.request);
      if (answer === undefined) return;
      job.asked = null;
      if (answer.kind !== 'kept') return;
      if (job.acknowledged === null) {
        job.acknowledged = answer.copies;
        this.#world.tell(`job ${job.plan.number} is kept by ${answer.copies}`);
      } else {
        job.confirmed = answer.copies;
        return this.#world.tell(`answer of job ${job.plan.number} is kept by ${answer.copies}`);
      }
    }
    const request = this.#world.request();
    job.asked = { request, run: machine.run };
    if (job.acknowledged === null) this.#publish(job, machine, request);
    else machine.deliver({ kind: 'confirm', request, job: job.id });
  }

  #publish(job: UserJob, machine: Machine, request: number): void {
    const publish = publishEvent(job, machine, request);
    for (const observer of this.#world.observers) {
      const { computation } = job.question;
      if (publish.probe !== null) {
        const { hi: end, ms } = publish.probe;
        const { limits } = publish.manifest;
        const execution = {
          id: 0,
          computation,
          lo: 0,
          hi: end,
          limits,
          fresh: false,
          each: false,
          tellMs: 0,
        };
        observer.evaluated?.(machine, execution, 0, end, ms);
      }
    }
    this.#world.tell(`job ${job.plan.number} is published at ${machine.plan.name}`);
    machine.deliver(publish);
  }

  operate(act: Extract<Act, { kind: 'operate' }>): void {
    const job = this.jobs[act.job];
    const machine = this.#world.machine(act.machine);
    if (job === undefined || this.#world.job(machine, job.id) === undefined) return;
    this.#world.fire(act.fault);
    const { change } = act;
    if (change.kind === 'cancel') job.cancelAsked = true;
    this.#world.tell(`${JSON.stringify(change)} of job ${act.job} at ${machine.plan.name}`);
    const request = this.#world.request();
    machine.deliver({ kind: 'operate', request, job: job.id, change });
  }

  verify(act: Extract<Act, { kind: 'verify' }>): void {
    const job = this.jobs[act.job];
    const machine = this.#world.machine(act.machine);
    // A peer refuses to verify commands.
    if (job === undefined || job.plan.commands === true) return;
    if (this.#world.job(machine, job.id) === undefined) return;
    this.#world.fire(act.fault);
    this.#world.tell(`${machine.plan.name}: verify job ${act.job}`);
    const request = this.#world.request();
    const ranges = [[0, 4] as const, [9, 12] as const];
    machine.deliver({ kind: 'verify', request, job: job.id, ranges });
  }

  /** Somebody without the owner's key says that the owner published a job, or ended one. */
  forge(act: Extract<Act, { kind: 'forge' }>): void {
    const [job] = this.jobs;
    const machine = this.#world.machine(act.machine);
    const author = this.#world.machines.find((other) => other.id !== machine.id);
    if (job === undefined || author === undefined || !machine.running) return;
    const nonce = sha256(`forged ${this.forged.size}`).slice(0, 32);
    const manifest: Manifest = { ...job.manifest, owner: author.id, nonce };
    this.forged.add(sha256(encodeManifest(manifest)));
    const wrong = sign('somebody else', encodeManifest(manifest));
    const cancel = { kind: 'cancel', reason: 'user', wait: false } as const;
    const certificate = sha256('a wrong answer');
    const bodies = [
      encodeBody({ kind: 'manifest', manifest, signature: wrong }),
      encodeBody({ kind: 'op', job: job.id, number: 99, change: cancel, signature: wrong }),
      encodeBody({
        ...{ kind: 'certificate', job: job.id, certificate, end: 1, lines: 1, signature: wrong },
      }),
    ];
    const start = { incarnation: 4e9 + this.forged.size, nonce: nonce.slice(0, 16) };
    const records = bodies.map((body, n): [number, Uint8Array] => [n, body]);
    const groups = [{ scope: 'control', origin: author.id, start, records }];
    machine.deliver({ kind: 'message', from: author.id, message: { kind: 'records', groups } });
    this.#world.fire(act.fault);
    this.#world.tell(`forged records reach ${machine.plan.name}`);
  }

  /** After the faults: paused jobs go on, and indices that nobody can evaluate are skipped. */
  #help(): void {
    this.#world.queue.after(4000, () => this.#help());
    for (const job of this.jobs) {
      for (const machine of this.#world.live) {
        const state = this.#world.job(machine, job.id);
        if (state === undefined || !state.active) continue;
        if (state.paused) {
          const change = { kind: 'pause', paused: false } as const;
          machine.deliver({ kind: 'operate', request: this.#world.request(), job: job.id, change });
        }
        this.#skipNamed(job, machine, state);
        break;
      }
    }
  }

  /** Skips what `show` names as stuck when the owner will not publish a successor. */
  #skipNamed(job: UserJob, machine: Machine, state: JobState): void {
    const ownerLives = this.#world.machine(job.plan.owner).running;
    const { poison } = job.plan.program;
    const { coverage, losses } = state.computation;
    const fatal = poison.filter((index) => {
      const over = losses.filter(({ lo, hi }) => lo <= index && hi > index);
      return !coverage.has(index) && over.some(({ lo, hi }) => hi - lo === 1) && over.length > 1;
    });
    const named = ownerLives ? fatal : [...state.stuckBelow(Infinity), ...fatal];
    for (const index of named) {
      if (state.skips.has(index)) continue;
      this.#world.tell(`${machine.plan.name}: skip ${index} of job ${job.plan.number}`);
      machine.deliver({ kind: 'skip', request: this.#world.request(), job: job.id, index });
    }
  }
}
