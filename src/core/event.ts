import type { Column, ErrorOutcome } from './column.ts';
import type { ComputationId, Hash, JobId, PeerId, Start } from './ids.ts';
import type { Interval } from './interval-set.ts';
import type { Limits } from './limits.ts';
import type { Manifest } from './manifest.ts';
import type { Message, RecordGroup, StreamMessage } from './message.ts';
import type { Offer } from './needs.ts';
import type { OpChange } from './record.ts';

/** What a step may read of the world: all synchronous, all injected. */
export interface Env {
  /** Monotonic ms since the peer's start. */
  readonly now: number;
  /** Uniform in [0, 1). */
  rng(): number;
  /** SHA-256; of a text, of its UTF-8. */
  hash(bytes: Uint8Array | string): Hash;
  /** SHA-256 of bytes that come one after the other. */
  hasher(): Hasher;
  /** This peer's Ed25519 signature (RFC 8032: deterministic). */
  sign(bytes: Uint8Array): Uint8Array;
  verify(peer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** A hash under way; the bytes may change after `update` returned. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** The last call. */
  digest(): Hash;
}

/** Evaluated candidates [lo, hi) of an execution. */
export interface Part {
  readonly lo: number;
  readonly hi: number;
  readonly accepted: readonly Column[];
  readonly errors: readonly ErrorOutcome[];
  readonly ms: number;
}

/** Everything that can happen to a peer. */
export type PeerEvent =
  /** Time passed; comes about ten times a second. */
  | { readonly kind: 'tick' }
  /** The machine's wall clock in ms since 1970, once a second: deadlines and retention only. */
  | { readonly kind: 'wall'; readonly wallMs: number }
  /** How busy the machine is: load average of the last minute in hundredths, or null. */
  | { readonly kind: 'load'; readonly load: number | null }
  /** The machine was suspended and runs again. */
  | { readonly kind: 'resumed' }
  /** Comes before the records: jobs that were collected are not to be known again. */
  | { readonly kind: 'tombstones'; readonly locals: ReadonlyMap<string, Uint8Array> }
  /** A record read from disk, at start or for `load.scope`. */
  | { readonly kind: 'loaded'; readonly group: RecordGroup }
  /** All was read; `known` is false when no other member is known, so nobody is waited for. */
  | {
      readonly kind: 'booted';
      readonly blobs: Iterable<Hash>;
      readonly locals: ReadonlyMap<string, Uint8Array>;
      readonly known: boolean;
    }
  /** Work for the jobs that this names alone: by name, or by the beginning of an id. */
  | { readonly kind: 'limit'; readonly job: string }
  /** Work for no own job of an earlier start until somebody wants it. Comes before the records. */
  | { readonly kind: 'on-demand' }
  /** Somebody waits for a job. */
  | { readonly kind: 'want'; readonly job: JobId }
  /** Run the jobs of these publishers and one's own alone; null: those of all members. */
  | { readonly kind: 'trust'; readonly peers: readonly PeerId[] | null }
  /** Have this, and grant this to the jobs of others. */
  | { readonly kind: 'offer'; readonly offer: Offer }
  /** These other peers are of the same user: their jobs need no grant. */
  | { readonly kind: 'kin'; readonly peers: readonly PeerId[] }
  /**
   * Where the inputs of a computation's candidates are. far: of these not all are here. held: of
   * these others have all, the publisher left out.
   */
  | {
      readonly kind: 'nearness';
      readonly computation: ComputationId;
      readonly far: readonly Interval[];
      readonly held: ReadonlyMap<PeerId, readonly Interval[]>;
    }
  /** Have so many slots. */
  | { readonly kind: 'slots'; readonly slots: number }
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  | { readonly kind: 'message'; readonly from: PeerId; readonly message: Message }
  | { readonly kind: 'connected'; readonly peer: PeerId }
  | { readonly kind: 'disconnected'; readonly peer: PeerId; readonly reset: boolean }
  | { readonly kind: 'refused'; readonly peer: PeerId }
  /** All writes up to this number are on disk. */
  | { readonly kind: 'stored'; readonly write: number }
  /** The disk took no write (full: true) or takes writes again. */
  | { readonly kind: 'disk'; readonly full: boolean }
  | { readonly kind: 'blob.read'; readonly hash: Hash; readonly bytes: Uint8Array }
  /** A blob of the store was found damaged, and is gone. */
  | { readonly kind: 'blob.lost'; readonly hash: Hash }
  | { readonly kind: 'part'; readonly execution: number; readonly part: Part }
  | {
      readonly kind: 'failed';
      readonly execution: number;
      readonly index: number;
      readonly failure: { readonly kind: string; readonly detail: string };
    }
  | { readonly kind: 'ended'; readonly execution: number; readonly finished: boolean }
  /** A client's wish; answered by one `answer` effect with the same request number. */
  | {
      readonly kind: 'publish';
      readonly request: number;
      readonly manifest: Manifest;
      readonly blobs: readonly { readonly hash: Hash; readonly bytes: Uint8Array }[];
      readonly probe: Part | null;
    }
  | {
      readonly kind: 'operate';
      readonly request: number;
      readonly job: JobId;
      readonly change: OpChange;
    }
  /** Puts a peer on the deny list. */
  | { readonly kind: 'remove'; readonly request: number; readonly peer: PeerId }
  | {
      readonly kind: 'skip';
      readonly request: number;
      readonly job: JobId;
      readonly index: number;
    }
  /** Asks for word that the job ended and its answer is kept. */
  | { readonly kind: 'confirm'; readonly request: number; readonly job: JobId }
  | { readonly kind: 'forget.request'; readonly request: number }
  | {
      readonly kind: 'verify';
      readonly request: number;
      readonly job: JobId;
      readonly ranges: readonly Interval[];
    }
  /** Asks for a long value that a client reads. */
  | { readonly kind: 'fetch'; readonly hash: Hash }
  /** Ask all peers that are alive to end, this one included. */
  | { readonly kind: 'quit' }
  /** Free the leases, claim nothing any more. drain: what runs may still come to its outcomes. */
  | { readonly kind: 'stop'; readonly drain: boolean };

/** What an execution evaluates. */
export interface Execution {
  readonly id: number;
  readonly computation: ComputationId;
  readonly lo: number;
  readonly hi: number;
  /** The job's, and of memory this machine's where it has less. */
  readonly limits: Limits;
  readonly fresh: boolean;
  /** Each candidate in an executor of its own. */
  readonly each: boolean;
  /** Outcomes are told at the latest so long after the first of them, in ms. */
  readonly tellMs: number;
}

/** Something that a step asks the world to do. */
export type Effect =
  | {
      readonly kind: 'broadcast';
      readonly message: Extract<Message, { kind: 'heartbeat' | 'announce' }>;
    }
  | { readonly kind: 'send'; readonly to: PeerId; readonly message: StreamMessage }
  /** Read these records from the store and send them. */
  | {
      readonly kind: 'send.records';
      readonly to: PeerId;
      readonly scope: string;
      readonly origin: PeerId;
      readonly start: Start;
      readonly ranges: readonly Interval[];
    }
  /** Read the records of this scope from the store and give them back as `loaded`. */
  | { readonly kind: 'load.scope'; readonly scope: string }
  | { readonly kind: 'send.blob'; readonly to: PeerId; readonly hash: Hash }
  | { readonly kind: 'read.blob'; readonly hash: Hash }
  /** Writes numbered `write`; all of a step go into one batch. urgent: now, with all before it. */
  | { readonly kind: 'store'; readonly writes: readonly StoreWrite[]; readonly write: number }
  | { readonly kind: 'flush' }
  | { readonly kind: 'execute'; readonly execution: Execution }
  | { readonly kind: 'stop'; readonly execution: number; readonly mode: 'drain' | 'kill' }
  /** Where a member is reached, or that it is gone. */
  | { readonly kind: 'know'; readonly peer: PeerId; readonly addresses: readonly string[] }
  | { readonly kind: 'forget.peer'; readonly peer: PeerId }
  /** Let this peer in no more. */
  | { readonly kind: 'deny'; readonly peer: PeerId }
  | { readonly kind: 'answer'; readonly request: number; readonly result: Answer }
  /** A job or the roster changed: clients look again. */
  | { readonly kind: 'changed'; readonly job: JobId | null }
  | { readonly kind: 'forget.computation'; readonly computation: ComputationId }
  | {
      readonly kind: 'log';
      readonly level: 'error' | 'warn' | 'info' | 'debug';
      readonly event: string;
      readonly fields: Readonly<Record<string, unknown>>;
    }
  /** This peer has a new start: keep its incarnation, synced, before anything else is done. */
  | { readonly kind: 'rise'; readonly incarnation: number }
  /** A member asked this peer to end. */
  | { readonly kind: 'quit'; readonly by: PeerId }
  /** Another process runs with this peer's identity: end. */
  | { readonly kind: 'halt'; readonly reason: string };

/** A change of the store. A batch of them is atomic. */
export type StoreWrite =
  | {
      readonly kind: 'record';
      readonly scope: string;
      readonly origin: PeerId;
      readonly start: Start;
      readonly n: number;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'blob'; readonly hash: Hash; readonly bytes: Uint8Array }
  /** State that never leaves this peer: leases, ends, members. */
  | { readonly kind: 'local'; readonly key: string; readonly bytes: Uint8Array | null }
  | {
      readonly kind: 'drop-record';
      readonly scope: string;
      readonly origin: PeerId;
      readonly start: Start;
      readonly n: number;
    }
  /** Deletes all records of a scope. */
  | { readonly kind: 'drop-scope'; readonly scope: string }
  | { readonly kind: 'drop-blob'; readonly hash: Hash };

/** One candidate whose second evaluation differed. */
export interface Difference {
  readonly index: number;
  readonly known: string;
  readonly now: string;
}

export type Answer =
  | { readonly kind: 'kept'; readonly job: JobId; readonly copies: number }
  /** A peer is on the deny list. */
  | { readonly kind: 'removed' }
  | { readonly kind: 'verified'; readonly checked: number; readonly different: Difference[] }
  | {
      readonly kind: 'refused';
      readonly code:
        | 'MESH_UNKNOWN_JOB'
        | 'MESH_JOB_ENDED'
        | 'MESH_UNTRUSTED'
        | 'MESH_DISK_FULL'
        | 'MESH_STOPPED';
      readonly reason: string;
    };
