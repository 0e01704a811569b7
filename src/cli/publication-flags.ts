import { MAX_CPUS } from '../core/needs.ts';
import {
  candidateIndex,
  displayName,
  durationMs,
  jobPriority,
  machineTag,
  memorySize,
  perSecond,
  wholeNumber,
} from './option-values.ts';
import type { Flag, Positional } from './verb.ts';

/** What a job needs of a machine, and how fast it may go. */
export interface NeedFlags {
  readonly cpus?: number;
  readonly needs?: readonly string[];
  readonly allowNet?: boolean;
  readonly allowRead?: readonly string[];
  readonly allowWrite?: readonly string[];
  /** Candidates a second. */
  readonly rate?: number;
  readonly logIf?: string;
}

/** The options that `publish` and `map` share. */
export interface PublicationFlags extends NeedFlags {
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

/** What a job needs of a machine, and how fast it may go; `run` has them, too. */
export const NEED_FLAGS: readonly Flag[] = [
  {
    flags: '--cpus <n>',
    help: 'slots that each takes; machines with fewer do not run it (default: 1)',
    parse: wholeNumber(1, MAX_CPUS),
  },
  {
    flags: '--needs <tag>',
    help: 'run only on machines that were started with this --tag; several times',
    parse: machineTag,
    many: true,
  },
  { flags: '--allow-net', help: 'it opens connections: run only where the machine grants that' },
  {
    flags: '--allow-read <path>',
    help: 'it reads this: run only where the machine grants that; several times',
    many: true,
    complete: 'file',
  },
  {
    flags: '--allow-write <path>',
    help: 'it writes this: run only where the machine grants that; several times',
    many: true,
    complete: 'file',
  },
  {
    flags: '--rate <rate>',
    help: 'begin so many on all machines together: 100/s, 30/m or 5/h (default: as it can)',
    parse: perSecond,
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
    help: 'most memory of one executor and what it starts, from 128MB on (default: no limit)',
    parse: memorySize,
  },
  {
    flags: '--max-errors <n>',
    help: 'fail when more candidates below the end throw (default: any number may)',
    parse: wholeNumber(0, 2 ** 31),
  },
  { flags: '--fresh', help: 'evaluate each candidate in a process of its own' },
  {
    flags: '--log-if <expr>',
    help: 'keep the logs where this is true, of value, ms, index and outcome: "value?.x > 3"',
  },
  ...NEED_FLAGS,
  { flags: '--priority <p>', help: '-10 to 10 (default: 0)', parse: jobPriority },
  {
    flags: '--name <name>',
    help: 'name of the job (default: that of the file)',
    parse: displayName,
  },
  ...OUTPUT_FLAGS,
  { flags: '--detach', help: 'print the job’s id and leave it to the running peer' },
];

/** What it needs of a machine, as the library has it. */
export function neededOf(flags: NeedFlags): NeedFlags {
  const { cpus, needs, allowNet, allowRead, allowWrite, rate, logIf } = flags;
  return {
    ...(cpus === undefined ? {} : { cpus }),
    ...(needs === undefined ? {} : { needs }),
    ...(allowNet === undefined ? {} : { allowNet }),
    ...(allowRead === undefined ? {} : { allowRead }),
    ...(allowWrite === undefined ? {} : { allowWrite }),
    ...(rate === undefined ? {} : { rate }),
    ...(logIf === undefined ? {} : { logIf }),
  };
}
