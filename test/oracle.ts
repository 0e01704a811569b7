import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { encode } from 'cborg';
import { createStreams, type Rng } from '../src/work/candidate/rng.ts';

/** What is asked of the oracle. */
export interface Question {
  /** Path of a function file that needs no bundling. */
  readonly fn: string;
  readonly seed?: number;
  readonly params?: unknown;
  readonly accept?: number;
  readonly items?: readonly unknown[];
  readonly maxEvals?: number;
  readonly skip?: readonly number[];
}

/** The answer of the sequential run: what any mesh must give bit for bit. */
export interface OracleAnswer {
  /** The lines, each with its line feed: the whole of stdout. */
  readonly stdout: string;
  readonly accepted: number;
  readonly evaluated: number;
  readonly values: unknown[];
  /** The certificate over this answer; computation as 64 hexadecimal digits. */
  certificate(computation: string): string;
}

interface Candidate {
  readonly rng: Rng;
  readonly index: number;
  readonly item: unknown;
  readonly params: unknown;
  readonly state: unknown;
  log(line: string): void;
}

/** One loop over the indices, no mesh, no batches, no processes. */
export async function oracle(question: Question): Promise<OracleAnswer> {
  const { seed = 0, params = null, accept, items, maxEvals = Number.MAX_SAFE_INTEGER } = question;
  const source = await readFile(resolve(question.fn));
  const digest = createHash('sha256').update(source).digest('hex');
  const module = (await import(`${pathToFileURL(resolve(question.fn)).href}?${digest}`)) as {
    default: (candidate: Candidate) => unknown;
  };
  const { rng, open } = createStreams(seed);
  const skip = new Set(question.skip ?? []);
  const bound = items?.length ?? maxEvals;
  const lines: string[] = [];
  const hashes: [number, Uint8Array][] = [];
  const values: unknown[] = [];
  let index = 0;
  const sha = (text: string): Uint8Array => createHash('sha256').update(text).digest();
  for (; index < bound && (accept === undefined || values.length < accept); index++) {
    if (skip.has(index)) continue;
    open(index);
    const item = items?.[index];
    const random = Math.random;
    Math.random = () => rng.uniform();
    try {
      const value = await module.default({ rng, index, item, params, state: undefined, log() {} });
      if (value === undefined) continue;
      const text = JSON.stringify(value);
      lines.push(`{"index":${index},"value":${text}}\n`);
      hashes.push([index, sha(text)]);
      values.push(value);
    } catch (error) {
      const { name } = error as Error;
      if (items === undefined) continue;
      lines.push(`${JSON.stringify({ index, error: name })}\n`);
      hashes.push([index, sha(`error ${name}`)]);
    } finally {
      Math.random = random;
    }
  }
  const target =
    items === undefined ? ['accept', accept, question.maxEvals ?? null] : ['map', items.length];
  const below = [...skip].filter((at) => at < index).sort((a, b) => a - b);
  return {
    stdout: lines.join(''),
    accepted: values.length,
    evaluated: index,
    values,
    certificate: (computation) =>
      createHash('sha256')
        .update(encode([Buffer.from(computation, 'hex'), target, below, hashes]))
        .digest('hex'),
  };
}
