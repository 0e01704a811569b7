import { MeshError } from '../../core/mesh-error.ts';

/** Bytes of a command that systems take in any case, its end included. */
export const FITTING_BYTES = 131_072;

/** How many arguments go into one command. */
export interface FittingOptions {
  /** Its bytes at most, with one for its end (-s). @default FITTING_BYTES */
  readonly mostBytes?: number | undefined;
  /** Arguments at most (-n, -N). @default any number */
  readonly mostArgs?: number | undefined;
  /** What is in the last command is spread over so many (-X, -m); 1 leaves it (--xargs). */
  readonly spread: number;
}

/**
 * Arguments, taken together as far as their command fits, in order. bytesOf: how long the command
 * of these is, which has the number seq. Each takes a few calls of it.
 * @throws MeshError MESH_USAGE for an argument that does not fit alone
 */
export function fitted(
  args: readonly string[],
  bytesOf: (args: readonly string[], seq: number) => number,
  { mostBytes = FITTING_BYTES, mostArgs = Number.POSITIVE_INFINITY, spread }: FittingOptions,
): string[][] {
  const jobs: string[][] = [];
  for (let at = 0; at < args.length; ) {
    const seq = jobs.length + 1;
    const fits = (count: number): boolean => bytesOf(args.slice(at, at + count), seq) <= mostBytes;
    const left = Math.min(args.length - at, mostArgs);
    if (!fits(1)) {
      const bytes = bytesOf(args.slice(at, at + 1), seq);
      const most = `no more than ${mostBytes} are allowed (-s)`;
      const text = `argument ${at + 1} makes a command of ${bytes} bytes: ${most}`;
      throw new MeshError('MESH_USAGE', text);
    }
    // As many as were tried and fit, and as few as did not.
    let [good, bad] = [1, left + 1];
    for (let step = 1; good + step <= left && bad > left; step *= 2) {
      if (fits(good + step)) good += step;
      else bad = good + step;
    }
    while (bad - good > 1) {
      const middle = Math.floor((good + bad) / 2);
      if (fits(middle)) good = middle;
      else bad = middle;
    }
    jobs.push(args.slice(at, at + good));
    at += good;
  }
  return mostArgs === Number.POSITIVE_INFINITY ? spreadLast(jobs, spread) : jobs;
}

/** A last command that is not full leaves slots idle: its arguments go to all of them. */
function spreadLast(jobs: string[][], spread: number): string[][] {
  const last = jobs.pop() ?? [];
  const each = Math.ceil(last.length / spread);
  for (let k = 0; k < last.length; k += each) jobs.push(last.slice(k, k + each));
  return jobs;
}
