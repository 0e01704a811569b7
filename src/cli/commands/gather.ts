import { randomBytes } from 'node:crypto';
import type { Submission, Submitter } from '../../node/jobs/submission.ts';
import type { Job, ResultLine, WaitOptions } from '../../node/mesh.ts';
import { type CommandValue, hasSucceeded } from '../../node/reports/command-result.ts';
import { resultsAsKnown } from './as-known.ts';
import { areAsLeft } from './left-files.ts';

/** A longer list of them is not published. */
const MOST_PARTINGS = 20_000;

/** Where a command's result comes from. */
export type Source =
  | { readonly kind: 'known'; readonly value: CommandValue }
  | { readonly kind: 'run'; readonly job: string; readonly index: number };

/** What became of one command; value is absent where it came to no end. */
export interface Result {
  readonly value: CommandValue | undefined;
  /** It was known from an earlier run. */
  readonly known: boolean;
  /** Why there is no value although it ran. */
  readonly lost?: string;
}

/** A result and its command's place. */
export interface Placed extends Result {
  readonly place: number;
}

/** What a mesh does for commands. */
export type CommandMesh = Submitter & { job(reference: string): Promise<Job> };

/** Commands on their way to their results. */
export interface Gathering {
  /** The job that was published; null when all was known, or is under way in other jobs. */
  readonly job: Job | null;
  /** Other jobs that run some of the commands, or that may. */
  readonly others: ReadonlySet<string>;
  /** Of each of the job's commands its place in the submission. */
  readonly places: readonly number[];
  /**
   * One result for each command, in the submission's order. What a job that was ended early still
   * came to is looked for once `settled` is.
   */
  results(settled?: Promise<unknown>): AsyncGenerator<Placed>;
  /** The same as they become known, each with its place in the submission. */
  asKnown(settled?: Promise<unknown>): AsyncGenerator<Placed>;
}

/**
 * Publishes those of a submission's commands that did not succeed before, and gathers what all come
 * to. One that succeeded is not run again unless a file that it names is another one since; one
 * that another job is about to run is waited for. force: all run.
 */
export async function gather(
  mesh: CommandMesh,
  submission: Submission,
  options: WaitOptions & {
    readonly force: boolean;
    /** Jobs published from then on do not count as earlier runs, in ms since 1970. */
    readonly before?: number;
    /**
     * What other jobs are about to run is waited for. Where they may be ended by who published
     * them, it is published again: of equal lists all the same nothing runs twice. @default true
     */
    readonly waits?: boolean;
    /** The number of each command. @default its place, from 1 */
    readonly seqs?: readonly number[];
    /** Nobody else's job is the same, though its commands are. @default false */
    readonly isApart?: boolean;
    /** Gives up a publication. @default signal */
    readonly giveUp?: AbortSignal;
    /** Where the commands run. @default this process's folder */
    readonly directory?: string;
    readonly onWarning?: (line: string) => void;
  },
): Promise<Gathering> {
  const { target } = submission;
  const items = target.kind === 'map' ? target.items : [];
  const sources = new Array<Source | undefined>(items.length);
  let hasRun = options.force || options.isApart === true;
  for await (const found of options.force ? [] : mesh.recall(submission, options)) {
    const { item, job, index } = found;
    if (sources[item]?.kind === 'known') continue;
    const value = found.value as CommandValue | undefined;
    if (found.isOver === true) hasRun = true;
    else if (value === undefined) {
      if (options.waits !== false) sources[item] ??= { kind: 'run', job, index };
    } else if (hasSucceeded(value) && areAsLeft(value, options.directory))
      sources[item] = { kind: 'known', value };
    else hasRun = true;
  }
  const left = items.flatMap((text, place) =>
    sources[place] === undefined ? [{ text, place }] : [],
  );
  const jobs = new Map<string, Lines>();
  let job: Job | null = null;
  if (left.length > 0) {
    // A list that ran before would be known with its failures, those without an outcome too.
    const generation = hasRun ? { generation: randomBytes(8).toString('hex') } : {};
    const given = JSON.parse(submission.params) as object;
    const seqs = partings(left.map(({ place }) => options.seqs?.[place] ?? place + 1));
    const numbers = seqs.length === 0 ? {} : { seqs };
    const params = JSON.stringify({ ...given, ...generation, ...numbers });
    const rest = left.map(({ text }) => text);
    const again = { ...submission, params, target: { kind: 'map' as const, items: rest } };
    const { giveUp = options.signal } = options;
    job = await mesh.submit(again, { ...options, ...(giveUp ? { signal: giveUp } : {}) });
    const { id } = job;
    for (const [index, { place }] of left.entries())
      sources[place] = { kind: 'run', job: id, index };
    jobs.set(id, new Lines(job, options));
  }
  const linesOf = async (id: string): Promise<Lines> => {
    const lines = jobs.get(id) ?? new Lines(await mesh.job(id), options);
    jobs.set(id, lines);
    return lines;
  };
  const jobOf = async (id: string): Promise<Job> => (id === job?.id ? job : mesh.job(id));
  return {
    job,
    others: new Set(
      sources.flatMap((source) =>
        source?.kind === 'run' && source.job !== job?.id ? source.job : [],
      ),
    ),
    places: left.map(({ place }) => place),
    results: (settled) => resultsOf(sources, linesOf, settled),
    asKnown: (settled) => resultsAsKnown(sources, jobOf, { ...options, settled }),
  };
}

/** Where numbers stop being one above their places, or beside the ones before. @see CommandSpec */
function partings(seqs: readonly number[]): [place: number, seq: number][] {
  const found: [number, number][] = [];
  let expected = 1;
  for (const [place, seq] of seqs.entries()) {
    if (seq !== expected) found.push([place, seq]);
    expected = seq + 1;
  }
  // So many would not fit into the parameters; their number is then that in their job.
  return found.length > MOST_PARTINGS ? [] : found;
}

/** What a line has of a command's result; undefined for one that never came. */
export function resultIn(line: ResultLine | undefined): Pick<Result, 'value' | 'lost'> {
  if (line === undefined) return { value: undefined };
  if ('value' in line) return { value: line.value as CommandValue };
  const isLost = line.error === 'value lost';
  return {
    value: undefined,
    lost: isLost ? 'its result is lost with the machine that had it' : line.error,
  };
}

async function* resultsOf(
  sources: readonly (Source | undefined)[],
  linesOf: (job: string) => Promise<Lines>,
  settled: Promise<unknown> | undefined,
): AsyncGenerator<Placed> {
  for (const [place, source] of sources.entries()) {
    if (source === undefined) continue;
    if (source.kind === 'known') {
      yield { place, value: source.value, known: true };
      continue;
    }
    const line = await (await linesOf(source.job)).at(source.index, settled);
    yield { place, ...resultIn(line), known: false };
  }
}

/** The lines of one job by index, read as far as they are asked for. */
class Lines {
  readonly #job: Job;
  readonly #options: WaitOptions;
  readonly #lines: AsyncIterator<ResultLine>;
  readonly #kept = new Map<number, ResultLine>();
  #read = -1;

  constructor(job: Job, { signal }: WaitOptions) {
    this.#job = job;
    this.#options = signal === undefined ? {} : { signal };
    this.#lines = job.results({ ...this.#options, follow: true })[Symbol.asyncIterator]();
  }

  /** Undefined when the job ended without it. */
  async at(index: number, settled?: Promise<unknown>): Promise<ResultLine | undefined> {
    while (this.#read < index) {
      const next = await this.#lines.next();
      if (next.done === true) {
        await settled;
        await this.#readRest();
        break;
      }
      this.#read = next.value.index;
      this.#kept.set(next.value.index, next.value);
    }
    const line = this.#kept.get(index);
    this.#kept.delete(index);
    return line;
  }

  /** A job that was ended early has no line behind its first gap; it may have run what is there. */
  async #readRest(): Promise<void> {
    const rest = this.#job.results({ ...this.#options, follow: false, asKnown: true });
    for await (const line of rest) if (line.index > this.#read) this.#kept.set(line.index, line);
    this.#read = Number.POSITIVE_INFINITY;
  }
}
