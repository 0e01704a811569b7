import type { ComputationId, Hash, JobId, PeerId } from '../core/ids.ts';
import type { JobPhase } from '../core/job-state.ts';
import type { Limits } from '../core/limits.ts';
import type { Needs, Offer } from '../core/needs.ts';
import type { Lease } from '../core/register.ts';
import type { LogEntry } from '../logs/log-collection.ts';
import type { Rerun } from '../work/workforce.ts';
import type { Admission } from './admission/admission.ts';
import type { FileUsage } from './files/file-service.ts';
import type { LogOptions } from './jobs/job-logs.ts';
import type { TraceEvent } from './jobs/job-trace.ts';
import type { AttemptGroup } from './reports/attempt-groups.ts';
import type { ErrorGroup } from './reports/error-groups.ts';
import type { JobError } from './reports/job-errors.ts';
import type { SandboxReport } from './sandboxes.ts';

/** What to publish. */
export interface PublishRequest {
  /**
   * Path of the function file: ES module, TypeScript or CommonJS; its imports are bundled. Exactly
   * one of fn and exec is given.
   */
  readonly fn?: string | URL;
  /**
   * A command that starts a lasting worker in any language, in this process's folder: it reads a
   * line `{"index":…,"seed32":…,"params":…,"item":…}` and answers with a line `{"value":…}`,
   * `{"reject":true}` or `{"error":"…"}`, again and again. Every machine needs it in the same
   * folder.
   */
  readonly exec?: string;
  /** How many accepted candidates, 1 … 2^31. Exactly one of accept and items is given. */
  readonly accept?: number;
  /** One candidate per item: any JSON values, or their source. */
  readonly items?: Iterable<unknown> | AsyncIterable<unknown>;
  /** 0 … 2^53 − 1. @default 0 */
  readonly seed?: number;
  /** Any JSON value. @default null */
  readonly params?: unknown;
  /** Only indices below this are evaluated. @default none */
  readonly maxEvals?: number;
  /** Ends the job as partial after this time. @default none */
  readonly deadlineMs?: number;
  /**
   * Longest time of one candidate, 1 … 2^31 000 ms. One that is over it comes to no outcome: it is
   * tried again, and left out after three times. @default none
   */
  readonly timeoutMs?: number;
  /**
   * Most memory of an executor and (on Linux) all that it started, 128 000 000 … 2^46 bytes. The
   * same holds for what is over it. @default none
   */
  readonly memoryBytes?: number;
  /** The job fails when more candidates below its end throw, 0 … 2^31. @default any number */
  readonly maxErrors?: number;
  /** Each candidate in a process of its own: 50 ms or more each. @default false */
  readonly fresh?: boolean;
  /** Slots that one candidate takes, 1 … 1024; machines with fewer do not run it. @default 1 */
  readonly cpus?: number;
  /** Only machines that were started with all these tags run it. @default any machine */
  readonly needs?: readonly string[];
  /** It opens network connections: only machines that grant that run it. @default false */
  readonly allowNet?: boolean;
  /** Paths that it reads: only machines that grant that run it. @default none */
  readonly allowRead?: readonly string[];
  /** Paths that it writes, and reads: only machines that grant that run it. @default none */
  readonly allowWrite?: readonly string[];
  /** Candidates that the whole mesh begins in a second, 1/3600 … 10^6. @default as it can */
  readonly rate?: number;
  /**
   * An expression in JavaScript over `value`, `ms`, `index` and `outcome` ('accepted', 'rejected',
   * 'error' or 'failed'), 1024 characters at most: what a candidate logs is kept where it is true.
   * It has no part in any outcome. @default all is kept
   */
  readonly logIf?: string;
  /** −10 … 10. @default 0 */
  readonly priority?: number;
  /** 1–64 characters. @default the file's name without its ending */
  readonly name?: string;
  /** Called with each warning for a person (uses Date, probe died, …). */
  readonly onWarning?: (line: string) => void;
}

/** One line of the answer; JSON.stringify of it is the line on stdout. */
export type ResultLine = {
  readonly index: number;
  /** Of a command: its text, if that is on this machine. */
  readonly command?: string;
} & (
  | { readonly value: unknown }
  | {
      readonly error: string;
      /** Of a command that failed: what it left. */
      readonly value?: unknown;
    }
);

/** What a command wrote that still runs. */
export interface OutputPiece {
  readonly index: number;
  readonly name: 'stdout' | 'stderr';
  /** Where the bytes stand in that output. */
  readonly at: number;
  readonly base64: string;
  /** When this try of the command began: `started` of its value, in ms. */
  readonly startedMs: number;
}

/** How far a job is. */
export type JobStatus = JobPhase;

/** The answer in figures (design.md section 6, `--summary`). */
export interface Summary {
  readonly job: JobId;
  readonly computation: ComputationId;
  readonly seed: number;
  readonly status: JobStatus;
  readonly accepted: number;
  /** Index of the last line of the answer + 1; of a partial answer the frontier. */
  readonly evaluated: number;
  readonly acceptanceRate: number;
  readonly frontier: number;
  readonly certificate: Hash | null;
  /** Skipped indices up to the last line, rising. */
  readonly skipped: readonly number[];
  readonly errors: number;
  /** Evaluations made for this publication on the whole mesh. */
  readonly ran: number;
  /** Peers that keep the answer on disk. */
  readonly copies: number;
  /** Peers that evaluated for this publication. */
  readonly peers: number;
  readonly seconds: number;
}

/** What a progress line shows. */
export interface Progress {
  readonly job: JobId;
  readonly status: JobStatus;
  /** Final lines so far. */
  readonly lines: number;
  /** Accepted candidates known, final or not (map: items done). */
  readonly accepted: number;
  readonly target: number;
  /** Candidates with an outcome. */
  readonly evaluated: number;
  /** accepted / evaluated, its standard error, and a 95 % upper bound (3/n with none accepted). */
  /** Candidates known to have thrown, also such behind the answer's end. */
  readonly errors: number;
  readonly rate: number;
  readonly rateError: number;
  readonly rateUpper: number;
  readonly perSecond: number;
  readonly peers: number;
  readonly slots: number;
  /** Null while nothing can be said. */
  readonly etaSeconds: number | null;
  /** Why it does not go on, in words; null when it does. */
  readonly waitsFor: string | null;
}

export interface JobRow {
  readonly job: JobId;
  readonly name: string;
  readonly owner: PeerId;
  readonly status: JobStatus;
  readonly target: number;
  readonly accepted: number;
  readonly evaluated: number;
  /** Of the answer: what threw, and commands that failed, if their results are on this machine. */
  readonly failed: number;
  readonly rate: number;
  readonly priority: number;
  /** On its owner's clock, ms since 1970. */
  readonly publishedAt: number;
  /** Peers that hold a lease of it now. */
  readonly peers: number;
  /** Why this machine does not work on it, in words; null when it does, or it is over. */
  readonly notHere: string | null;
}

/** Everything known of a job. */
export interface JobReport extends JobRow {
  readonly computation: ComputationId;
  readonly program: Hash;
  readonly seed: number;
  readonly params: unknown;
  readonly kind: 'accept' | 'map';
  readonly maxEvals: number | null;
  readonly limits: Limits;
  readonly needs: Needs;
  /** Candidates that the mesh begins in an hour; null: as it can. */
  readonly perHour: number | null;
  readonly logIf: string | null;
  /** It is of commands (`meshd run`). */
  readonly commands: boolean;
  readonly maxErrors: number | null;
  readonly fresh: boolean;
  /** Why it has failed, in words; null when it has not. */
  readonly whyFailed: string | null;
  readonly frontier: number;
  readonly ran: number;
  readonly certificate: Hash | null;
  readonly successor: JobId | null;
  readonly predecessor: JobId | null;
  /** Indices that failed on every try at these limits, while the job runs. */
  readonly stuck: readonly number[];
  /** Indices that the answer leaves out. */
  readonly skipped: readonly number[];
  /** Candidates that failed; those that are left out or stuck come first. */
  readonly attempts: readonly {
    readonly index: number;
    readonly peer: PeerId;
    readonly kind: string;
    readonly detail: string;
    /** What it was tried at: it counts for jobs whose limits are not above. */
    readonly limits: Limits;
  }[];
  /** By index, those that were thrown first, at most 100. */
  readonly errors: readonly JobError[];
  /** Commands that may have failed or not: their results did not come to this peer. */
  readonly unread: number;
  /** Errors that are alike, the most frequent first, at most 20. */
  readonly errorGroups: readonly ErrorGroup[];
  /** Attempts without an outcome that are alike, the most frequent first, at most 20. */
  readonly attemptGroups: readonly AttemptGroup[];
  readonly disputed: readonly number[];
  readonly alarms: readonly string[];
  readonly leases: readonly (Pick<Lease, 'lo' | 'hi' | 'running'> & { readonly peer: PeerId })[];
}

export interface PeerRow {
  readonly peer: PeerId;
  readonly name: string;
  readonly self: boolean;
  readonly state: 'alive' | 'suspect' | 'dead';
  /** none: nothing leads there but other peers. */
  readonly via: 'self' | 'direct' | 'relay' | 'none';
  /** The member that relays; null without one. */
  readonly relay: PeerId | null;
  readonly rttMs: number | null;
  readonly slots: number;
  readonly busy: number;
  /** Slots that are not busy; 0 of a peer that is not alive. */
  readonly idle: number;
  /** What its machine is known for. */
  readonly tags: readonly string[];
  /** When it started, in ms since 1970 by its own clock; later where that clock was set back. */
  readonly startedAt: number;
  /** Load average of its machine over the last minute; null where the system has none (Windows). */
  readonly load: number | null;
  readonly version: string;
  readonly mathClass: string;
  readonly addresses: readonly string[];
}

export interface StatusReport {
  readonly peer: PeerId;
  readonly name: string;
  readonly version: string;
  readonly home: string;
  /** Null on a home that belongs to no mesh. */
  readonly mesh: string | null;
  readonly addresses: readonly string[];
  readonly slots: number;
  readonly busy: number;
  /** What this machine is known for. */
  readonly tags: readonly string[];
  readonly sandbox: SandboxReport;
  /** What the jobs of others may do here, and what all slots together may take. */
  readonly offer: Offer;
  /** What a memory limit holds: an executor with all that it started, or that process alone. */
  readonly memoryLimit: 'process tree' | 'process';
  readonly mathClass: string;
  /** What it relays for others at most, in bytes a second; 0: nothing; null: no cap. */
  readonly relayBytesPerSecond: number | null;
  readonly peers: { readonly alive: number; readonly suspect: number; readonly dead: number };
  readonly jobs: { readonly active: number; readonly ended: number };
  /** Files that commands were sent, or made, on this disk. */
  readonly files: FileUsage;
  readonly uptimeSeconds: number;
  readonly rssBytes: number;
  /** What a person should know: other Math class, disk full, disputes …, a line each. */
  readonly notices: readonly string[];
}

export interface VerifyReport {
  readonly checked: number;
  readonly equal: number;
  readonly different: readonly {
    readonly index: number;
    readonly known: string;
    readonly now: string;
  }[];
}

/** What `gc` freed, and what is left. */
export interface GcReport {
  readonly freedBytes: number;
  readonly bytes: number;
  readonly files: number;
}

export interface StopOptions {
  /** Asks every machine of the mesh to stop as well. @default false */
  readonly mesh?: boolean;
}

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

/** Which lines of a job are wanted. */
export interface ResultOptions extends WaitOptions {
  /** Wait for more until the end. @default true */
  readonly follow?: boolean;
  /** Lines as they become known instead, in any order. Of commands alone. @default false */
  readonly asKnown?: boolean;
}

/** A handle on one job; it also follows the job to its successor. */
export interface Job {
  readonly id: JobId;
  readonly name: string;
  readonly computation: ComputationId;
  readonly seed: number;
  /** Final lines from the first on, in index order. follow: wait for more until the end. */
  results(options?: ResultOptions): AsyncIterable<ResultLine>;
  /**
   * What the job's commands write while they run, from now to the job's end, if it was published
   * with `live`. A piece may be left out: the result has all.
   */
  output(options?: WaitOptions): AsyncIterable<OutputPiece>;
  /** Progress now and after each change, at most 5 a second; ends with the job. */
  progress(options?: WaitOptions): AsyncIterable<Progress>;
  /** Resolves once the job ended and the answer is kept (R3). */
  done(options?: WaitOptions): Promise<Summary>;
  summary(): Promise<Summary>;
  show(): Promise<JobReport>;
  /** wait: running candidates end first. */
  cancel(options?: { readonly wait?: boolean }): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  priority(value: number): Promise<void>;
  skip(index: number): Promise<void>;
  /** Evaluates a candidate again, on the peer of this home. It counts for nothing. */
  rerun(index: number, options?: WaitOptions): Promise<Rerun>;
  /** The same, told as it goes: what it logs and draws, what it takes, how it ends. */
  trace(index: number, options?: WaitOptions): AsyncIterable<TraceEvent>;
  /**
   * What its candidates logged, on all peers that can be reached, by each one's own clock; a peer
   * that cannot is an entry `missing`. @throws MeshError MESH_USAGE for a peer that is not known
   */
  logs(options?: LogOptions): AsyncIterable<LogEntry>;
  /** sample: share of the answer's indices, 0 < sample ≤ 1. */
  verify(options: WaitOptions & { readonly sample: number }): Promise<VerifyReport>;
}

/** A mesh as one client sees it: through a running peer, or through one inside this process. */
export interface Mesh extends AsyncDisposable {
  /** True when the peer runs inside this process and ends with it. */
  readonly embedded: boolean;
  /** Who is let in, and whose jobs run on this machine. */
  readonly admission: Admission;
  /** Resolves once the job is kept (R3). */
  publish(request: PublishRequest, options?: WaitOptions): Promise<Job>;
  /**
   * A job by its id, its name (the newest), or a unique prefix of its id or its successor's.
   * @throws MeshError MESH_UNKNOWN_JOB, MESH_AMBIGUOUS
   */
  job(reference: string): Promise<Job>;
  jobs(): Promise<JobRow[]>;
  peers(): Promise<PeerRow[]>;
  status(): Promise<StatusReport>;
  /** Gives the peer so many slots, 0 … 1024, until it ends; what runs beyond them ends soon. */
  slots(count: number): Promise<void>;
  /**
   * Removes files of commands until at most so many bytes are left, those used longest ago first;
   * none that is in use, or that its publisher still has to fetch.
   */
  gc(maxBytes: number): Promise<GcReport>;
  /** @throws MESH_NOT_MEMBER on a home that belongs to no mesh. */
  invite(): Promise<string>;
  /** Ends the running peer, membership kept. mesh: and all others that it knows to be alive. */
  stop(options?: StopOptions): Promise<void>;
  /** Drains, tells the others, forgets the mesh and ends the running peer. */
  leave(): Promise<void>;
  close(): Promise<void>;
}
