import { AnswerMap } from './answer-map.ts';
import { Choices } from './choices.ts';
import type { ComputationId, Hash, JobId, PeerId } from './ids.ts';
import { IntervalSet } from './interval-set.ts';
import { type Limits, reaches } from './limits.ts';
import type { ComputationSpec } from './manifest.ts';
import { type Outcome, outcomeKey, segmentOutcomes } from './outcome.ts';
import { type Attempt, LOST, type RecordKey, type Segment } from './record.ts';

/** Attempts by counting failures after which an index is stuck. */
export const STUCK_AFTER = 3;

/** Fresh evaluations without two equal ones after which a function is called impure. */
export const IMPURE_AFTER = 5;

/** Records of how long recent segments took, for the median. */
const RECENT_SEGMENTS = 31;

/** An index that segments disagree about. */
interface Dispute {
  /** Every outcome seen, by key. */
  readonly outcomes: Map<string, Outcome | undefined>;
  /** Keys of those that came in the ordinary run, not in a second one on purpose. */
  readonly ordinary: Set<string>;
}

const NO_DISPUTE: Dispute = { outcomes: new Map(), ordinary: new Set() };

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
  readonly disputes: Map<number, Dispute> = new Map();
  /** Which run of each command counts; null for a function. */
  readonly #choices: Choices | null;
  /** Fresh evaluations by index, then by outcome: the records that made them. */
  readonly #fresh = new Map<number, Map<string, Set<string>>>();
  readonly attempts: Map<number, PlacedAttempt[]> = new Map();
  readonly losses: LostInterval[] = [];
  /** Evaluations made for each job, and the peers that made them. */
  readonly #made = new Map<JobId, { ran: number; peers: Set<PeerId> }>();
  /** Values that no holder has any more: to be evaluated again. */
  readonly missing: IntervalSet = new IntervalSet();
  /** Values that travel by hash, and one index that has each. */
  readonly long: Map<Hash, number> = new Map();
  /** Those of them that are not known to be on this peer's disk, with who had each, if known. */
  readonly unstored: Map<Hash, PeerId | null> = new Map();
  /** Outcomes below it are in a certificate: a dispute that comes later does not change them. */
  #certifiedEnd = 0;
  /** What was found of the disputes, until something of them changes: a liar makes thousands. */
  #impure: { readonly at: number | null } | null = null;
  #open: { readonly version: number; readonly count: number; readonly open: readonly number[] } = {
    ...{ version: -1, count: 0, open: [] },
  };
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
    const record = `${key.origin} ${key.start.incarnation}.${key.start.nonce} ${key.n}`;
    if (segment.fresh) this.#countFresh(segment, outcomes, record);
    if (segment.fresh || disputed.length > 0) this.#impure = null;
    this.coverage.add(segment.lo, segment.hi);
    this.missing.remove(segment.lo, segment.hi);
    const fresh = [...outcomes].filter(([index]) => {
      return !this.disputes.has(index) && this.answers.get(index) === undefined;
    });
    this.answers.addAll(fresh);
    for (const [index, outcome] of fresh) this.#noteLong(index, outcome);
    for (const outcome of outcomes.values()) this.#noteMaker(outcome, key.origin);
    for (const index of this.disputes.keys()) {
      if (index >= segment.lo && index < segment.hi) this.#settle(index);
    }
    return disputed;
  }

  /** Says whether nothing was heard of any index of a segment, which is the ordinary case. */
  #isNews({ lo, hi, fresh }: Segment): boolean {
    if (fresh || this.coverage.overlaps(lo, hi)) return false;
    for (const index of this.disputes.keys()) if (index >= lo && index < hi) return false;
    return true;
  }

  #applyNews(key: RecordKey, segment: Segment): void {
    const { lo, hi, accepted, errors } = segment;
    this.#count(key, segment);
    this.coverage.add(lo, hi);
    this.missing.remove(lo, hi);
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
    else for (const [index, outcome] of counts) this.answers.set(index, outcome);
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
    this.answers.set(index, outcome);
    this.#noteValue(index, outcome, of.origin);
  }

  /** Fixes the outcomes below the end of a certified answer: no later dispute changes them. */
  certify(end: number): void {
    this.#certifiedEnd = Math.max(this.#certifiedEnd, end);
  }

  /** Disputed indices below an end, settled ones included, rising. */
  disputedBelow(end: number): number[] {
    return [...this.disputes.keys()].filter((index) => index < end).sort((a, b) => a - b);
  }

  /** The outcomes that segments gave to a disputed index: of ordinary runs first, then by key. */
  rivals(index: number): (Outcome | undefined)[] {
    const { outcomes, ordinary } = this.disputes.get(index) ?? NO_DISPUTE;
    const rank = (key: string): string => `${ordinary.has(key) ? 0 : 1} ${key}`;
    return [...outcomes]
      .sort(([a], [b]) => (rank(a) < rank(b) ? -1 : 1))
      .map(([, outcome]) => outcome);
  }

  /** Takes one of its rivals for the outcome of a disputed index. */
  decide(index: number, outcome: Outcome | undefined): void {
    this.answers.set(index, outcome);
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

  /** The index at which five fresh evaluations had no two equal outcomes, or null. */
  get impureAt(): number | null {
    this.#impure ??= { at: this.#findImpure() };
    return this.#impure.at;
  }

  #findImpure(): number | null {
    let lowest: number | null = null;
    for (const index of this.disputes.keys()) {
      const counts = [...(this.#fresh.get(index)?.values() ?? [])].map((set) => set.size);
      const total = counts.reduce((sum, count) => sum + count, 0);
      if (total < IMPURE_AFTER || Math.max(...counts) >= 2) continue;
      if (lowest === null || index < lowest) lowest = index;
    }
    return lowest;
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
    const revised = [...this.disputes].filter(([index, { outcomes }]) => {
      const [first] = outcomes.keys();
      return index < end && outcomeKey(this.answers.get(index)) !== first;
    });
    return revised.length === 0 ? null : Math.min(...revised.map(([index]) => index));
  }

  /** Disputed indices that still lack an agreed outcome, rising. */
  openDisputes(): readonly number[] {
    const { coverage, disputes } = this;
    const { version, count, open } = this.#open;
    if (version === coverage.version && count === disputes.size) return open;
    const found = [...disputes.keys()]
      .filter((index) => !coverage.has(index))
      .sort((a, b) => a - b);
    this.#open = { version: coverage.version, count: disputes.size, open: found };
    return found;
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

  /** A long value is known by the lowest index that has it. */
  #noteLong(index: number, outcome: Outcome | undefined): void {
    if (outcome?.kind !== 'long') return;
    this.long.set(outcome.hash, Math.min(index, this.long.get(outcome.hash) ?? index));
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
        if (!this.disputes.has(index)) {
          const key = outcomeKey(known);
          const isFresh = this.#fresh.get(index)?.has(key) === true;
          const ordinary = new Set<string>(isFresh ? [] : [key]);
          this.disputes.set(index, { outcomes: new Map([[key, known]]), ordinary });
          found.push(index);
        }
      }
    }
    for (const [index, dispute] of this.disputes) {
      if (index < segment.lo || index >= segment.hi) continue;
      const now = outcomes.get(index);
      dispute.outcomes.set(outcomeKey(now), now);
      if (!segment.fresh) dispute.ordinary.add(outcomeKey(now));
    }
    return found.sort((a, b) => a - b);
  }

  #countFresh(segment: Segment, outcomes: Map<number, Outcome>, record: string): void {
    // Fresh runs are of single indices or short ranges, so this stays small.
    for (let index = segment.lo; index < segment.hi; index++) {
      const byOutcome = this.#fresh.get(index) ?? new Map<string, Set<string>>();
      const key = outcomeKey(outcomes.get(index));
      byOutcome.set(key, (byOutcome.get(key) ?? new Set<string>()).add(record));
      this.#fresh.set(index, byOutcome);
    }
  }

  /** Takes the outcome with two fresh evaluations (more win, then the smaller key), or uncovers. */
  #settle(index: number): void {
    if (index < this.#certifiedEnd) return;
    let best: string | null = null;
    let bestCount = 1;
    for (const [key, records] of this.#fresh.get(index) ?? []) {
      if (records.size > bestCount || (records.size === bestCount && best !== null && key < best)) {
        best = key;
        bestCount = records.size;
      }
    }
    if (best === null) {
      this.coverage.remove(index, index + 1);
      this.answers.set(index, undefined);
      return;
    }
    this.decide(index, this.disputes.get(index)?.outcomes.get(best));
  }
}
