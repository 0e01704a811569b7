import { knownEnd } from './answer.ts';
import type { Certificate } from './certificate.ts';
import type { Computation } from './computation.ts';
import type { Hash, JobId, PeerId } from './ids.ts';
import type { Ground, Limits } from './limits.ts';
import type { Manifest } from './manifest.ts';
import type { CertificateRecord, ControlOp, RecordKey } from './record.ts';

/** Where each of so many first candidates ended in an error, a job without a limit has failed. */
export const HOPELESS_ERRORS = 10_000;

/** Stuck indices after which a job without a single outcome has failed. */
const HOPELESS_AFTER = 8;

/** How far a job is. */
export type JobPhase =
  | 'running'
  | 'paused'
  | 'stuck'
  | 'done'
  | 'partial'
  | 'cancelled'
  | 'failed'
  | 'impure';

/** A control op with the hash of its record and its author. */
export interface PlacedOp {
  readonly op: ControlOp;
  readonly hash: Hash;
  readonly author: PeerId;
}

/** A job that continues another one without its stuck indices. */
export interface SuccessorState {
  readonly id: JobId;
  readonly stuck: readonly number[];
  certificate: CertificateRecord | null;
}

/** What is known of one job: its manifest, its control registers and how it ended. */
export class JobState {
  readonly id: JobId;
  readonly manifest: Manifest;
  readonly computation: Computation;
  /** When this peer heard of it, on its own clock. */
  readonly heardAt: number;
  /** Hash of the manifest's record, which receipts name. */
  readonly record: Hash;
  /** Read from disk at the start: when it was published this run cannot tell. */
  loaded = false;
  /** This run of this peer published it, and nobody before. */
  isPublishedHere = false;
  /** Where its control records and skips stand, with their hashes, to be dropped with it. */
  readonly records: (RecordKey & { readonly hash: Hash })[] = [];
  readonly ops: Map<ControlOp['change']['kind'], PlacedOp> = new Map();
  /** Hashes of ops that another one is ahead of; of cancels none, for each absorbs. */
  readonly beaten: Set<Hash> = new Set();
  /** Indices that a trusted member wants skipped. */
  readonly skips: Set<number> = new Set();
  certificate: CertificateRecord | null = null;
  successor: SuccessorState | null = null;
  /**
   * Which answer clients follow; once set it stays, so that no line ever changes. `own` before
   * there is one: the successor leaves out what is a line here.
   */
  endedBy: 'own' | 'successor' | null = null;
  /** All lines below this index were final here before it ended: clients may have them. */
  finalTo = 0;
  readonly alarms: string[] = [];
  /** Certificates that are not what was certified first here; of other successors, too. */
  readonly rivals: CertificateRecord[] = [];
  /** The certificate was held against the outcomes known here, in this run or an earlier one. */
  checked = false;
  /** The outcomes below the end are those of the certificate, whatever is disputed later. */
  fixed = false;
  /** Its certificate under way, and the revision of the answers that it is of. */
  draft: { readonly revision: number; readonly certificate: Certificate } | null = null;
  /** The write batch by which its whole answer is on disk; null until somebody asks for that. */
  answerWrite: number | null = null;
  /** When this peer learned that it ended, on its own clock; null while it runs. */
  endHeardAt: number | null = null;
  /** Wall clock when this peer learned that it ended; null while it runs. */
  endedAt: number | null = null;
  /** When this peer learned of a cancel, on its own clock. */
  cancelledAt: number | null = null;

  constructor(
    id: JobId,
    manifest: Manifest,
    computation: Computation,
    record: Hash,
    heardAt: number,
  ) {
    this.id = id;
    this.manifest = manifest;
    this.computation = computation;
    this.record = record;
    this.heardAt = heardAt;
  }

  get limits(): Limits {
    return this.manifest.limits;
  }

  /** What its leases compete for. */
  get ground(): Ground {
    return { computation: this.computation.id, limits: this.limits };
  }

  get priority(): number {
    const change = this.ops.get('priority')?.op.change;
    return change?.kind === 'priority' ? change.priority : this.manifest.priority;
  }

  get paused(): boolean {
    const change = this.ops.get('pause')?.op.change;
    return change?.kind === 'pause' && change.paused;
  }

  /** The change that cancelled it, or null. */
  get cancelled(): Extract<ControlOp['change'], { kind: 'cancel' }> | null {
    const change = this.ops.get('cancel')?.op.change;
    return change?.kind === 'cancel' ? change : null;
  }

  /** The certificate that ended it: its own or its successor's, whichever was known first here. */
  get ending(): CertificateRecord | null {
    return this.endedBy === 'own' ? this.certificate : (this.successor?.certificate ?? null);
  }

  /** Indices that the answer leaves out: the successor's, or none. */
  get skipped(): readonly number[] {
    return this.endedBy === 'successor' ? (this.successor?.stuck ?? []) : [];
  }

  /** Bound of its indices: items of a map, --max-evals, or null. */
  get bound(): number | null {
    const { target } = this.manifest;
    return target.kind === 'map' ? target.count : target.maxEvals;
  }

  /** Indices that no interval takes along: skipped, failed alone or disputed. */
  *singles(): Iterable<number> {
    yield* this.skips;
    yield* this.computation.attempts.keys();
    yield* this.computation.disputes.indices();
  }

  /** Those of them in [lo, hi). A liar makes thousands, and an interval is short. */
  *singlesWithin(lo: number, hi: number): Iterable<number> {
    for (const index of this.singles()) if (index >= lo && index < hi) yield index;
  }

  /** Indices that are not claimed any more for want of an outcome, below an end. */
  stuckBelow(end: number): number[] {
    const { coverage } = this.computation;
    const stuck = [...new Set(this.#everStuck())];
    return stuck.filter((index) => index < end && !coverage.has(index)).sort((a, b) => a - b);
  }

  /**
   * The first index that was ever stuck, or infinity: a successor may leave it out, unheard of
   * here, also where a machine mastered it.
   */
  get firstEverStuck(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const index of this.#everStuck()) first = Math.min(first, index);
    return first;
  }

  *#everStuck(): Iterable<number> {
    yield* this.skips;
    const { attempts } = this.computation;
    for (const index of attempts.keys()) {
      if (this.computation.wasStuck(index, this.limits)) yield index;
    }
  }

  get phase(): JobPhase {
    const ending = this.ending;
    if (ending !== null) {
      const { target } = this.manifest;
      return target.kind === 'accept' && ending.lines < target.count ? 'partial' : 'done';
    }
    const cancel = this.cancelled;
    if (cancel !== null) return cancel.reason === 'deadline' ? 'partial' : 'cancelled';
    if (this.computation.impureAt !== null) return 'impure';
    if (this.hopeless || this.hasTooManyErrors) return 'failed';
    if (this.paused) return 'paused';
    const frontier = this.computation.coverage.firstGap(0);
    return this.stuckBelow(frontier + 1).length > 0 ? 'stuck' : 'running';
  }

  /** True when index after index failed on every try, and no candidate ever had an outcome. */
  get hopeless(): boolean {
    const { attempts, coverage } = this.computation;
    if (this.manifest.target.kind === 'map' || !coverage.isEmpty()) return false;
    if (attempts.size < HOPELESS_AFTER) return false;
    return this.computation.stuckFor(this.id, this.limits) >= HOPELESS_AFTER;
  }

  /**
   * True when more errors than it allows stand below its end, or, where it sets no limit, there was
   * nothing but errors for long. Only what has no open index before it
   * counts: that grows with the records alone, and is the same to all who know them.
   */
  get hasTooManyErrors(): boolean {
    const { maxErrors, target } = this.manifest;
    const { answers, coverage } = this.computation;
    if (maxErrors === null) {
      if (target.kind === 'map' || answers.errors < HOPELESS_ERRORS) return false;
      if (coverage.firstGap(0) < HOPELESS_ERRORS) return false;
      return answers.errorsBelow(HOPELESS_ERRORS) === HOPELESS_ERRORS;
    }
    if (answers.errors <= maxErrors) return false;
    return this.computation.answers.errorsBelow(this.settledEnd) > maxErrors;
  }

  /** The first index below its end that may still come to an outcome, or the end. */
  get settledEnd(): number {
    const { coverage } = this.computation;
    const end = knownEnd(this) ?? Number.MAX_SAFE_INTEGER;
    let index = coverage.firstGap(0);
    while (index < end && (this.skips.has(index) || this.computation.isStuck(index, this.limits))) {
      index = coverage.firstGap(index + 1);
    }
    return Math.min(index, end);
  }

  /**
   * True when its answer is certified and some value of it, which no holder has any more, may come
   * by an evaluation of this peer.
   */
  lacksValues(peer: PeerId): boolean {
    return this.computation.lacksFrom(peer, this.ending?.end ?? 0);
  }

  /** True while its candidates may be claimed. */
  get active(): boolean {
    if (this.ending !== null || this.cancelled !== null) return false;
    return this.computation.impureAt === null && !this.hopeless && !this.hasTooManyErrors;
  }
}
