import {
  candidateIndex,
  displayName,
  durationMs,
  jobPriority,
  memorySize,
  wholeNumber,
} from './option-values.ts';
import type { Flag, Positional } from './verb.ts';

/** The options that `publish` and `map` share. */
export interface PublicationFlags {
  readonly seed?: number;
  readonly params?: string;
  readonly maxEvals?: number;
  readonly deadline?: number;
  readonly timeout?: number;
  readonly memory?: number;
  readonly maxErrors?: number;
  readonly fresh?: boolean;
  readonly priority?: number;
  readonly name?: string;
  readonly exec?: string;
  readonly out?: string;
  readonly summary?: string;
  readonly detach?: boolean;
}

export const FUNCTION: Positional = {
  name: '[fn]',
  help: 'the function file: ES module, TypeScript or CommonJS; its imports are bundled',
  complete: 'file',
};

/** Where results and the summary go. */
export const OUTPUT_FLAGS: readonly Flag[] = [
  { flags: '--out <file>', help: 'write the results there, not to stdout', complete: 'file' },
  {
    flags: '--summary <file>',
    help: 'write the answer in figures there: one JSON object',
    complete: 'file',
  },
];

export const PUBLICATION_FLAGS: readonly Flag[] = [
  {
    flags: '--exec <command>',
    help: 'instead of a function file: a worker in any language, a JSON line for each candidate',
  },
  { flags: '--seed <n>', help: '0 to 2^53 - 1 (default: 0)', parse: candidateIndex },
  { flags: '--params <json>', help: 'parameters as JSON, or @FILE', complete: 'file' },
  {
    flags: '--max-evals <n>',
    help: 'evaluate no index from this one on; exit 5 when that ends the job',
    parse: wholeNumber(1, Number.MAX_SAFE_INTEGER),
  },
  {
    flags: '--deadline <duration>',
    help: 'end with a partial answer after this time, such as 90s or 2h; exit 5',
    parse: durationMs,
  },
  {
    flags: '--timeout <duration>',
    help: 'longest time of one candidate, such as 30s; it is tried three times (default: none)',
    parse: durationMs,
  },
  {
    flags: '--memory <size>',
    help: 'most memory of one executor and what it starts, such as 512MB (default: no limit)',
    parse: memorySize,
  },
  {
    flags: '--max-errors <n>',
    help: 'fail when more candidates below the end throw (default: any number may)',
    parse: wholeNumber(0, 2 ** 31),
  },
  { flags: '--fresh', help: 'evaluate each candidate in a process of its own' },
  { flags: '--priority <p>', help: '-10 to 10 (default: 0)', parse: jobPriority },
  {
    flags: '--name <name>',
    help: 'name of the job (default: that of the file)',
    parse: displayName,
  },
  ...OUTPUT_FLAGS,
  { flags: '--detach', help: 'print the job’s id and leave it to the running peer' },
];
