import type { Column, ErrorOutcome } from '../core/column.ts';
import type { ComputationId } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';
import type { LogLine } from '../core/log-line.ts';
import type { Draw } from './candidate/trace.ts';
import type { LivePiece } from './command/live-output.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import type { WorkLog } from './work-log.ts';

/** What an executor needs to evaluate candidates of a computation. */
export interface WorkInputs {
  readonly computation: ComputationId;
  /** The bundled ES module; of commands, what they have in common (command/command-spec.ts). */
  readonly program: Uint8Array;
  /** The items are commands of a shell. @default false */
  readonly commands?: boolean;
  /** Its source map, in JSON: stacks then name the user's lines. @default none */
  readonly sources?: Uint8Array;
  /** JSON text of the parameters; `null` when none were given. */
  readonly params: string;
  /** 0 … 2^53 − 1. */
  readonly seed: number;
  /** JSON texts of the items lo … hi − 1, for a map job; or of the first of them, one at least. */
  readonly items?: (lo: number, hi: number) => Promise<readonly string[]>;
  /** What holds the executor that they are used in. @default OPEN: nothing does */
  readonly sandbox?: Sandbox;
  /** Items fetched and sent at a time. @default as many as are short */
  readonly itemsAtOnce?: number;
}

/** An interval to evaluate on one slot. `id` is unique within a run of the peer. */
export interface WorkOrder {
  readonly id: number;
  readonly lo: number;
  readonly hi: number;
  /** Of each candidate. */
  readonly limits: Limits;
  /** True: in an executor that has evaluated nothing before, and that nothing uses after. */
  readonly fresh: boolean;
  /** Each candidate in an executor of its own. */
  readonly each: boolean;
  /** A part is told at the latest so long after its first outcome, in ms. */
  readonly tellMs: number;
  /** What a candidate logs is kept where this expression is true. @default always */
  readonly logIf?: string;
  /** What is evaluated only to be compared logs nothing: it did before. @default false */
  readonly unlogged?: boolean;
}

/** Outcomes of [lo, hi), the next part of an order. Indices in neither list were rejected. */
export interface WorkPart {
  readonly id: number;
  readonly lo: number;
  readonly hi: number;
  /** In rising index order; never of kind `hash`. */
  readonly accepted: readonly Column[];
  readonly errors: readonly ErrorOutcome[];
  /** Time that the executor spent on it. */
  readonly ms: number;
}

/** Why a candidate came to no outcome. */
export interface WorkFailure {
  readonly kind: 'died' | 'timeout' | 'memory' | 'stack' | 'system' | 'setup';
  /** Signal or exit code, or the message: one line for a person. */
  readonly detail: string;
}

export interface WorkHandlers {
  /** Parts of an order come in rising order and do not overlap; failed indices lie between them. */
  part(part: WorkPart): void;
  /** One index failed: alone in a fresh executor, or over its time. The order goes on behind it. */
  failed(id: number, index: number, failure: WorkFailure): void;
  /** The order is over; every evaluated part was told before. */
  ended(id: number, reason: 'finished' | 'stopped'): void;
  /** What a command wrote that still runs, if its job says that it is to be told. */
  output(computation: ComputationId, index: number, piece: LivePiece): void;
  /** Where what its candidates log goes. */
  log(computation: ComputationId): WorkLog;
}

export interface ProbeOptions {
  /** Candidates at most. @default 64 */
  readonly most?: number;
  /**
   * Executors that start meanwhile for the orders that follow, as far as slots are free. @default 0
   */
  readonly ahead?: number;
  /** As an order's. */
  readonly logIf?: string;
  /** How long import and setup are waited for, in ms. @default 10 000 */
  readonly loadMs?: number;
}

/** What the first candidates told before publishing. */
export interface Probe {
  /** Outcomes of [0, hi); hi is 0 when candidate 0 did not end in time. */
  readonly hi: number;
  readonly accepted: readonly Column[];
  readonly errors: readonly ErrorOutcome[];
  readonly ms: number;
  /** Set when an executor died in candidate 0; the publication goes on. */
  readonly failure?: WorkFailure;
  /** Set when import and setup did not end in time, in ms: nothing else was told. */
  readonly loadsMs?: number;
  /** Set when candidate 0 came to another outcome at a second evaluation: both, as texts. */
  readonly differs?: readonly [first: string, second: string];
}

/** One candidate evaluated again, with its log. */
export interface Rerun {
  readonly index: number;
  readonly outcome:
    | { readonly kind: 'accepted'; readonly text: string }
    | { readonly kind: 'rejected' }
    | { readonly kind: 'error'; readonly name: string; readonly detail: string }
    | { readonly kind: 'failed'; readonly failure: WorkFailure };
  readonly log: readonly string[];
  readonly ms: number;
}

/** What a candidate took. */
export interface Usage {
  /** Doubles from its stream; null of a command, which has none. */
  readonly drawn: number | null;
  /** Most resident memory of its executor so far, program and runner included. */
  readonly residentBytes: number;
  /** Processor time of its executor since the candidate began, in ms. */
  readonly cpuMs: number;
}

/** Who hears what happens in a rerun while it does. */
export interface TraceListener {
  line(line: LogLine): void;
  draw(draw: Draw): void;
  /** Not of a candidate that took its executor down. */
  usage(usage: Usage): void;
}

export interface RerunOptions {
  /** Hears its log and draws as they come; an error then has its whole stack. @default nobody */
  readonly trace?: TraceListener;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

/** Runs user code in child processes, one per slot, that can be killed at any time. */
export interface Workforce {
  /** Fingerprint of the Math that a candidate sees: 16 hexadecimal digits. */
  readonly mathClass: string;
  /** Orders that run at once. */
  readonly slots: number;
  /** Keeps idle executors for so many slots from now on. */
  resize(slots: number): void;
  /** Starts an order on a free slot; the caller never has more orders open than slots. */
  execute(order: WorkOrder, inputs: WorkInputs): void;
  /** drain: the batch in hand ends and is told. kill: at once, the batch in hand is lost. */
  stop(id: number, mode: 'drain' | 'kill'): void;
  /**
   * Evaluates candidates 0 … 63, `most` of them at most, for at most 2 s (100 ms after the first
   * ended), in an executor that the next order of the computation uses on; then candidate 0 again,
   * if it takes no longer and more than one may be evaluated. A lasting worker is given 100 ms
   * after candidate 0 to write a line too many.
   * @throws MeshError MESH_BAD_FUNCTION when the module cannot be imported or setup throws, or when
   * a lasting worker ends before it is asked anything, or writes a line too many.
   */
  probe(inputs: WorkInputs, limits: Limits, options?: ProbeOptions): Promise<Probe>;
  rerun(inputs: WorkInputs, limits: Limits, index: number, options?: RerunOptions): Promise<Rerun>;
  /** Tells what has ended and was not told yet. */
  tellNow(): void;
  /** Ends idle executors of a computation. */
  forget(computation: ComputationId): void;
  close(): Promise<void>;
}
