import { AnswerMap } from './answer-map.ts';
import { Choices } from './choices.ts';
import { Disputes } from './disputes.ts';
import type { ComputationId, Hash, JobId, PeerId } from './ids.ts';
import { IntervalSet } from './interval-set.ts';
import { type Limits, reaches } from './limits.ts';
import type { ComputationSpec } from './manifest.ts';
import { type Outcome, outcomeKey, segmentOutcomes } from './outcome.ts';
import { type Attempt, LOST, type RecordKey, type Segment } from './record.ts';

/** Attempts by counting failures after which an index is stuck. */
export const STUCK_AFTER = 3;

/** Records of how long recent segments took, for the median. */
const RECENT_SEGMENTS = 31;

/** An attempt with its place and the peer that made it. */
export interface PlacedAttempt {
  readonly peer: PeerId;
  readonly job: JobId;
  readonly index: number;
  readonly limits: Limits;
  readonly failure: string;
  readonly detail: string;
  /** When this peer heard of it, on its own clock. */
  readonly at: number;
}

/** An interval that was under way when its peer's process ended. */
export interface LostInterval {
  readonly lo: number;
  readonly hi: number;
  readonly peer: PeerId;
  /** When this peer heard of it, on its own clock. */
  readonly at: number;
}

/**
 * What is known of one computation: a function of the set of its records, so that applying them in
 * any order, any number of times, gives the same coverage and outcomes. Only what a certificate
 * fixed stays as it was then, whatever is disputed later.
 */
export class Computation {
  readonly id: ComputationId;
  readonly spec: ComputationSpec;
  /** Indices with an undisputed outcome. */
  readonly coverage: IntervalSet = new IntervalSet();
  readonly answers: AnswerMap;
  readonly disputes: Disputes = new Disputes();
  /** Which run of each command counts; null for a function. */
  readonly #choices: Choices | null;
  readonly attempts: Map<number, PlacedAttempt[]> = new Map();
  readonly losses: LostInterval[] = [];
  /** Evaluations made for each job, and the peers that made them. */
  readonly #made = new Map<JobId, { ran: number; peers: Set<PeerId> }>();
  /** Values that no holder has any more: to be evaluated again. */
  readonly missing: IntervalSet = new IntervalSet();
  /** Values that travel by hash, also of rivals, and one index that has, or had, each. */
  readonly long: Map<Hash, number> = new Map();
  /** Those of them that are not known to be on this peer's disk, with who had each, if known. */
  readonly unstored: Map<Hash, PeerId | null> = new Map();
  /** Long values of outcomes that another one replaced: maybe no index has them any more. */
  readonly #replaced = new Set<Hash>();
  /** Outcomes below it are in a certificate: a dispute that comes later does not change them. */
  #certifiedEnd = 0;
  candidates = 0;
  milliseconds = 0;
  segments = 0;
  readonly #recent: number[] = [];
  /** Of them; undefined: to be found anew. */
  #median: number | null | undefined;

  constructor(id: ComputationId, spec: ComputationSpec) {
    this.id = id;
    this.spec = spec;
    this.answers = new AnswerMap(spec.items !== null);
    this.#choices = spec.commandsOf === null ? null : new Choices();
  }

  /**
   * Adds a segment. Returns the indices that became disputed by it; of commands, those that another
   * run counts at.
   */
  apply(key: RecordKey, segment: Segment): readonly number[] {
    if (this.#choices !== null) return this.#applyRuns(this.#choices, key, segment);
    if (this.#isNews(segment)) {
      this.#applyNews(key, segment);
      return [];
    }
    const outcomes = segmentOutcomes(segment.accepted, segment.errors);
    const disputed = this.#compare(segment, outcomes);
    this.#count(key, segment);
    this.disputes.hear(key, segment, outcomes);
    this.coverage.add(segment.lo, segment.hi);
    const fresh = [...outcomes].filter(([index]) => {
      return !this.disputes.has(index) && this.answers.get(index) === undefined;
    });
    this.answers.addAll(fresh);
    for (const [index, outcome] of fresh) this.#noteLong(index, outcome);
    for (const outcome of outcomes.values()) this.#noteMaker(outcome, key.origin);
    for (const index of this.disputes.indicesWithin(segment.lo, segment.hi)) this.#settle(index);
    this.#bring(segment, outcomes);
    return disputed;
  }

  /** Long values in a segment are missing no more; one that is not the known one brings nothing. */
  #bring({ lo, hi }: Segment, outcomes: ReadonlyMap<number, Outcome>): void {
    for (const [from, to] of [...this.missing.within(lo, hi)]) {
      for (let index = from; index < to; index++) {
        const known = this.answers.get(index);
        const isOther = outcomeKey(outcomes.get(index)) !== outcomeKey(known);
        if (!isOther || known?.kind !== 'long') this.missing.remove(index, index + 1);
      }
    }
  }

  /** Says whether nothing was heard of any index of a segment, which is the ordinary case. */
  #isNews({ lo, hi, fresh }: Segment): boolean {
    if (fresh || this.coverage.overlaps(lo, hi)) return false;
    return this.disputes.indicesWithin(lo, hi).length === 0;
  }

  #applyNews(key: RecordKey, segment: Segment): void {
    const { lo, hi, accepted, errors } = segment;
    this.#count(key, segment);
    this.coverage.add(lo, hi);
    this.answers.addSegment(accepted, errors);
    const long = accepted.filter(({ kind }) => kind === 'hash');
    for (const [index, outcome] of segmentOutcomes(long, [])) {
      this.#noteValue(index, outcome, key.origin);
    }
  }

  /** Adds runs of commands. Returns the indices that another run counts at. */
  #applyRuns(choices: Choices, key: RecordKey, segment: Segment): readonly number[] {
    const outcomes = segmentOutcomes(segment.accepted, segment.errors);
    const { counts, rivals } = choices.take(key, outcomes);
    this.#count(key, segment);
    this.coverage.add(segment.lo, segment.hi);
    const news = counts.filter(([index]) => this.answers.get(index) === undefined);
    if (news.length === counts.length) this.answers.addAll(news);
    else for (const [index, outcome] of counts) this.#replace(index, outcome);
    for (const [index, outcome] of counts) this.#noteValue(index, outcome, key.origin);
    return rivals;
  }

  #noteValue(index: number, outcome: Outcome, maker: PeerId): void {
    this.#noteLong(index, outcome);
    this.#noteMaker(outcome, maker);
  }

  /** False for commands: two runs of one need not come to the same. */
  get isPure(): boolean {
    return this.#choices === null;
  }

  /** The record whose outcome of a command counts. */
  recordAt(index: number): RecordKey | undefined {
    return this.#choices?.recordAt(index);
  }

  /** Takes the owner's word on which run of a command counts. */
  choose(index: number, of: RecordKey): void {
    const outcome = this.#choices?.name(index, of);
    if (outcome === undefined) return;
    this.#replace(index, outcome);
    this.#noteValue(index, outcome, of.origin);
  }

  /** Fixes the outcomes below the end of a certified answer: no later dispute changes them. */
  certify(end: number): void {
    this.#certifiedEnd = Math.max(this.#certifiedEnd, end);
  }

  /** Disputed indices below an end, settled ones included, rising. */
  disputedBelow(end: number): number[] {
    return this.disputes.indicesWithin(0, end).sort((a, b) => a - b);
  }

  /** Takes one of its rivals for the outcome of a disputed index. */
  decide(index: number, outcome: Outcome | undefined): void {
    this.#replace(index, outcome);
    this.#noteLong(index, outcome);
    this.coverage.add(index, index + 1);
  }

  addAttempt(key: RecordKey, attempt: Attempt, now: number): void {
    if (attempt.failure === LOST) {
      this.losses.push({ lo: attempt.lo, hi: attempt.hi, peer: key.origin, at: now });
      return;
    }
    const { lo: index, job, limits, failure, detail } = attempt;
    const list = this.attempts.get(index) ?? [];
    list.push({ peer: key.origin, job, index, limits, failure, detail, at: now });
    this.attempts.set(index, list);
  }

  /** Attempts at an index that count for a job with these limits: made at no lower ones. */
  attemptsAt(index: number, limits: Limits): PlacedAttempt[] {
    const all = this.attempts.get(index) ?? [];
    return all.filter((attempt) => reaches(attempt.limits, limits));
  }

  /** Says whether an index has failed so often that no job with these limits claims it. */
  isStuck(index: number, limits: Limits): boolean {
    return !this.coverage.has(index) && this.wasStuck(index, limits);
  }

  /** Says so also of an index that a machine mastered since, or before the failures were known. */
  wasStuck(index: number, limits: Limits): boolean {
    return this.attemptsAt(index, limits).length >= STUCK_AFTER;
  }

  /** How many indices are stuck that were tried for a job: another job's failures are its own. */
  stuckFor(job: JobId, limits: Limits): number {
    let count = 0;
    for (const [index, attempts] of this.attempts) {
      if (!attempts.some((attempt) => attempt.job === job)) continue;
      if (this.isStuck(index, limits)) count++;
    }
    return count;
  }

  /** The lowest index at which five fresh evaluations had no two equal outcomes, or null. */
  get impureAt(): number | null {
    return this.disputes.impureAt;
  }

  /** Evaluations made for a job on the whole mesh, as far as this peer knows. */
  ranFor(job: JobId): number {
    return this.#made.get(job)?.ran ?? 0;
  }

  /** Peers that evaluated for a job. */
  peersFor(job: JobId): number {
    return this.#made.get(job)?.peers.size ?? 0;
  }

  /** Median time of recent segments in ms, or null before the first. */
  get medianMs(): number | null {
    if (this.#median === undefined) {
      const sorted = [...this.#recent].sort((a, b) => a - b);
      this.#median = sorted[sorted.length >>> 1] ?? null;
    }
    return this.#median;
  }

  /** The first index below an end whose outcome is not the one first known here, or null. */
  revisedBelow(end: number): number | null {
    const revised = this.disputes.indicesWithin(0, end).filter((index) => {
      return this.disputes.isRevised(index, this.answers.get(index));
    });
    return revised.length === 0 ? null : Math.min(...revised);
  }

  /** Disputed indices that still lack an agreed outcome, rising. */
  openDisputes(): readonly number[] {
    return this.disputes.open(this.coverage);
  }

  /** Says whether a peer came to another outcome of an index than the one known here. */
  isDeniedBy(peer: PeerId, index: number): boolean {
    return this.disputes.deny(index, this.answers.get(index), peer);
  }

  /**
   * Says whether some value below an end is missing that a peer may bring by evaluation: it did not
   * come to anything else there.
   */
  lacksFrom(peer: PeerId, end: number): boolean {
    if (this.disputes.size === 0) return this.missing.overlaps(0, end);
    for (const [lo, hi] of this.missing.within(0, end)) {
      for (let index = lo; index < hi; index++) if (!this.isDeniedBy(peer, index)) return true;
    }
    return false;
  }

  /** Says whether an outcome known here has a long value; else it is unknown, or a rival's. */
  names(hash: Hash): boolean {
    const outcome = this.answers.get(this.long.get(hash) ?? -1);
    return outcome?.kind === 'long' && outcome.hash === hash;
  }

  /** Looks no more for long values that no outcome has since another one was taken for theirs. */
  forgetReplaced(): void {
    if (this.#replaced.size === 0) return;
    const gone = new Set([...this.#replaced].filter((hash) => !this.names(hash)));
    this.#replaced.clear();
    for (const hash of gone) {
      const index = this.long.get(hash) ?? 0;
      this.missing.remove(index, index + 1);
    }
    for (const { index, outcome } of this.answers.linesBetween(0, this.answers.lines)) {
      if (gone.size === 0) return;
      if (outcome.kind !== 'long' || !gone.delete(outcome.hash)) continue;
      this.long.set(outcome.hash, index);
      this.unstored.set(outcome.hash, null);
    }
    for (const hash of gone) this.unstored.delete(hash);
  }

  #count(key: RecordKey, segment: Segment): void {
    const size = segment.hi - segment.lo;
    this.candidates += size;
    this.milliseconds += segment.ms;
    this.segments++;
    this.#median = undefined;
    this.#recent.push(segment.ms);
    if (this.#recent.length > RECENT_SEGMENTS) this.#recent.shift();
    const made = this.#made.get(segment.job) ?? { ran: 0, peers: new Set<PeerId>() };
    made.ran += size;
    made.peers.add(key.origin);
    this.#made.set(segment.job, made);
  }

  /** Sets the outcome of an index that may have another one. */
  #replace(index: number, outcome: Outcome | undefined): void {
    const before = this.answers.get(index);
    this.answers.set(index, outcome);
    if (before?.kind === 'long' && outcomeKey(outcome) !== outcomeKey(before)) {
      this.#replaced.add(before.hash);
    }
  }

  /** A long value is known by the lowest index that has it. */
  #noteLong(index: number, outcome: Outcome | undefined): void {
    if (outcome?.kind !== 'long') return;
    const known = this.names(outcome.hash) ? this.long.get(outcome.hash) : undefined;
    this.long.set(outcome.hash, Math.min(index, known ?? index));
    this.unstored.set(outcome.hash, null);
  }

  /** Who came to a long value has it. */
  #noteMaker(outcome: Outcome, maker: PeerId): void {
    if (outcome.kind !== 'long' || !this.unstored.has(outcome.hash)) return;
    this.unstored.set(outcome.hash, maker);
  }

  /** Finds where the segment says otherwise than what is covered; those become disputed. */
  #compare(segment: Segment, outcomes: Map<number, Outcome>): number[] {
    const found: number[] = [];
    for (const [lo, hi] of this.coverage.within(segment.lo, segment.hi)) {
      const indices = new Set<number>(this.answers.indicesWithin(lo, hi));
      for (const index of outcomes.keys()) if (index >= lo && index < hi) indices.add(index);
      for (const index of indices) {
        const known = this.answers.get(index);
        const now = outcomes.get(index);
        if (outcomeKey(known) === outcomeKey(now)) continue;
        if (this.disputes.has(index)) continue;
        this.disputes.begin(index, known);
        found.push(index);
      }
    }
    return found.sort((a, b) => a - b);
  }

  /** Takes the outcome that two fresh evaluations agree on for a disputed index, or uncovers it. */
  #settle(index: number): void {
    if (index < this.#certifiedEnd) return;
    const verdict = this.disputes.verdict(index);
    if (verdict !== undefined) return this.decide(index, verdict.outcome);
    this.coverage.remove(index, index + 1);
    this.#replace(index, undefined);
  }
}
