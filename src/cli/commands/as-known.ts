import type { Job, ResultLine, WaitOptions } from '../../node/mesh.ts';
import { type Placed, resultIn, type Source } from './gather.ts';

/** The lines of one job that are waited for. */
interface Awaited {
  readonly job: Job;
  readonly lines: AsyncIterator<ResultLine>;
  /** Places of the commands by the index that tells of them. */
  readonly places: Map<number, number[]>;
}

/**
 * Results of commands in the order in which they become known: at first those of earlier runs, at
 * last, without a value, those that came to no end.
 */
export async function* resultsAsKnown(
  sources: readonly (Source | undefined)[],
  jobOf: (id: string) => Promise<Job>,
  { signal, settled }: WaitOptions & { readonly settled?: Promise<unknown> | undefined },
): AsyncGenerator<Placed> {
  const wanted = new Map<string, Map<number, number[]>>();
  for (const [place, source] of sources.entries()) {
    if (source?.kind === 'known') yield { place, value: source.value, known: true };
    if (source?.kind !== 'run') continue;
    const places = wanted.get(source.job) ?? new Map<number, number[]>();
    wanted.set(source.job, places);
    places.set(source.index, [...(places.get(source.index) ?? []), place]);
  }
  const options = { follow: true, asKnown: true, ...(signal === undefined ? {} : { signal }) };
  const jobs = await Promise.all(
    [...wanted].map(async ([id, places]) => {
      const job = await jobOf(id);
      return { job, lines: job.results(options)[Symbol.asyncIterator](), places };
    }),
  );
  yield* merged(jobs);
  if (settled !== undefined) {
    await settled;
    for (const job of jobs) yield* lateOf(job, options);
  }
  for (const { places } of jobs) {
    for (const place of [...places.values()].flat().sort((a, b) => a - b)) {
      yield { place, value: undefined, known: false };
    }
  }
}

/** What became known behind the end of a job that was ended early. */
async function* lateOf({ job, places }: Awaited, options: WaitOptions): AsyncGenerator<Placed> {
  if (places.size === 0) return;
  for await (const line of job.results({ ...options, follow: false, asKnown: true })) {
    const result = resultIn(line);
    for (const place of places.get(line.index) ?? []) yield { place, ...result, known: false };
    places.delete(line.index);
  }
}

/** Takes out of `places` what is told. */
async function* merged(jobs: readonly Awaited[]): AsyncGenerator<Placed> {
  const next = async (job: Awaited) => ({ job, line: await job.lines.next() });
  const waiting = new Map(jobs.map((job) => [job, next(job)]));
  while (waiting.size > 0) {
    const { job, line } = await Promise.race(waiting.values());
    waiting.delete(job);
    if (line.done === true) continue;
    const { index } = line.value;
    const result = resultIn(line.value);
    for (const place of job.places.get(index) ?? []) yield { place, ...result, known: false };
    job.places.delete(index);
    if (job.places.size > 0) waiting.set(job, next(job));
    else await job.lines.return?.();
  }
}
