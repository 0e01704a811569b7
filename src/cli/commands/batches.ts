import type { Job, JobStatus, Progress, Summary } from '../../node/mesh.ts';
import { type BatchSource, slotsHere } from './batch-source.ts';
import type { Gathering, Placed } from './gather.ts';
import type { Planned } from './plan.ts';

/** Commands that were published together. */
export interface Batch {
  /** Place of its first command in the run. */
  readonly from: number;
  readonly planned: readonly Planned[];
  /** Null when all was known, or is under way in other jobs. */
  readonly job: Job | null;
  readonly gathering: Gathering;
  /** Aborts once all its results were shown, or the run is over. */
  readonly signal: AbortSignal;
}

/** A result, its place in the run, and what it is of. */
export interface Found extends Placed {
  readonly one: Planned;
  readonly batch: Batch;
}

/** Says when what a job that was ended early still came to is to be looked for. */
export interface Settling {
  settled(batch: Batch): Promise<unknown>;
}

/** What of a batch changes. */
interface Running {
  readonly batch: Batch;
  readonly end: AbortController;
  readonly known: PromiseWithResolvers<void>;
  shown: number;
  progress: Progress | null;
}

/** How a run of commands is published. */
export interface BatchesOptions {
  readonly source: BatchSource;
  /** Those that come first. */
  readonly first: readonly Planned[];
  /** Publishes commands; isFirst: those that come first. Null: no more is to be. */
  readonly publish: (planned: readonly Planned[], isFirst: boolean) => Promise<Gathering | null>;
  /** The slots of a peer that starts here. */
  readonly jobs: number | undefined;
}

/** The commands of a run, job after job: one for arguments, as many as need be for stdin. */
export class Batches {
  readonly #options: BatchesOptions;
  readonly #running = new Map<number, Running>();
  #summary: Summary | null = null;
  #listeners: ((batch: Batch) => void)[] = [];
  #count = 0;
  #places = 0;
  #endedPlaces = 0;
  #slots: number;
  #publishing: Promise<void> = Promise.resolve();
  #isOver = false;
  #failure: unknown = null;
  #news = Promise.withResolvers<void>();

  constructor(options: BatchesOptions) {
    this.#options = options;
    this.#slots = slotsHere(options.jobs);
  }

  /** Begins; tells each batch when it was published. Rejects when the first one cannot be. */
  async start(...listeners: readonly ((batch: Batch) => void)[]): Promise<void> {
    this.#listeners = [...listeners];
    const { first, source } = this.#options;
    await this.#publish(first);
    this.#publishing = (async () => {
      try {
        for (;;) {
          const planned = await source.next(() => ({ open: this.#open, slots: this.#slots }));
          if (planned === null || !(await this.#publish(planned))) break;
        }
      } catch (error) {
        this.#failure = error;
      }
      this.#isOver = true;
      this.#look();
    })();
  }

  /** Those that were published and whose results were not all shown. */
  get open(): Batch[] {
    return [...this.#running.values()].map(({ batch }) => batch);
  }

  /** How those ended whose results were all shown, as if they were one job; null: none ran. */
  get summary(): Summary | null {
    return this.#summary;
  }

  /** Commands that were published. */
  get places(): number {
    return this.#places;
  }

  /** All that there is was published. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Publishes no more; resolves once nothing is being published. */
  async stop(): Promise<void> {
    this.#options.source.stop();
    await this.#publishing;
  }

  /** One result for each command, in order. */
  async *results(settling: Settling | null): AsyncGenerator<Found> {
    for (let number = 0; ; number++) {
      const running = await this.#at(number);
      if (running === null) return;
      const { batch } = running;
      const settled = settling?.settled(batch);
      for await (const found of batch.gathering.results(settled)) {
        yield this.#placed(found, batch);
        await this.#shown(running, found.place);
      }
      await this.#end(running, number);
    }
  }

  /** The same as they become known. watched: for whoever only watches, all stays open. */
  async *asKnown(settling: Settling | null, watched: boolean = false): AsyncGenerator<Found> {
    interface Step {
      readonly number: number;
      readonly running: Running | null;
      readonly results: AsyncGenerator<Placed> | null;
      readonly found: IteratorResult<Placed> | null;
    }
    const arrival = async (number: number): Promise<Step> => {
      const running = await this.#at(number);
      const settled = running === null ? undefined : settling?.settled(running.batch);
      const results = running?.batch.gathering.asKnown(settled) ?? null;
      return { number, running, results, found: null };
    };
    const step = async (from: Step, results: AsyncGenerator<Placed>): Promise<Step> => {
      return { ...from, results, found: await results.next() };
    };
    const waiting = new Map<number, Promise<Step>>([[0, arrival(0)]]);
    while (waiting.size > 0) {
      const next = await Promise.race(waiting.values());
      const { number, running, results, found } = next;
      waiting.delete(number);
      if (running === null || results === null) continue;
      if (found === null) waiting.set(number + 1, arrival(number + 1));
      if (found?.done === true) {
        if (watched) running.known.resolve();
        else await this.#end(running, number);
        continue;
      }
      if (found !== null) {
        yield this.#placed(found.value, running.batch);
        if (!watched) await this.#shown(running, found.value.place);
      }
      waiting.set(number, step(next, results));
    }
  }

  /** Resolves once `asKnown` has told all of a batch. */
  async known({ from }: Batch): Promise<void> {
    const running = [...this.#running.values()].find(({ batch }) => batch.from === from);
    await running?.known.promise;
  }

  /** Takes how far a batch is. How far all are. */
  progress({ from }: Batch, progress: Progress): Progress {
    for (const running of this.#running.values()) {
      if (running.batch.from === from) running.progress = progress;
    }
    this.#slots = Math.max(progress.slots, 1);
    this.#options.source.look();
    if (this.#isOver && this.#count === 1) return progress;
    const all = [...this.#running.values()].flatMap((one) => one.progress ?? []);
    const sum = (of: (one: Progress) => number): number => all.reduce((n, one) => n + of(one), 0);
    let before = this.#endedPlaces;
    for (const { batch } of this.#running.values()) {
      before += batch.planned.length - batch.gathering.places.length;
    }
    const evaluated = before + sum((one) => one.evaluated);
    const accepted = before + sum((one) => one.accepted);
    const etas = all.map(({ etaSeconds }) => etaSeconds);
    const isRead = this.#isOver && !etas.includes(null);
    return {
      ...progress,
      ...{ evaluated, accepted, rate: evaluated === 0 ? 0 : accepted / evaluated },
      lines: before + sum(({ lines }) => lines),
      target: this.#places,
      errors: sum(({ errors }) => errors),
      perSecond: sum(({ perSecond }) => perSecond),
      // What is still to come of stdin is not known.
      etaSeconds: isRead ? Math.max(0, ...etas.map((eta) => eta ?? 0)) : null,
      waitsFor: all.some(({ waitsFor }) => waitsFor === null) ? null : progress.waitsFor,
    };
  }

  /** Commands that were published and have no result yet. */
  get #open(): number {
    let open = 0;
    for (const { batch, shown, progress } of this.#running.values()) {
      const published = batch.gathering.places.length;
      const left = published - (progress?.evaluated ?? 0);
      open += Math.max(0, Math.min(left, batch.planned.length - shown));
    }
    return open;
  }

  async #publish(planned: readonly Planned[]): Promise<boolean> {
    const { publish, source } = this.#options;
    const gathering = await publish(planned, this.#count === 0);
    if (gathering === null) {
      source.stop();
      return false;
    }
    const end = new AbortController();
    const { job } = gathering;
    const batch = { from: this.#places, planned, job, gathering, signal: end.signal };
    const running = { batch, end, known: Promise.withResolvers<void>(), shown: 0, progress: null };
    this.#running.set(this.#count, running);
    this.#count += 1;
    this.#places += planned.length;
    await source.publishes(this.open.flatMap((one) => one.job?.id ?? []));
    for (const listener of this.#listeners) listener(batch);
    this.#look();
    return true;
  }

  /** Null: there is no such batch, and will be none. */
  async #at(number: number): Promise<Running | null> {
    while (number >= this.#count) {
      if (this.#isOver) {
        if (this.#failure !== null) throw this.#failure;
        return null;
      }
      await this.#news.promise;
    }
    return this.#running.get(number) ?? null;
  }

  #placed(found: Placed, batch: Batch): Found {
    const one = batch.planned[found.place];
    if (one === undefined) throw new Error(`a result has no command: ${found.place}`);
    return { ...found, place: batch.from + found.place, one, batch };
  }

  async #shown(running: Running, place: number): Promise<void> {
    running.shown += 1;
    const one = running.batch.planned[place];
    if (one !== undefined) await this.#options.source.done(one);
  }

  async #end(running: Running, number: number): Promise<void> {
    const { job, planned } = running.batch;
    if (job !== null) this.#summary = summed(this.#summary, await job.summary(), running.batch);
    this.#running.delete(number);
    this.#endedPlaces += planned.length;
    running.end.abort();
  }

  #look(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}

/** What matters most comes first. */
const ENDS: readonly JobStatus[] = ['impure', 'failed', 'cancelled', 'partial', 'running', 'done'];

/** The figures of one job more. */
function summed(all: Summary | null, one: Summary, { from, gathering }: Batch): Summary {
  const skipped = one.skipped.map((index) => from + (gathering.places[index] ?? index));
  if (all === null) return from === 0 ? one : { ...one, skipped };
  const accepted = all.accepted + one.accepted;
  const evaluated = all.evaluated + one.evaluated;
  return {
    ...{ ...one, accepted, evaluated, skipped: [...all.skipped, ...skipped], certificate: null },
    status: ENDS.find((status) => [all.status, one.status].includes(status)) ?? one.status,
    acceptanceRate: evaluated === 0 ? 0 : accepted / evaluated,
    frontier: all.frontier + one.frontier,
    ...{ errors: all.errors + one.errors, ran: all.ran + one.ran },
    ...{ copies: Math.min(all.copies, one.copies), peers: Math.max(all.peers, one.peers) },
    seconds: all.seconds + one.seconds,
  };
}
