import { encode, hexToBytes } from './codec.ts';
import type { ComputationId, Hash, JobId, PeerId } from './ids.ts';
import { type Limits, limitsTuple } from './limits.ts';
import { type Needs, needsTuple } from './needs.ts';

/** Version of the candidate's contract: stream, distributions, value encoding. */
export const CONTRACT_VERSION = 1;

/** The longest time that is told, 100 days: above, microseconds in a double would not be whole. */
export const MAX_MICROSECONDS: number = 2 ** 43;

/** The longest condition of a job's logs, in characters. */
export const MAX_LOG_IF = 1024;

/** A time in ms as it is encoded: whole microseconds. */
export function microseconds(ms: number): number {
  return Math.min(Math.round(ms * 1000), MAX_MICROSECONDS);
}

/** What has results: everything that decides a candidate's outcome. */
export interface ComputationSpec {
  readonly program: Hash;
  /** Hash of the parameters' JSON text. */
  readonly params: Hash;
  /** 0 … 2^53 − 1. */
  readonly seed: number;
  /** Root and count of the items of a map job, else null. */
  readonly items: { readonly root: Hash; readonly count: number } | null;
  readonly contract: number;
  /** Fingerprint of Math: 16 hexadecimal digits; null for commands, which run on any machine. */
  readonly mathClass: string | null;
  /**
   * Whose commands the items are; null for the items or candidates of a function. Commands are not
   * pure: each is to run once, and that peer alone certifies.
   */
  readonly commandsOf: PeerId | null;
}

/** Says whether a machine with this fingerprint of Math can evaluate a computation. */
export function isOfClass(spec: ComputationSpec, mathClass: string): boolean {
  return spec.mathClass === null || spec.mathClass === mathClass;
}

/** What a job asks of its computation. */
export type Target =
  | { readonly kind: 'accept'; readonly count: number; readonly maxEvals: number | null }
  | { readonly kind: 'map'; readonly count: number };

/** A job as its owner signed it; it never changes. */
export interface Manifest {
  readonly owner: PeerId;
  /** 16 random bytes as 32 hexadecimal digits. */
  readonly nonce: string;
  readonly name: string;
  readonly spec: ComputationSpec;
  readonly target: Target;
  readonly limits: Limits;
  readonly needs: Needs;
  /** Candidates that all peers together begin in an hour, 1 … MAX_PER_HOUR; null: as they can. */
  readonly perHour: number | null;
  /** Errors below the end of its answer above which it fails; null: any number will do. */
  readonly maxErrors: number | null;
  /** Each candidate is evaluated in a process of its own. */
  readonly fresh: boolean;
  /** −10 … 10, until an op changes it. */
  readonly priority: number;
  /** On the owner's wall clock, ms since 1970: for people and for the order of a list. */
  readonly publishedAt: number;
  /** On the owner's wall clock, ms since 1970; null for none. */
  readonly deadlineAt: number | null;
  /** The job one of whose candidates published it; null for itself. */
  readonly root: JobId | null;
  /**
   * The program's source map, for stacks that people read: it has no part in any outcome. Null for
   * none.
   */
  readonly sources: Hash | null;
  /**
   * An expression in JavaScript: what a candidate logs is kept where it is true. It has no part in
   * any outcome. 1 … MAX_LOG_IF characters; null: all is kept.
   */
  readonly logIf: string | null;
  /** What the first candidates cost: a hint for the first blocks. */
  readonly probe: { readonly candidates: number; readonly accepted: number; readonly ms: number };
}

function specTuple(spec: ComputationSpec): unknown[] {
  return [
    hexToBytes(spec.program),
    hexToBytes(spec.params),
    spec.seed,
    spec.items === null ? null : [hexToBytes(spec.items.root), spec.items.count],
    spec.contract,
    spec.mathClass === null ? spec.commandsOf : hexToBytes(spec.mathClass),
  ];
}

/** The encodable form of a target. */
export function targetTuple(target: Target): unknown[] {
  return target.kind === 'accept'
    ? ['accept', target.count, target.maxEvals]
    : ['map', target.count];
}

/** The name of a computation: the hash of its canonical encoding. */
export function computationId(
  spec: ComputationSpec,
  hash: (bytes: Uint8Array) => Hash,
): ComputationId {
  return hash(encode(['meshd computation', ...specTuple(spec)]));
}

/** The canonical encoding of a manifest: what is signed, and whose hash is the job's id. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  return encode([
    manifest.owner,
    hexToBytes(manifest.nonce),
    manifest.name,
    specTuple(manifest.spec),
    targetTuple(manifest.target),
    limitsTuple(manifest.limits),
    needsTuple(manifest.needs),
    manifest.perHour,
    manifest.maxErrors,
    manifest.fresh,
    manifest.priority,
    manifest.publishedAt,
    manifest.deadlineAt,
    manifest.root === null ? null : hexToBytes(manifest.root),
    manifest.sources === null ? null : hexToBytes(manifest.sources),
    manifest.logIf,
    [manifest.probe.candidates, manifest.probe.accepted, microseconds(manifest.probe.ms)],
  ]);
}

/** The id of a successor: the hash of {predecessor, stuck indices} and nothing else. */
export function successorId(
  predecessor: JobId,
  stuck: readonly number[],
  hash: (bytes: Uint8Array) => Hash,
): JobId {
  return hash(encode(['meshd successor', hexToBytes(predecessor), [...stuck]]));
}
