import type { Hash, JobId, PeerId, Scope, Start } from './ids.ts';
import type { Interval } from './interval-set.ts';
import type { Register } from './register.ts';

/** Records of one log, in rising order of n. The body is the canonical CBOR that is hashed. */
export interface RecordGroup {
  readonly scope: Scope;
  readonly origin: PeerId;
  readonly start: Start;
  readonly records: readonly (readonly [n: number, body: Uint8Array])[];
}

/** The record numbers of one log, as intervals. */
export interface LogRange {
  readonly origin: PeerId;
  readonly start: Start;
  readonly ranges: readonly Interval[];
}

/** What is gossiped: a hint that may be lost. */
export type GossipMessage =
  | { readonly kind: 'heartbeat'; readonly register: Register; readonly fresh: RecordGroup[] }
  | { readonly kind: 'announce'; readonly groups: RecordGroup[] };

/** What travels over the persistent stream between two peers, in order while it lasts. */
export type StreamMessage =
  | GossipMessage
  /** Hashes of the scopes' summaries; the other side answers with those that differ. */
  | { readonly kind: 'digests'; readonly scopes: (readonly [Scope, Hash])[] }
  /** What the sender holds of a scope. `reply`: this is an answer, and is not answered again. */
  | {
      readonly kind: 'summary';
      readonly scope: Scope;
      readonly logs: LogRange[];
      readonly reply: boolean;
    }
  | { readonly kind: 'pull'; readonly scope: Scope; readonly logs: LogRange[] }
  | { readonly kind: 'records'; readonly groups: RecordGroup[] }
  /** Asks for receipts of these record hashes. */
  | { readonly kind: 'ask'; readonly hashes: Hash[] }
  /** The sender keeps these records and all they name on disk. */
  | { readonly kind: 'receipt'; readonly hashes: Hash[] }
  /** Asks for a program, parameters, items or a long value by hash. */
  | { readonly kind: 'want'; readonly hash: Hash }
  | { readonly kind: 'blob'; readonly hash: Hash; readonly bytes: Uint8Array }
  | { readonly kind: 'none'; readonly hash: Hash }
  /** Jobs whose records the sender has dropped, with the state that each ended in. */
  | { readonly kind: 'collected'; readonly jobs: (readonly [JobId, string])[] }
  /** Asks these starts of peers to end; signed by its author, passed on by everybody. */
  | {
      readonly kind: 'quit';
      readonly author: PeerId;
      readonly starts: (readonly [PeerId, Start])[];
      readonly signature: Uint8Array;
    };

export type Message = GossipMessage | StreamMessage;
