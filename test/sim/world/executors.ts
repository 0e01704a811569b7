import type { Execution, PeerEvent } from '../../../src/core/event.ts';
import {
  columnsOf,
  costOf,
  type Failure,
  failureOf,
  type Program,
  type SimOutcome,
} from './program.ts';

/** Time of one batch in an executor, in ms. */
const BATCH_MS = 50;

/** What executors need of their machine. */
export interface ExecutorHost {
  readonly slots: number;
  /** How much slower than the program's cost. */
  readonly slowness: number;
  program(execution: Execution): Program | undefined;
  lie(index: number, outcome: SimOutcome): SimOutcome;
  /** Runs something after a time on this machine, unless its process ended by then. */
  after(ms: number, run: () => void): void;
  dispatch(event: PeerEvent): void;
  /** Candidates [lo, hi) were evaluated, in so many ms. */
  evaluated(execution: Execution, lo: number, hi: number, ms: number): void;
  /** A candidate took the machine down. */
  fall(execution: Execution, index: number): void;
}

interface Running {
  readonly execution: Execution;
  at: number;
  /** Counts up when it is killed, so that the batch in hand is lost. */
  epoch: number;
  stopping: boolean;
}

/** The executor processes of one machine, simulated: they cost virtual time alone. */
export class Executors {
  readonly #host: ExecutorHost;
  readonly #running = new Map<number, Running>();

  constructor(host: ExecutorHost) {
    this.#host = host;
  }

  get busy(): number {
    return this.#running.size;
  }

  executions(): Execution[] {
    return [...this.#running.values()].map(({ execution }) => execution);
  }

  execute(execution: Execution): void {
    if (this.#running.size >= this.#host.slots) throw new Error('no free slot');
    const running = { execution, at: execution.lo, epoch: 0, stopping: false };
    this.#running.set(execution.id, running);
    // The loop opens the executor's inputs first.
    this.#host.after(0.2, () => this.#nextBatch(running));
  }

  stop(id: number, mode: 'drain' | 'kill'): void {
    const running = this.#running.get(id);
    if (running === undefined) return;
    running.stopping = true;
    if (mode === 'drain') return;
    running.epoch++;
    this.#host.after(1, () => this.#end(running));
  }

  /** The process ended, and they with it. */
  clear(): void {
    this.#running.clear();
  }

  #end(running: Running): void {
    const { id, hi } = running.execution;
    if (!this.#running.delete(id)) return;
    this.#host.dispatch({ kind: 'ended', execution: id, finished: running.at >= hi });
  }

  /** Evaluates candidates for about 50 ms, up to one that fails. */
  #nextBatch(running: Running): void {
    const { execution, epoch } = running;
    const lo = running.at;
    const program = this.#host.program(execution);
    if (lo >= execution.hi || running.stopping || program === undefined) return this.#end(running);
    const { slowness } = this.#host;
    let to = lo;
    let ms = 0;
    let failure: Failure | null = null;
    while (to < execution.hi && ms < BATCH_MS) {
      failure = failureOf(program, to, slowness, execution.limits);
      if (failure !== null) break;
      ms += costOf(program, to++) * slowness;
    }
    const timeoutMs = execution.limits.timeoutMs ?? 0;
    const failMs = failure === 'timeout' ? timeoutMs : failure === null ? 0 : 10;
    this.#host.after(ms + failMs, () => {
      if (running.epoch !== epoch || !this.#running.has(execution.id)) return;
      running.at = failure === null ? to : to + 1;
      if (to > lo) this.#tell(running, program, lo, to, ms);
      if (failure === 'machine') return this.#host.fall(execution, to);
      if (failure !== null) this.#fail(execution, to, failure);
      if (this.#running.has(execution.id)) this.#nextBatch(running);
    });
  }

  #tell(running: Running, program: Program, lo: number, hi: number, ms: number): void {
    const { execution } = running;
    const columns = columnsOf(program, lo, hi, this.#host.lie);
    this.#host.evaluated(execution, lo, hi, ms);
    this.#host.dispatch({
      kind: 'part',
      execution: execution.id,
      part: { lo, hi, ms, ...columns },
    });
  }

  #fail({ id, limits }: Execution, index: number, kind: 'died' | 'timeout'): void {
    const detail = kind === 'died' ? 'SIGSEGV' : `longer than ${limits.timeoutMs} ms`;
    this.#host.dispatch({ kind: 'failed', execution: id, index, failure: { kind, detail } });
  }
}
