import { setTimeout as sleep } from 'node:timers/promises';
import { MeshError } from '../../core/mesh-error.ts';
import type { Job } from '../../node/mesh.ts';
import { hasSucceeded } from '../../node/reports/command-result.ts';
import { type Context, tell } from '../context.ts';
import { type Halt, HaltWatch } from '../parallel/halt.ts';
import type { ProgressView } from '../progress-view.ts';
import type { Batch, Batches, Found, Settling } from './batches.ts';

/** How often it is looked whether commands still run. */
const LOOK_MS = 100;
/** How long a result is waited for whose machine says that it has ended. */
const RESULT_MS = 3000;

/** What a halt is watched with. */
export interface HaltingParts {
  /** Commands that --resume left out. */
  readonly doneBefore: number;
  readonly view: ProgressView;
  readonly signal: AbortSignal;
}

/** Ends a job once so many commands came to what --halt waits for, in whatever order they do. */
export class Halting implements Settling {
  readonly #context: Context;
  readonly #batches: Batches;
  readonly #watch: HaltWatch;
  readonly #view: ProgressView;
  readonly #signal: AbortSignal;
  /** Places of the commands that had ended when it was reached. */
  readonly #counted = new Set<number>();
  /** Places of those that came to no end. */
  readonly #without = new Set<number>();
  /** Places of those that ran then. */
  readonly #inHand = new Set<number>();
  readonly #stop = new AbortController();
  #step = Promise.withResolvers<void>();
  #state: 'watches' | 'soon' | 'now' | 'over' = 'watches';
  /** Resolves once all that is still to be had is known; says whether --halt was reached. */
  readonly ended: Promise<boolean>;

  constructor(
    context: Context,
    batches: Batches,
    halt: Halt,
    { doneBefore, view, signal }: HaltingParts,
  ) {
    this.#context = context;
    this.#batches = batches;
    this.#view = view;
    this.#signal = signal;
    this.#watch = new HaltWatch(halt, { jobs: doneBefore + batches.places, doneBefore });
    this.ended = this.#run();
    // It fails of what the results fail of, and is waited for behind them.
    this.ended.catch(() => undefined);
  }

  /** Aborted when nothing more is to be shown of what runs. */
  get quiet(): AbortSignal {
    return this.#stop.signal;
  }

  /** A result as it is to be shown: with `now` one that came behind the halt is none. */
  async taken(result: Found): Promise<Found & { readonly halted?: boolean }> {
    const { place } = result;
    const { value: _, lost: __, ...bare } = result;
    if (result.value !== undefined || result.lost !== undefined) {
      while (this.#state === 'watches' && !this.#counted.has(place)) await this.#step.promise;
      if (this.#state !== 'now' || this.#counted.has(place)) return result;
      return { ...bare, value: undefined, halted: !result.known };
    }
    while (this.#state === 'watches' && !this.#without.has(place)) await this.#step.promise;
    if (this.#state !== 'watches') await this.ended.catch(() => undefined);
    return { ...bare, value: undefined, halted: this.#inHand.has(place) };
  }

  /** Resolves once a batch came to all that it will. */
  async settled(batch: Batch): Promise<void> {
    await Promise.race([this.#batches.known(batch), this.ended]);
    if (this.#state !== 'watches') await this.ended;
  }

  async #run(): Promise<boolean> {
    try {
      for await (const { place, value, lost } of this.#batches.asKnown(null, true)) {
        if (value === undefined && lost === undefined) {
          this.#without.add(place);
          this.#wake();
          continue;
        }
        this.#counted.add(place);
        const verdict = value === undefined ? 'go on' : this.#finished(value);
        if (verdict === 'go on') {
          this.#wake();
          continue;
        }
        this.#state = verdict;
        if (verdict === 'now') this.#stop.abort();
        this.#wake();
        await this.#end(verdict);
        return true;
      }
      return false;
    } finally {
      if (this.#state === 'watches') this.#state = 'over';
      this.#wake();
    }
  }

  #finished(value: Parameters<typeof hasSucceeded>[0]): 'go on' | 'soon' | 'now' {
    return this.#watch.finished(hasSucceeded(value) ? 0 : 1);
  }

  #wake(): void {
    this.#step.resolve();
    this.#step = Promise.withResolvers<void>();
  }

  async #end(how: 'soon' | 'now'): Promise<void> {
    await this.#batches.stop();
    const ended: Batch[] = [];
    for (const batch of this.#batches.open) {
      if (batch.job === null) continue;
      try {
        await batch.job.cancel({ wait: how === 'soon' });
        ended.push(batch);
      } catch (error) {
        // All its commands came to their end meanwhile.
        if (!(error instanceof MeshError) || error.code !== 'MESH_JOB_ENDED') throw error;
      }
    }
    for (const batch of ended) await this.#noteInHand(batch);
    if (how === 'now' || this.#inHand.size === 0) return;
    const count = this.#inHand.size;
    const commands = count === 1 ? '1 command that runs' : `${count} commands that run`;
    const text = `--halt soon: no more is started; waiting for ${commands}`;
    this.#view.clear();
    tell(this.#context, text, { event: 'halting', running: count });
    for (const { job } of ended) {
      while (((await job?.show())?.leases.length ?? 0) > 0) await this.#rest();
    }
    const until = performance.now() + RESULT_MS;
    while (!(await this.#hasAll(ended)) && performance.now() < until) await this.#rest();
    // None of them was ended; one without a result went with its machine.
    this.#inHand.clear();
  }

  /** Of what a peer holds it runs the first that has no result. */
  async #noteInHand({ job, gathering, from }: Batch): Promise<void> {
    const leases = (await job?.show())?.leases.filter(({ running }) => running) ?? [];
    if (leases.length === 0) return;
    const known = await knownOf(job);
    for (const { lo, hi } of leases) {
      let index = lo;
      while (index < hi && known.has(index)) index++;
      const place = gathering.places[index];
      if (index < hi && place !== undefined) this.#inHand.add(from + place);
    }
  }

  /** Says whether the results of all that ran are here. */
  async #hasAll(batches: readonly Batch[]): Promise<boolean> {
    const places = new Set<number>();
    for (const { job, gathering, from } of batches) {
      for (const index of await knownOf(job)) places.add(from + (gathering.places[index] ?? -1));
    }
    return [...this.#inHand].every((place) => places.has(place));
  }

  async #rest(): Promise<void> {
    await sleep(LOOK_MS, undefined, { signal: this.#signal });
  }
}

/** The commands of a job whose results are known. */
async function knownOf(job: Job | null): Promise<Set<number>> {
  const known = new Set<number>();
  if (job === null) return known;
  for await (const { index } of job.results({ follow: false, asKnown: true })) known.add(index);
  return known;
}
