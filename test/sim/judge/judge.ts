import type { Answer, Effect, Execution, PeerEvent } from '../../../src/core/event.ts';
import { type ComputationId, compareStarts, type JobId } from '../../../src/core/ids.ts';
import { IntervalSet } from '../../../src/core/interval-set.ts';
import type { JobState } from '../../../src/core/job-state.ts';
import type { Register } from '../../../src/core/register.ts';
import type { Machine } from '../world/machine.ts';
import { askOracle, type OracleAnswer } from '../world/oracle.ts';
import type { UserJob, Users } from '../world/users.ts';
import type { Observer, World } from '../world/world.ts';
import { fingerprint, isOnDisk, linesFrom, sameLine } from './evidence.ts';
import { Violation } from './violation.ts';

/** Silence in ms before which a peer that runs must not be called dead. */
const LEAST_SILENCE_MS = 2500;

/** Holds every step of a world against the safety invariants. */
export class Judge implements Observer {
  readonly #world: World;
  readonly #users: Users;
  readonly #jobs: ReadonlyMap<JobId, UserJob>;
  readonly #answers = new Map<string, OracleAnswer>();
  /** What executors told, by computation. */
  readonly #outcomes = new Map<ComputationId, IntervalSet>();
  /** Candidates evaluated in all, by computation. */
  readonly ran: Map<ComputationId, number> = new Map();
  /** Lines that a machine has shown of a job, over all its starts. */
  readonly #shown = new Map<string, number[]>();
  /** Unsynced states by machine and write. */
  readonly #states = new Map<string, string>();
  /** The last state that is on a machine's disk. */
  readonly #expected = new Map<Machine, string>();
  /** When a heartbeat last came in, by hearer and author. */
  readonly #heard = new Map<string, { at: number; nonce: string; sequence: number }>();
  /** When a machine's process last started. */
  readonly #began = new Map<Machine, number>();
  /** Machines whose disk lost something that the process does not know of yet. */
  readonly #damaged = new Set<Machine>();
  readonly #audited: boolean;
  readonly #honest: boolean;

  constructor(world: World, users: Users, options: { audited: boolean }) {
    this.#world = world;
    this.#users = users;
    this.#audited = options.audited;
    this.#honest = world.machines.every(({ plan }) => !plan.liar);
    this.#jobs = new Map(users.jobs.map((job) => [job.id, job]));
  }

  fail(invariant: string, what: string): never {
    throw new Violation(invariant, this.#world.now, what);
  }

  /** The sequential run's answer to a job, without some indices. */
  oracle(job: UserJob, skipped: readonly number[]): OracleAnswer {
    const key = skipped.length === 0 ? job.id : `${job.id} ${skipped.join()}`;
    const known = this.#answers.get(key) ?? askOracle(job.question, skipped);
    this.#answers.set(key, known);
    return known;
  }

  evaluatedSoFar(computation: ComputationId): IntervalSet {
    const known = this.#outcomes.get(computation) ?? new IntervalSet();
    this.#outcomes.set(computation, known);
    return known;
  }

  /** S3's truth: outcomes that exist because an executor came to them. */
  evaluated(_machine: Machine, { computation }: Execution, lo: number, hi: number): void {
    this.evaluatedSoFar(computation).add(lo, hi);
    this.ran.set(computation, (this.ran.get(computation) ?? 0) + hi - lo);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    if (event.kind === 'message' && event.message.kind === 'heartbeat') {
      this.#noteHeard(machine, event.message.register);
    }
    for (const effect of effects) this.#judge(machine, effect);
    if (event.kind === 'stored') this.#noteStored(machine, event.write);
    if (event.kind === 'part') this.#checkGrace(machine, event.execution);
    if (event.kind === 'loaded' || event.kind === 'tombstones') return;
    if (event.kind === 'booted') this.#checkTombstones(machine);
  }

  /** A heartbeat that is newer than all before from the same start is a sign of life. */
  #noteHeard(machine: Machine, { peer, start, sequence }: Register): void {
    const key = `${machine.plan.number} ${peer}`;
    const last = this.#heard.get(key);
    const isLate = last !== undefined && last.nonce === start.nonce && last.sequence >= sequence;
    if (!isLate) this.#heard.set(key, { at: this.#world.now, nonce: start.nonce, sequence });
  }

  #judge(machine: Machine, effect: Effect): void {
    switch (effect.kind) {
      case 'changed':
        if (effect.job !== null) this.#checkJob(machine, effect.job);
        return;
      case 'execute':
        return this.#checkExecution(machine, effect.execution);
      case 'send':
        if (effect.message.kind !== 'receipt') return;
        for (const hash of effect.message.hashes) this.#checkReceipt(machine, hash);
        return;
      case 'answer':
        if (effect.result.kind === 'kept') this.#checkKept(machine, effect.result);
        else if (effect.result.kind === 'verified') this.#checkVerified(machine, effect.result);
        return;
      case 'store':
        if (!this.#audited || machine.state === null || !machine.state.booted) return;
        this.#states.set(this.#at(machine, effect.write), fingerprint(machine.state));
        return;
      case 'load.scope':
        // What its disk has and it did not know of comes without a write of its own.
        return this.damaged(machine);
      case 'halt':
        return this.#checkHalt(machine);
      case 'log':
        if (effect.event === 'peer.dead') this.#checkDeath(machine, String(effect.fields['peer']));
        return;
      default:
        return;
    }
  }

  /** S1, S2, S3, S7 and S9 of one job as one machine sees it. */
  #checkJob(machine: Machine, id: JobId): void {
    const state = machine.state?.jobs.get(id);
    if (machine.state?.tombstones.has(id) === true && state !== undefined) {
      this.fail('S7', `${machine.plan.name} knows the collected job ${short(id)} again`);
    }
    if (this.#users.forged.has(id) && state !== undefined) {
      this.fail('S9', `${machine.plan.name} took a job with a wrong signature`);
    }
    const job = this.#jobs.get(id);
    if (state === undefined || job === undefined) return;
    if (state.cancelled !== null && !job.cancelAsked && job.plan.deadlineMs === null) {
      this.fail('S9', `job ${job.plan.number} was cancelled by nobody`);
    }
    this.#checkCoverage(machine, state);
    if (!this.#honest) return this.#countLies(job, state);
    this.#checkCertificates(machine, job, state);
    this.#checkLines(machine, job, state);
  }

  /** A lie that no second evaluation met gets into the answer: expected until spot checks come. */
  #countLies(job: UserJob, { certificate }: JobState): void {
    if (certificate === null) return;
    const isTrue = certificate.certificate === this.oracle(job, []).certificate;
    this.#world.count(isTrue ? 'true answers beside a liar' : 'lies in answers (expected)');
  }

  #checkCoverage(machine: Machine, { computation }: JobState): void {
    const evaluated = this.evaluatedSoFar(computation.id);
    const gap = computation.coverage.toArray().find(([lo, hi]) => !evaluated.covers(lo, hi));
    if (gap === undefined) return;
    this.fail('S3', `${machine.plan.name} claims ${gap.join('–')}, which nobody evaluated`);
  }

  #checkCertificates(machine: Machine, job: UserJob, state: JobState): void {
    const { successor, certificate } = state;
    const pairs: [readonly number[], { certificate: string; end: number } | null][] = [
      [[], certificate],
      [successor?.stuck ?? [], successor?.certificate ?? null],
    ];
    for (const [skipped, own] of pairs) {
      if (own === null) continue;
      const right = this.oracle(job, skipped);
      if (own.certificate === right.certificate && own.end === right.end) continue;
      const what = `certificate of job ${job.plan.number} at ${machine.plan.name}`;
      const without = skipped.length > 0 ? `, without ${skipped.join()},` : '';
      this.fail('S1', `${what}${without} is not the oracle's (end ${own.end}, ${right.end})`);
    }
    if (state.alarms.length > 0) this.fail('S2', `${machine.plan.name}: ${state.alarms[0]}`);
  }

  #checkLines(machine: Machine, job: UserJob, state: JobState): void {
    // While records are read from the disk, clients are not served.
    if (machine.state?.booted !== true) return;
    const key = `${machine.plan.number} ${job.id}`;
    const shown = this.#shown.get(key) ?? [];
    this.#shown.set(key, shown);
    const { lines } = this.oracle(job, state.skipped);
    for (const [index, outcome] of linesFrom(state, shown.length)) {
      const line = lines[shown.length];
      if (!sameLine(index, outcome, line)) {
        const right = line === undefined ? 'no line' : `${line[0]} ${line[1].slice(0, 20)}`;
        const what = `line ${shown.length} of job ${job.plan.number} at ${machine.plan.name}`;
        this.fail(
          'S2',
          `${what} is ${index} ${JSON.stringify(outcome).slice(0, 60)}, not ${right}`,
        );
      }
      shown.push(index);
    }
    if (state.skipped.length > 0) this.#checkShown(machine, job, state, shown, lines);
  }

  /** A successor's answer has no line less than what was shown before it was known. */
  #checkShown(
    machine: Machine,
    job: UserJob,
    { skipped }: JobState,
    shown: readonly number[],
    lines: OracleAnswer['lines'],
  ): void {
    const wrong = shown.findIndex((index, k) => lines[k]?.[0] !== index);
    if (wrong < 0) return;
    const what = `${machine.plan.name} has shown line ${wrong} of job ${job.plan.number}`;
    this.fail('S2', `${what}, index ${shown[wrong]}; the successor skips ${skipped.join()}`);
  }

  #checkExecution(machine: Machine, { computation, lo, hi }: Execution): void {
    const { state } = machine;
    if (state === null) return;
    for (const job of state.jobs.values()) {
      if (job.computation.id !== computation) continue;
      if (this.#users.forged.has(job.id)) this.fail('S9', 'a forged job is evaluated');
      if ((job.active && !job.paused) || job.lacksValues(state.self.peer)) return;
    }
    if (state.verifications.size > 0) return;
    const ended = [...state.jobs.values()].find((job) => job.computation.id === computation);
    this.fail('S7', `${machine.plan.name} starts ${lo}–${hi} of a job that is ${ended?.phase}`);
  }

  /** R5: what a cancelled job had running is over after the grace. */
  #checkGrace(machine: Machine, execution: number): void {
    const { state } = machine;
    const own = state?.leases.find(({ lease }) => lease.id === execution);
    if (state === null || own === undefined || this.#world.now < machine.blockedUntil + 1000)
      return;
    for (const job of state.jobs.values()) {
      if (job.computation.id !== own.lease.computation) continue;
      if (job.ending !== null) return;
      if (job.cancelledAt === null || job.cancelled?.wait !== false) return;
      if (machine.clock - job.cancelledAt < state.timing.graceMs + 500) return;
    }
    this.fail('S7', `${machine.plan.name} still evaluates for a job that was cancelled`);
  }

  /** S4: who gives a receipt has all of it on its disk. */
  #checkReceipt(machine: Machine, hash: string): void {
    this.#world.count('receipts');
    if (this.#damaged.has(machine) || isOnDisk(machine, hash)) return;
    this.fail('S4', `${machine.plan.name} gives a receipt for ${short(hash)} before the sync`);
  }

  /** S1: a pure function on honest machines gives the same outcome again. */
  #checkVerified(machine: Machine, answer: Extract<Answer, { kind: 'verified' }>): void {
    this.#world.count('candidates verified', answer.checked);
    const [first] = answer.different;
    if (!this.#honest || first === undefined) return;
    this.fail('S1', `${machine.plan.name} finds another outcome of ${first.index} at a second run`);
  }

  /** S4: a client is told `kept` when at least this machine or its holders have it. */
  #checkKept(machine: Machine, { copies }: { readonly copies: number }): void {
    this.#world.count('acknowledged');
    if (copies >= 1) return;
    const ended = [...(machine.state?.jobs.values() ?? [])].some((job) => !job.active);
    if (!ended) this.fail('S4', `${machine.plan.name} acknowledges without a copy`);
  }

  /** E1: no peer is called dead that is heard and whose process goes on. */
  #checkDeath(machine: Machine, peer: string): void {
    this.#world.count('deaths told');
    const others = this.#world.machines.filter(({ id }) => id === peer);
    const since = this.#world.now - (this.#heard.get(`${machine.plan.number} ${peer}`)?.at ?? 0);
    if (since >= LEAST_SILENCE_MS || !others.every(({ running }) => running)) return;
    // A home from an older copy is heard once it has risen above its past: until then that is dead.
    const known = machine.state?.roster.get(peer)?.register.start;
    const isPast = others.every(({ state }) => {
      return state !== null && known !== undefined && compareStarts(state.start, known) < 0;
    });
    if (isPast) return;
    // Who was asleep hears late of what others were before it woke.
    if (this.#world.now - machine.blockedUntil < 10_000) return;
    const fresh = others.some((other) => this.#world.now - (this.#began.get(other) ?? 0) < 10_000);
    if (fresh) return;
    this.fail('E1', `${machine.plan.name} calls ${peer} dead, heard ${Math.round(since)} ms ago`);
  }

  /** L1: a process ends by itself only where another runs under its identity. */
  #checkHalt({ id, plan }: Machine): void {
    const twins = this.#world.machines.filter((other) => other.id === id && other.run > 0);
    if (twins.length < 2) this.fail('L1', `${plan.name} takes its own past for a copied home`);
  }

  started(machine: Machine): void {
    this.#began.set(machine, this.#world.now);
    this.#damaged.delete(machine);
    this.#checkRecovered(machine);
  }

  #checkTombstones(machine: Machine): void {
    for (const id of machine.state?.tombstones.keys() ?? []) {
      if (machine.state?.jobs.has(id) !== true) continue;
      this.fail('S7', `${machine.plan.name} knows the collected job ${short(id)} again`);
    }
  }

  #at(machine: Machine, write: number): string {
    return `${machine.plan.number} ${machine.run} ${write}`;
  }

  #noteStored(machine: Machine, write: number): void {
    const state = this.#states.get(this.#at(machine, write));
    if (state === undefined || this.#damaged.has(machine)) return;
    this.#expected.set(machine, state);
  }

  ended(machine: Machine, lastWrite: number | null): void {
    if (lastWrite !== null) this.#noteStored(machine, lastWrite);
  }

  /** S6 does not speak of a disk that lost what it had, nor S2 of lines that nobody else has. */
  damaged(machine: Machine): void {
    this.#expected.delete(machine);
    this.#damaged.add(machine);
    const others = this.#world.live.filter((other) => other !== machine);
    for (const { id } of this.#users.jobs) {
      const shown = this.#shown.get(`${machine.plan.number} ${id}`) ?? [];
      const isKept = (index: number): boolean =>
        others.some((other) => this.#world.job(other, id)?.computation.coverage.has(index));
      const lost = shown.findIndex((index) => !isKept(index));
      if (lost >= 0) shown.length = lost;
    }
  }

  /** S6: what a start reads from disk is a state that this machine was in. */
  #checkRecovered(machine: Machine): void {
    const expected = this.#expected.get(machine);
    if (!this.#audited || expected === undefined || machine.state === null) return;
    this.#world.count('recoveries audited');
    if (fingerprint(machine.state) === expected) return;
    this.fail('S6', `${machine.plan.name} starts in a state that never was`);
  }
}

function short(id: string): string {
  return id.slice(0, 8);
}
