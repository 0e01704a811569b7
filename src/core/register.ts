import type { ComputationId, JobId, PeerId, Start } from './ids.ts';
import type { Limits } from './limits.ts';

/** A peer's claim on an interval of a computation. */
export interface Lease {
  /** Counts up within one start of the peer; unique there. */
  readonly id: number;
  readonly computation: ComputationId;
  /** The job that the interval is evaluated for. */
  readonly job: JobId;
  readonly lo: number;
  readonly hi: number;
  /** Those of its job. */
  readonly limits: Limits;
  /** True for a second run of an interval that another peer holds. */
  readonly copy: boolean;
  /** True once an executor works on it. */
  readonly running: boolean;
  /** Of a finished lease: the number of its last segment. Absent while it stands. */
  readonly segment?: number;
}

/** A peer's own record. Only that peer writes it; the larger (start, sequence) wins whole. */
export interface Register {
  readonly peer: PeerId;
  readonly start: Start;
  /** Counts up with each change or heartbeat. */
  readonly sequence: number;
  /** 1–64 characters. */
  readonly name: string;
  readonly version: string;
  readonly slots: number;
  /** What its machine is known for: rising. */
  readonly tags: readonly string[];
  /** Fingerprint of the peer's Math: 16 hexadecimal digits. */
  readonly mathClass: string;
  /** Multiaddrs where the peer can be reached, at most 8. */
  readonly addresses: readonly string[];
  /** Computations that it will not evaluate. */
  readonly refuses: readonly ComputationId[];
  /** Advertised time between two heartbeats. */
  readonly heartbeatMs: number;
  /** True once it leaves on purpose; its leases are then empty. */
  readonly leaving: boolean;
  /** False while its disk is full: it keeps no records and takes no work. */
  readonly stores: boolean;
  /** Load average of its machine over the last minute, in hundredths; null where none is told. */
  readonly load: number | null;
  readonly leases: readonly Lease[];
}
