import type { Answer, Effect, PeerEvent } from '../../../src/core/event.ts';
import { type JobId, startKey } from '../../../src/core/ids.ts';
import type { JobState } from '../../../src/core/job-state.ts';
import { NO_LIMITS } from '../../../src/core/limits.ts';
import type { OpChange } from '../../../src/core/record.ts';
import { type Machine, sha256 } from '../world/machine.ts';
import { failureOf } from '../world/program.ts';
import type { Weather } from '../world/scenario.ts';
import type { UserJob, Users } from '../world/users.ts';
import type { Observer, World } from '../world/world.ts';
import { lostValue } from './values.ts';
import { Violation } from './violation.ts';

/** For what is under way at the end to come to rest, in ms. */
const REST_MS = 3000;

/** For records to spread, and values that were lost to be evaluated again, in ms. */
const VALUES_MS = 180_000;

/** A peer that stood still may be called dead for so long, in ms. */
const WOKEN_MS = 20_000;

/** Silence of a peer that lives, in ms. */
const SILENT_MS = 2500;

/** A late message comes after so many ms at most. */
const LATE_MS = 8000;

/** Entries of a queue of a peer that has nothing to do. */
const MAX_LEFT = 64;

/** A user's word at one machine. */
interface Asked {
  readonly job: string;
  readonly change: OpChange;
  readonly at: number;
}

/** Holds what machines know against one another, and what users were told against what stands. */
export class Accord implements Observer {
  readonly #world: World;
  readonly #users: Users;
  /** While there are faults: what was sent then may come after them. */
  readonly #weather: Weather;
  /** The one record that has a number, of each log. */
  readonly #bodies = new Map<string, Uint8Array>();
  /** When the author of an op wrote it, by the hash of its record. */
  readonly #issued = new Map<string, number>();
  readonly #asked = new Map<string, Asked>();
  /** Jobs that a process knows to be cancelled. */
  readonly #cancelled = new Set<string>();

  /** When a heartbeat of a peer last came in, by hearer and author. */
  readonly #heard = new Map<string, number>();
  /** When machines ended that have not started since. */
  readonly #endedAt = new Map<Machine, number>();

  constructor(world: World, users: Users) {
    this.#world = world;
    this.#users = users;
    this.#weather = world.network.weather;
  }

  #fail(invariant: string, what: string): never {
    throw new Violation(invariant, this.#world.now, what);
  }

  started(machine: Machine): void {
    this.#endedAt.delete(machine);
  }

  ended(machine: Machine): void {
    this.#endedAt.set(machine, this.#world.now);
  }

  stepped(machine: Machine, event: PeerEvent, effects: readonly Effect[]): void {
    if (event.kind === 'operate') {
      const { request, job, change } = event;
      this.#asked.set(this.#key(machine, request), { job, change, at: this.#world.now });
    }
    if (event.kind === 'tick') {
      if (this.#endedAt.size > 0) this.#checkDead(machine);
      this.#checkStall(machine, effects);
    } else if (event.kind === 'message' && event.message.kind === 'heartbeat') {
      this.#heard.set(this.#key(machine, event.message.register.peer), this.#world.now);
    }
    for (const effect of effects) {
      if (effect.kind === 'log' && effect.event === 'job.successor') {
        this.#checkAuthor(machine, String(effect.fields['job']));
      } else if (effect.kind === 'store') this.#noteRecords(machine, effect);
      else if (effect.kind === 'execute') this.#checkLease(machine, effect.execution.id);
      else if (effect.kind === 'changed' && effect.job !== null) {
        this.#checkCancel(machine, effect.job);
      } else if (effect.kind === 'answer' && effect.result.kind === 'kept') {
        this.#checkCopies(machine, effect.result);
        this.#checkWord(machine, effect.request);
      }
    }
  }

  /** E1: who stood still could not hear, and does not take that for the others' silence. */
  #checkStall(machine: Machine, effects: readonly Effect[]): void {
    const logs = effects.filter((effect) => effect.kind === 'log');
    const stalled = logs.find((log) => log.event === 'loop.stalled');
    if (stalled === undefined) return;
    const since = this.#world.now - Number(stalled.fields['gapMs']);
    for (const { event, fields } of logs) {
      if (event !== 'peer.dead') continue;
      const peer = String(fields['peer']);
      const heardAt = this.#heard.get(this.#key(machine, peer)) ?? Number.NEGATIVE_INFINITY;
      if (since - heardAt > SILENT_MS) continue;
      this.#fail('E1', `${machine.plan.name} takes its own stall for the silence of ${peer}`);
    }
  }

  /** L2: silence means death, for work may wait for it. */
  #checkDead(machine: Machine): void {
    const { now, timing } = this.#world;
    const { delayMs, late } = this.#weather;
    const waitMs = 1.1 * timing.deadMs + delayMs[1] + (late > 0 ? LATE_MS : 0);
    for (const [other, at] of this.#endedAt) {
      if (now - at < waitMs || machine.blockedUntil > at) continue;
      const twins = this.#world.machines.filter(({ id }) => id === other.id);
      if (twins.some((twin) => twin.running || (this.#endedAt.get(twin) ?? 0) > at)) continue;
      const { state, clock, plan } = machine;
      const view = state?.roster.get(other.id);
      if (state === null || view === undefined) continue;
      if (state.roster.state(view, clock) === 'dead') continue;
      const what = `takes ${other.plan.name} for alive, ${Math.round(now - at)} ms after its end`;
      this.#fail('L2', `${plan.name} ${what}`);
    }
  }

  /**
   * S2: an answer that leaves out what failed is the owner's word, or that of who skips by hand, or
   * of a machine that has a final line which the owner left out.
   */
  #checkAuthor({ state, id, plan }: Machine, successor: string): void {
    const job = state?.jobs.get(successor);
    if (job === undefined || job.manifest.owner === id) return;
    if (job.successor?.stuck.every((index) => job.skips.has(index)) === true) return;
    for (const { predecessor, stuck } of state?.successors.values() ?? []) {
      if (predecessor === job.id && stuck.some((index) => index < job.finalTo)) return;
    }
    this.#fail('S2', `${plan.name} publishes the successor of a job that is not its own`);
  }

  #key(machine: Machine, what: string | number): string {
    return `${machine.plan.number} ${machine.run} ${what}`;
  }

  /** S5: a number of a log has one record for ever, whoever holds it, and a hash one content. */
  #noteRecords(machine: Machine, { writes }: Extract<Effect, { kind: 'store' }>): void {
    for (const write of writes) {
      if (write.kind === 'blob' && sha256(write.bytes) !== write.hash) {
        this.#fail('S5', `${machine.plan.name} stores a blob that is not what its hash says`);
      }
      if (write.kind !== 'record') continue;
      const { scope, origin, start, n, body } = write;
      const key = `${scope} ${origin} ${startKey(start)} ${n}`;
      const known = this.#bodies.get(key);
      if (known === undefined) this.#bodies.set(key, body);
      else if (known !== body && Buffer.compare(known, body) !== 0) {
        this.#fail('S5', `record ${n} of ${origin} is another one at ${machine.plan.name}`);
      }
      if (scope !== 'control' || origin !== machine.id || known !== undefined) continue;
      this.#issued.set(sha256(body), this.#world.now);
    }
  }

  /** S6: what begins is on disk as a lease, for the next start to find. */
  #checkLease({ state, plan }: Machine, id: number): void {
    const own = state?.leases.find(({ lease }) => lease.id === id);
    if (state === null || own === undefined || own.write <= state.stored) return;
    this.#fail('S6', `${plan.name} starts an interval whose lease is not on disk`);
  }

  /** S7: cancel absorbs. */
  #checkCancel(machine: Machine, id: string): void {
    const job = machine.state?.jobs.get(id);
    const key = this.#key(machine, id);
    if (job === undefined) return;
    if (job.cancelled !== null) this.#cancelled.add(key);
    else if (this.#cancelled.has(key)) {
      this.#fail('S7', `${machine.plan.name} takes a cancelled job up again`);
    }
  }

  /** S4: three copies, or as many as there are peers, as far as this one knows. */
  #checkCopies(
    { state, plan, clock: now }: Machine,
    { copies }: Extract<Answer, { kind: 'kept' }>,
  ): void {
    if (state === null || copies === 0) return;
    const others = state.roster
      .all()
      .filter(([, view]) => view.register.stores && state.roster.state(view, now) === 'alive');
    const needed = Math.min(3, others.length + (state.diskFull ? 0 : 1));
    if (copies >= needed) return;
    this.#fail('S4', `${plan.name} acknowledges with ${copies} copies of ${needed}`);
  }

  /** S4: of a word that is acknowledged none stands above that was there before it. */
  #checkWord(machine: Machine, request: number): void {
    const asked = this.#asked.get(this.#key(machine, request));
    this.#asked.delete(this.#key(machine, request));
    if (asked === undefined || asked.change.kind === 'cancel') return;
    const winner = machine.state?.jobs.get(asked.job)?.ops.get(asked.change.kind);
    if (winner === undefined) return;
    this.#world.count('words acknowledged');
    if (JSON.stringify(winner.op.change) === JSON.stringify(asked.change)) return;
    const issuedAt = this.#issued.get(winner.hash) ?? Number.POSITIVE_INFINITY;
    if (issuedAt >= asked.at) return;
    const what = JSON.stringify(asked.change);
    this.#fail('S4', `${machine.plan.name} acknowledges ${what}, and an earlier word stands`);
  }

  /** What all hold when a world has come to its end, a while later at the latest. */
  check(): void {
    const { now } = this.#world;
    this.#world.until(() => false, now + REST_MS, REST_MS);
    if (this.#world.until(() => this.#fault() === null, now + REST_MS + VALUES_MS, 2000)) return;
    throw this.#fault() ?? new Violation('S5', this.#world.now, 'the machines do not come to rest');
  }

  /** What does not hold now, or null. Values that were lost may still be evaluated again. */
  #fault(): Violation | null {
    try {
      this.#checkRecords();
      for (const job of this.#users.jobs) {
        this.#checkOps(job);
        this.#checkEnds(job);
        this.#checkSkipped(job);
      }
      this.#checkAnswered();
      this.#checkRosters();
      this.#checkQueues();
      this.#checkValues();
      return null;
    } catch (error) {
      if (error instanceof Violation) return error;
      throw error;
    }
  }

  get #honest(): Machine[] {
    return this.#world.live.filter(({ plan }) => !plan.liar);
  }

  /** Where jobs are collected, what machines hold differs for good. */
  get #collects(): boolean {
    return this.#world.live.some(({ state }) => (state?.tombstones.size ?? 0) > 0);
  }

  /** S5: all hold the same records, as their disks have them. */
  #checkRecords(): void {
    if (this.#collects) return;
    for (const { disk, plan, id } of this.#honest) {
      for (const other of this.#honest) {
        const { state } = other;
        if (state === null || other.disk === disk || other.id === id) continue;
        for (const key of disk.records.values()) {
          const isShared = key.scope === 'control' || state.computations.has(key.scope);
          if (!isShared || state.logs.has(key)) continue;
          const what = `record ${key.n} of ${key.origin}`;
          this.#fail('S5', `${other.plan.name} lacks ${what}, which is at ${plan.name}`);
        }
      }
    }
  }

  #known(job: UserJob): [Machine, JobState][] {
    return this.#honest.flatMap((machine): [Machine, JobState][] => {
      const state = machine.state?.jobs.get(job.id);
      return state === undefined ? [] : [[machine, state]];
    });
  }

  /** S5: the same op stands everywhere. */
  #checkOps(job: UserJob): void {
    if (this.#collects) return;
    const [first, ...others] = this.#known(job).map(([machine, { ops }]) => {
      const standing = [...ops].map(([kind, { hash }]) => `${kind} ${hash}`).sort();
      return { name: machine.plan.name, text: standing.join() };
    });
    const other = others.find(({ text }) => text !== first?.text);
    if (other === undefined || first === undefined) return;
    const number = job.plan.number;
    this.#fail('S5', `another op of job ${number} stands at ${other.name} than at ${first.name}`);
  }

  /**
   * S2: clients get the same answer everywhere. Not where machines were apart, and one side had
   * what the other left out as stuck: then the job and its successor, or two of them, have an
   * answer each (design.md section 1), and clients stay with the one that they began to read.
   */
  #checkEnds(job: UserJob): void {
    // Beside a liar, who evaluated what decides.
    if (this.#world.machines.some(({ plan }) => plan.liar)) return;
    const known = this.#known(job);
    const ways = new Set(known.map(([, { ending }]) => ending?.job));
    if (ways.size > 1 && !ways.has(undefined)) this.#world.count('ended in two ways');
    for (const way of ways) this.#checkEndsBy(job, way, known);
  }

  /** Where a job ended in the same way, its answer is the same; it ended everywhere or nowhere. */
  #checkEndsBy(
    job: UserJob,
    way: JobId | undefined,
    known: readonly (readonly [Machine, JobState])[],
  ): void {
    const ends = known
      .filter(([, { ending }]) => ending === null || ending.job === way)
      .map(([machine, state]) => [machine.plan.name, state.ending?.certificate ?? 'none']);
    const [first, ...others] = ends;
    const other = others.find(([, certificate]) => certificate !== first?.[1]);
    if (other === undefined) return;
    this.#fail('S2', `job ${job.plan.number} ended otherwise at ${other[0]} than at ${first?.[0]}`);
  }

  /** S1: an answer leaves out only what cannot be evaluated. */
  #checkSkipped(job: UserJob): void {
    const { program, limits = NO_LIMITS } = job.plan;
    const slowest = Math.max(...this.#world.machines.map(({ plan }) => plan.slowness));
    for (const [machine, { successor }] of this.#known(job)) {
      const wrong = successor?.stuck.find((index) => {
        return failureOf(program, index, slowest, limits) === null;
      });
      if (wrong === undefined) continue;
      const what = `leaves out index ${wrong} of job ${job.plan.number}, which never failed`;
      this.#fail('S1', `${machine.plan.name} ${what}`);
    }
  }

  /** L3: who gave a word hears that it is kept, whatever else was said at the same time. */
  #checkAnswered(): void {
    for (const machine of this.#world.live) {
      for (const [request, pending] of machine.state?.pending ?? []) {
        const asked = this.#asked.get(this.#key(machine, request));
        if (asked === undefined || pending.job !== asked.job) continue;
        const what = `${JSON.stringify(asked.change)}, asked at ${Math.round(asked.at)}`;
        this.#fail('L3', `${machine.plan.name} never acknowledges ${what}`);
      }
    }
  }

  /** L2: who lives is known to live, so that work may fall to it. */
  #checkRosters(): void {
    const { now, live } = this.#world;
    const ids = live.map(({ id }) => id);
    const isReady = (machine: Machine): boolean =>
      machine.clock > WOKEN_MS && now > machine.blockedUntil + WOKEN_MS;
    const ready = live.filter(isReady).filter(({ id }) => ids.filter((x) => x === id).length === 1);
    for (const { state, clock, plan } of ready) {
      for (const other of ready) {
        if (state === null || other.plan === plan || other.state?.stopped !== false) continue;
        const view = state.roster.get(other.id);
        if (view !== undefined && state.roster.state(view, clock) !== 'dead') continue;
        this.#fail('L2', `${plan.name} does not know that ${other.plan.name} lives`);
      }
    }
  }

  /** E5: nothing is left in the queues of peers without work. */
  #checkQueues(): void {
    for (const { state, plan } of this.#world.live) {
      if (state === null) continue;
      const { leases, fresh, asked, early, orphans, pending } = state;
      const sizes = { leases: leases.length, fresh: fresh.length, asked: asked.size };
      const all = { ...sizes, early: early.length, orphans: orphans.size, pending: pending.size };
      const full = Object.entries(all).find(([, size]) => size > MAX_LEFT);
      if (full === undefined) continue;
      this.#fail('E5', `${full[1]} entries in the idle ${plan.name}'s ${full[0]}`);
    }
  }

  /** S4: every long value of an answer is somewhere. */
  #checkValues(): void {
    for (const job of this.#users.jobs) {
      const what = lostValue(this.#world, job, this.#known(job));
      if (what !== null) this.#fail('S4', what);
    }
  }
}
