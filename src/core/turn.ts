import type { Effect, Env, Execution, StoreWrite } from './event.ts';
import type { JobId, PeerId } from './ids.ts';
import type { RecordGroup, StreamMessage } from './message.ts';
import type { PeerState } from './peer-state.ts';

/** Outcomes are told at the latest so long after the first of them in a small mesh, in ms. */
const TELL_MS = 1000;

/** One step under way: the state, the injected world, and the effects gathered so far. */
export class Turn {
  readonly state: PeerState;
  readonly env: Env;
  readonly #effects: Effect[] = [];
  readonly #writes: StoreWrite[] = [];
  readonly #changed = new Set<JobId | null>();
  #urgent = false;
  #risen: number | null = null;
  /** Jobs whose end may have come. */
  readonly touched: Set<JobId> = new Set();
  /** Segments written in this step, to be pushed to neighbours. */
  readonly made: RecordGroup[] = [];
  /** The register changed: tell the others soon. */
  beat = false;

  constructor(state: PeerState, env: Env) {
    this.state = state;
    this.env = env;
  }

  get now(): number {
    return this.env.now;
  }

  emit(effect: Effect): void {
    this.#effects.push(effect);
  }

  send(to: PeerId, message: StreamMessage): void {
    this.#effects.push({ kind: 'send', to, message });
  }

  /** soonMs: outcomes are told so soon, whatever the size of the mesh. */
  execute(execution: Omit<Execution, 'tellMs'>, soonMs: number | null = null): void {
    const tellMs = soonMs ?? TELL_MS * this.state.roster.spacing;
    this.emit({ kind: 'execute', execution: { ...execution, tellMs } });
  }

  log(level: 'error' | 'warn' | 'info' | 'debug', event: string, fields: object = {}): void {
    this.#effects.push({ kind: 'log', level, event, fields: { ...fields } });
  }

  /** Adds to this step's write batch; returns the batch's number. */
  keep(...writes: StoreWrite[]): number {
    this.#writes.push(...writes);
    return this.state.write + 1;
  }

  /** The number of the newest write batch, this step's included if it has writes. */
  get lastWrite(): number {
    return this.state.write + (this.#writes.length > 0 ? 1 : 0);
  }

  /** The step's batch is to be on disk at once. */
  hurry(): void {
    this.#urgent = true;
  }

  /** A new start's incarnation: it is to be kept before anything of the step. */
  rise(incarnation: number): void {
    this.#risen = incarnation;
    this.beat = true;
  }

  /** Clients that look at this job, or (null) at the roster, look again. */
  change(job: JobId | null): void {
    this.#changed.add(job);
  }

  /** Ends the step. All its writes are one batch; it goes before anything that is sent. */
  finish(): Effect[] {
    const effects: Effect[] = [];
    if (this.#risen !== null) effects.push({ kind: 'rise', incarnation: this.#risen });
    if (this.#writes.length > 0) {
      this.state.write++;
      effects.push({ kind: 'store', writes: this.#writes, write: this.state.write });
    }
    if (this.#urgent) effects.push({ kind: 'flush' });
    effects.push(...this.#effects);
    for (const job of this.#changed) effects.push({ kind: 'changed', job });
    return effects;
  }
}
