import { MeshError } from '../../core/mesh-error.ts';

/** Arguments and jobs that one command line can have. */
export const MAX_JOBS = 10_000_000;
/** Arguments of all jobs together; a column, and an argument in each job that has it, counts. */
export const MAX_ARGUMENTS = 40_000_000;

/** One source's records, each of one argument or of its columns. */
export interface LinkedRecords {
  readonly records: string[][];
  /** Goes with the source before it, one to one. */
  readonly linked: boolean;
}

/**
 * The arguments of each job: every combination of the sources, of which linked ones go together and
 * end with the shortest; with `link` all go together up to the longest, and the others begin again.
 * @throws MeshError MESH_USAGE for too many, before they are built
 */
export function combine(
  sources: readonly LinkedRecords[],
  { link, maxArgs }: { readonly link: boolean; readonly maxArgs: number | null },
): string[][] {
  if (sources.every(({ records }) => records.length === 0)) return [];
  const filled = sources.map(({ records, linked }) => ({
    records: records.length === 0 ? [['']] : records,
    linked,
  }));
  const records = link ? recycled(filled) : products(groupsOf(filled));
  if (maxArgs === null || maxArgs === 1) return records;
  return maxArgs === 0 ? records.map(() => []) : flattened(records, maxArgs);
}

function recycled(sources: readonly LinkedRecords[]): string[][] {
  const parts = sources.map(({ records }) => ({ records, length: records.length, stride: 1 }));
  const longest = parts.reduce((most, { length }) => Math.max(most, length), 0);
  return filledUp(longest, parts);
}

interface Group {
  readonly sources: LinkedRecords[];
  length: number;
}

function groupsOf(sources: readonly LinkedRecords[]): Group[] {
  const groups: Group[] = [];
  for (const source of sources) {
    const last = groups.at(-1);
    if (last === undefined || !source.linked) {
      groups.push({ sources: [source], length: source.records.length });
    } else {
      last.sources.push(source);
      last.length = Math.min(last.length, source.records.length);
    }
  }
  return groups;
}

function products(groups: readonly Group[]): string[][] {
  const jobs = groups.reduce((product, { length }) => product * length, 1);
  if (jobs > MAX_JOBS) {
    const lengths = groups.map(({ length }) => length).join(' × ');
    throw tooMany(`the sources make ${lengths} = ${jobs} jobs`);
  }
  let stride = jobs;
  const columns = groups.flatMap(({ sources, length }) => {
    stride /= length;
    const every = stride;
    return sources.map(({ records }) => ({ records, length, stride: every }));
  });
  return filledUp(jobs, columns);
}

/** A source's part of the jobs: each of the first `length` records for `stride` jobs, in rounds. */
interface Part {
  readonly records: string[][];
  readonly length: number;
  readonly stride: number;
}

function filledUp(jobs: number, parts: readonly Part[]): string[][] {
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) return only.records;
  let count = 0;
  for (let k = 0; k < jobs; k += 1) {
    for (const part of parts) count += recordOf(part, k).length;
    if (count > MAX_ARGUMENTS) throw tooManyArguments();
  }
  const filled: string[][] = [];
  const none: string[] = [];
  for (let k = 0; k < jobs; k += 1) {
    // Unlike push, concat takes no more memory than the job needs.
    filled.push(none.concat(...parts.map((part) => recordOf(part, k))));
  }
  return filled;
}

function recordOf({ records, length, stride }: Part, k: number): string[] {
  return records[Math.floor(k / stride) % length] ?? [];
}

/** So many records for each job. */
export function flattened(records: readonly string[][], size: number): string[][] {
  const jobs: string[][] = [];
  for (let k = 0; k < records.length; k += size) jobs.push(records.slice(k, k + size).flat());
  return jobs;
}

/** That no more than 10 000 000 jobs are taken. */
export function tooMany(what: string): MeshError {
  return new MeshError('MESH_USAGE', `${what}; 10 000 000 jobs is the limit: run them in parts`);
}

/** That the jobs have too many arguments together. */
export function tooManyArguments(): MeshError {
  const text = 'the jobs have more than 40 000 000 arguments together; run them in parts';
  return new MeshError('MESH_USAGE', text);
}
