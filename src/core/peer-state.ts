import type { Computation } from './computation.ts';
import type { Difference } from './event.ts';
import type { Scan } from './free-blocks.ts';
import type { ComputationId, Hash, JobId, PeerId, Scope, Start } from './ids.ts';
import type { Interval } from './interval-set.ts';
import type { JobState } from './job-state.ts';
import type { LeaseCover } from './lease-book.ts';
import { LogBook } from './log-book.ts';
import { Members } from './membership.ts';
import type { RecordGroup } from './message.ts';
import type { Nearness } from './nearness.ts';
import { NO_OFFER, type Offer } from './needs.ts';
import type { Bucket } from './rate.ts';
import type { OpChange, RecordBody, RecordKey, Successor } from './record.ts';
import type { Lease } from './register.ts';
import { Roster } from './roster.ts';
import type { Timing } from './timing.ts';
import type { Twin } from './twin.ts';

/** Who a peer is for one run of its process. */
export interface Self {
  readonly peer: PeerId;
  readonly name: string;
  readonly version: string;
  readonly slots: number;
  readonly mathClass: string;
  /** The name of its mesh; absent without one. */
  readonly mesh?: string;
}

/** Why an interval is run. */
export type Purpose = 'first' | 'block' | 'copy' | 'single' | 'missing' | 'lost' | 'dispute';

/** A lease of this peer, from claim to three heartbeats after its end. */
export interface OwnLease {
  lease: Lease;
  readonly purpose: Purpose;
  /** Number of the store write that holds it; an interval starts when that is on disk. */
  readonly write: number;
  readonly claimedAt: number;
  startedAt: number | null;
  /** Told to end; null while it goes on. */
  stopping: 'drain' | 'kill' | null;
  /** When a drain becomes a kill, or null. */
  killAt: number | null;
  /** Nobody needs its outcomes any more: what its executor still tells is dropped. */
  needless: boolean;
  /** Number of the last segment written for it, or null. */
  lastSegment: number | null;
  /** Heartbeats sent since it finished. */
  beats: number;
}

/** A verification run for a client: ranges evaluated again in fresh executors. */
export interface Verification {
  readonly request: number;
  readonly job: JobId;
  /** Slots that each range takes. */
  readonly slots: number;
  readonly waiting: Interval[];
  readonly running: Map<number, Interval>;
  /** Nobody waits for it: it is here until its executors, which are killed, free their slots. */
  dropped: boolean;
  checked: number;
  readonly different: Difference[];
}

/** Why a computation is not evaluated here: its program does not start, or lacks memory. */
export type Refusal = 'setup' | 'memory';

/** A client that waits for receipts. */
export interface Pending {
  readonly request: number;
  readonly job: JobId;
  /** The record whose receipts count; null while the job goes on. */
  record: Hash | null;
  /** The op behind the record: issued again when another writer was ahead; null for none. */
  change: OpChange | null;
  reissues: number;
  /** The request of a later word of this peer on the same thing; null for none. */
  supersededBy: number | null;
  /** True when the job's end is waited for; the record is then its certificate. */
  readonly ofEnd: boolean;
  readonly receipts: Set<PeerId>;
  askAt: number;
}

/** A control record that came before the job it speaks of. */
export interface Orphan {
  readonly key: RecordKey;
  readonly body: RecordBody;
  readonly hash: Hash;
}

/** A blob that is looked for. */
export interface Want {
  /** Peer asked now, and until when its answer is waited for. */
  asked: PeerId | null;
  until: number;
  /** Peers that said no since the last round. */
  readonly refused: Set<PeerId>;
  /** Who surely had it, and is asked first; null where nobody is known. */
  readonly source: PeerId | null;
  readonly long: boolean;
}

/** All that a peer knows. It changes in step() and nowhere else. */
export interface PeerState {
  self: Self;
  readonly timing: Timing;
  start: Start;
  sequence: number;
  addresses: readonly string[];
  leaving: boolean;
  stopped: boolean;
  diskFull: boolean;
  /** Load average of the machine in hundredths, as the others are told; null: not known. */
  load: number | null;
  readonly roster: Roster;
  /** Lists that follow from the roster. */
  readonly members: Members;
  /** Peers that a stream stands to, also those not heard of yet. */
  readonly connected: Set<PeerId>;
  /** Peers on the deny list, with who put them there. */
  readonly removed: Map<PeerId, Set<PeerId>>;
  readonly jobs: Map<JobId, JobState>;
  /** Successors by their ids. */
  readonly successors: Map<JobId, Successor>;
  /** Control records whose job is not known yet, by that job; at most 4096 in all. */
  readonly orphans: Map<JobId, Orphan[]>;
  /** Jobs whose records are dropped, by their last state. */
  readonly tombstones: Map<JobId, string>;
  readonly computations: Map<ComputationId, Computation>;
  readonly logs: LogBook;
  /** Records of scopes whose job is not known yet, and until when each waits; at most 256. */
  readonly early: { readonly group: RecordGroup; readonly until: number }[];
  /** Scopes of records on disk whose job's manifest was not there at the start: it had rotted. */
  readonly dormant: Set<Scope>;
  /** Blobs held, with the write that holds each. */
  readonly blobs: Map<Hash, number>;
  /** Chunks named by an items root. */
  readonly chunks: Map<Hash, readonly Hash[]>;
  readonly wants: Map<Hash, Want>;
  /** Control records held: hash to write. */
  readonly kept: Map<Hash, number>;
  /** Questions for receipts that cannot be given yet. */
  readonly asked: Map<Hash, Set<PeerId>>;
  readonly pending: Map<number, Pending>;
  readonly copies: Map<JobId, number>;
  write: number;
  stored: number;
  leases: OwnLease[];
  /** What all leases on a ground cover, by its key. */
  readonly covers: Map<string, LeaseCover>;
  /** What the last look at a job's free blocks found. */
  readonly scans: WeakMap<JobState, Scan>;
  nextLease: number;
  /** Requests to end that were passed on, at most 64. */
  readonly quits: Set<string>;
  /** Computations that it tried and does not evaluate, with the reason. */
  readonly refuses: Map<ComputationId, Refusal>;
  /** Names the jobs that it works for, where it is not there for all; else null. */
  only: string | null;
  /** The own jobs that it works for, where these are not all: those that somebody waits for. */
  wanted: Set<JobId> | null;
  /** Publishers whose jobs it runs beside its own; null: all members. */
  trusted: ReadonlySet<PeerId> | null;
  /** What this machine has, and grants to the jobs of others. */
  offer: Offer;
  /** Peers of this machine's own user: their jobs need no grant. */
  kin: ReadonlySet<PeerId>;
  /** Where the inputs of candidates are, as far as that is known. */
  readonly nearness: Map<ComputationId, Nearness>;
  /** Jobs that not every machine will do for. */
  readonly choosy: Set<JobId>;
  readonly verifications: Map<number, Verification>;
  /** Stride scheduling: how far each job's share has run. */
  readonly passes: Map<JobId, number>;
  /** What this peer may begin of jobs with a rate. */
  readonly buckets: Map<JobId, Bucket>;
  /** Finished segments not yet in a heartbeat. */
  fresh: RecordGroup[];
  booted: boolean;
  /** Candidates are claimed from this moment on; null until known. */
  openAt: number | null;
  /** When claims open at the latest, whatever was heard. */
  openBy: number;
  lastTick: number;
  nextBeatAt: number;
  lastBeatAt: number;
  nextSyncAt: number;
  nextSeekAt: number;
  wallMs: number;
  /** The latest start of one's own id that others tell of, if it is not this one. */
  twin: Twin | null;
}

/** The state of a peer that knows nothing yet. */
export function newPeerState(self: Self, start: Start, timing: Timing): PeerState {
  return {
    self,
    timing,
    start,
    sequence: 0,
    addresses: [],
    leaving: false,
    stopped: false,
    diskFull: false,
    load: null,
    roster: new Roster(timing),
    members: new Members(),
    connected: new Set(),
    removed: new Map(),
    jobs: new Map(),
    successors: new Map(),
    orphans: new Map(),
    tombstones: new Map(),
    computations: new Map(),
    logs: new LogBook(),
    early: [],
    dormant: new Set(),
    blobs: new Map(),
    chunks: new Map(),
    wants: new Map(),
    kept: new Map(),
    asked: new Map(),
    pending: new Map(),
    copies: new Map(),
    write: 0,
    stored: 0,
    leases: [],
    covers: new Map(),
    scans: new WeakMap(),
    nextLease: 1,
    quits: new Set(),
    refuses: new Map(),
    only: null,
    wanted: null,
    trusted: null,
    offer: NO_OFFER,
    kin: new Set(),
    nearness: new Map(),
    choosy: new Set(),
    verifications: new Map(),
    passes: new Map(),
    buckets: new Map(),
    fresh: [],
    booted: false,
    openAt: null,
    openBy: 0,
    lastTick: 0,
    nextBeatAt: 0,
    lastBeatAt: Number.NEGATIVE_INFINITY,
    nextSyncAt: 0,
    nextSeekAt: 0,
    wallMs: 0,
    twin: null,
  };
}
