import type { Column, ErrorOutcome } from './column.ts';
import type { ComputationId, Hash, JobId, PeerId, Scope, Start } from './ids.ts';
import type { Limits } from './limits.ts';
import type { Manifest } from './manifest.ts';

/** Where a record stands: the n-th of its origin's log of a scope. */
export interface RecordKey {
  readonly scope: Scope;
  readonly origin: PeerId;
  readonly start: Start;
  readonly n: number;
}

/** The outcomes of a finished interval. */
export interface Segment {
  readonly kind: 'segment';
  /** The job that it was evaluated for. */
  readonly job: JobId;
  readonly lo: number;
  readonly hi: number;
  /** Time that an executor spent on it, whole microseconds when stored. */
  readonly ms: number;
  /** Evaluated in an executor that had evaluated nothing before. */
  readonly fresh: boolean;
  readonly accepted: readonly Column[];
  readonly errors: readonly ErrorOutcome[];
}

/** Kinds of attempt that say nothing of the candidate itself. */
export const LOST = 'lost';

/** A candidate that failed alone without an outcome, or (`lost`) an interval found at start. */
export interface Attempt {
  readonly kind: 'attempt';
  /** The job that it was tried for. */
  readonly job: JobId;
  readonly lo: number;
  readonly hi: number;
  /** What it was tried at: it counts for jobs whose limits are not above. */
  readonly limits: Limits;
  readonly failure: string;
  readonly detail: string;
}

/** A trusted member's word that an index is to be skipped. */
export interface Skip {
  readonly kind: 'skip';
  readonly job: JobId;
  readonly index: number;
  readonly signature: Uint8Array;
}

/** A member's word that a peer belongs to the mesh no more. */
export interface Removal {
  readonly kind: 'removal';
  readonly peer: PeerId;
  readonly signature: Uint8Array;
}

/** Its owner's word on which run of a command counts. */
export interface Choice {
  readonly kind: 'choice';
  readonly computation: ComputationId;
  readonly index: number;
  /** The record with the outcome. */
  readonly of: Omit<RecordKey, 'scope'>;
  readonly signature: Uint8Array;
}

/** What a control op changes. */
export type OpChange =
  | { readonly kind: 'cancel'; readonly reason: 'user' | 'deadline'; readonly wait: boolean }
  | { readonly kind: 'pause'; readonly paused: boolean }
  | { readonly kind: 'priority'; readonly priority: number };

/** One write of a job's control register of one kind; the highest number wins, ties by hash. */
export interface ControlOp {
  readonly kind: 'op';
  readonly job: JobId;
  /** 1 + the highest known to its author. */
  readonly number: number;
  readonly change: OpChange;
  readonly signature: Uint8Array;
}

export interface ManifestRecord {
  readonly kind: 'manifest';
  readonly manifest: Manifest;
  readonly signature: Uint8Array;
}

/** A job that asks the predecessor's question without the stuck indices. */
export interface Successor {
  readonly kind: 'successor';
  readonly predecessor: JobId;
  /** Rising; not empty. */
  readonly stuck: readonly number[];
}

/** That a job's answer is known, with its hash. */
export interface CertificateRecord {
  readonly kind: 'certificate';
  /** The job, or the successor, that it answers. */
  readonly job: JobId;
  readonly certificate: Hash;
  /** Index of the last line + 1 (the bound where there are fewer lines than asked for). */
  readonly end: number;
  /** Lines in the answer. */
  readonly lines: number;
  readonly signature: Uint8Array;
}

export type RecordBody =
  | ManifestRecord
  | Successor
  | ControlOp
  | CertificateRecord
  | Segment
  | Attempt
  | Skip
  | Choice
  | Removal;
