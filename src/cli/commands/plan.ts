import { randomInt } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { MeshError } from '../../core/mesh-error.ts';
import { checkOutputs } from '../output-file.ts';
import { fitted } from '../parallel/fitting.ts';
import { refuseUnsupported } from '../parallel/placeholders.ts';
import { readTable, type Source, splitWords, streamSource } from '../parallel/sources.ts';
import { compileTemplate, type Template } from '../parallel/template.ts';
import { statsOfText } from '../path-stats.ts';
import { planBlocks } from './block-plan.ts';
import { doneBefore } from './done-before.ts';
import type { CommandFlags } from './flags.ts';
import { checkPiping, isPiped } from './piping.ts';
import { placesOf } from './places.ts';
import type { Spool } from './spool.ts';
import { filePlanner, type PlannedFiles } from './transfer.ts';

/** A command that is to run. */
export interface Planned {
  /** From 1 on, in the order of the arguments. */
  readonly seq: number;
  readonly args: readonly string[];
  readonly command: string;
  readonly files: PlannedFiles;
}

/** Commands that come as their input does, several at a time. */
export interface Coming {
  readonly commands: AsyncGenerator<readonly Planned[]>;
  /** Reads no further. */
  readonly close: () => void;
}

/** The commands of a command line, and what a header calls their arguments. */
export interface Plan {
  readonly planned: readonly Planned[];
  /** Those of blocks (--pipe), or of a source that is read while they run, as they come. */
  readonly coming?: Coming;
  readonly columns: readonly string[];
}

/**
 * The commands of a command line, without those that an earlier run did by its job log.
 * spool: keeps blocks of stdin (--pipe); null: they are counted only.
 */
export async function planCommands(
  words: readonly string[],
  flags: CommandFlags,
  stdin: Readable,
  spool: Spool | null = null,
): Promise<Plan> {
  const bad = words.find((word) => word.includes('\uFFFD'));
  if (bad !== undefined) {
    const text = `${JSON.stringify(bad)}: an argument that is no UTF-8 cannot be passed on`;
    throw new MeshError('MESH_USAGE', text);
  }
  const { command, sources } = splitWords(words, flags);
  const files = sources.flatMap((source) => (source.kind === 'file' ? [source.path] : []));
  checkOutputs(flags, [...files, ...(flags.argFile ?? [])]);
  if (flags.null === true && flags.delimiter !== undefined) {
    throw new MeshError(
      'MESH_USAGE',
      '-0 and --delimiter both say what ends an argument; give one',
    );
  }
  refuseUnsupported(command.join(' '), { ...placesOf(flags, []), total: () => 0 }, { runs: true });
  checkPiping(flags, command, sources.length);
  if (isPiped(flags)) {
    const commands = planBlocks(command, flags, stdin, spool);
    return { planned: [], coming: { commands, close: () => stdin.destroy() }, columns: [] };
  }
  const isFitted = checkFitting(flags);
  const reading = {
    delimiter: flags.null === true ? '\0' : delimiterOf(flags.delimiter),
    colsep: flags.colsep ?? null,
    maxArgs: isFitted ? null : (repeatedArgs(flags) ?? flags.maxArgs ?? null),
    skipBlank: flags.runIfEmpty === false,
    trim: flags.trim,
    eof: flags.eof,
  };
  const streamed = streamedSource(sources, command, flags);
  if (streamed !== null) {
    const stream = streamed === '-' ? stdin : createReadStream(streamed);
    const jobs = streamSource(stream, nameOf(streamed), reading);
    const commands = planStream(jobs, command, flags);
    return { planned: [], coming: { commands, close: () => stream.destroy() }, columns: [] };
  }
  const { columns, jobs: records } = await readTable(sources, {
    ...{ ...reading, stdin, argFiles: flags.argFile ?? [], link: flags.link === true },
    header: flags.header !== undefined,
  });
  if (flags.shuf === true) shuffle(records);
  let total = records.length;
  const template = templateOf(command, flags, columns, () => total);
  const jobs = isFitted ? fittedJobs(records, template, flags) : records;
  total = jobs.length;
  const plannedOf = planner(template, flags, columns);
  return { planned: jobs.flatMap((args, k) => plannedOf(args, k + 1)), columns };
}

function templateOf(
  command: readonly string[],
  flags: CommandFlags,
  columns: readonly string[],
  total: () => number,
): Template {
  return compileTemplate(command, {
    ...{ ...placesOf(flags, columns), total, quote: flags.quote === true },
    perArgument: flags.X === true || repeatedArgs(flags) !== undefined,
  });
}

/** What makes a job’s command; none of one that an earlier run did. */
function planner(
  template: Template,
  flags: CommandFlags,
  columns: readonly string[],
): (args: readonly string[], seq: number) => Planned[] {
  const done = doneBefore(flags, columns);
  const filesOf = filePlanner(flags, columns);
  return (args, seq) => {
    if (done(seq, args)) return [];
    const files = filesOf(args, seq);
    return [{ seq, args, files, command: template(files.args, seq) }];
  };
}

/** Options that ask for the whole list before anything runs. */
const OF_WHOLE = ['shuf', 'X', 'm', 'xargs', 'header', 'bar', 'eta', 'dryRun', 'detach'] as const;

/**
 * The file that is read while commands run: the only source, if it may be slow to end and nothing
 * asks for the whole list. `-` is stdin; null: all is read first.
 */
function streamedSource(
  sources: readonly Source[],
  command: readonly string[],
  flags: CommandFlags,
): string | null {
  const { argFile = [], halt } = flags;
  const [path = '-', ...others] = [
    ...argFile,
    ...sources.map((source) => (source.kind === 'file' ? source.path : null)),
  ];
  if (path === null || others.length > 0 || halt?.endsWith('%') === true) return null;
  if (OF_WHOLE.some((name) => flags[name] !== undefined)) return null;
  if (path !== '-' && statsOfText(path)?.isFIFO() !== true) return null;
  return command.join(' ').includes('{##}') ? null : path;
}

function nameOf(path: string): string {
  return path === '-' ? 'stdin' : `argument file ${path}`;
}

/** What is wrong with the options is found before anything is read. @throws MeshError MESH_USAGE */
function planStream(
  jobs: AsyncGenerator<string[][]>,
  command: readonly string[],
  flags: CommandFlags,
): AsyncGenerator<readonly Planned[]> {
  const plannedOf = planner(
    templateOf(command, flags, [], () => 0),
    flags,
    [],
  );
  return (async function* () {
    let seq = 0;
    for await (const some of jobs) {
      const planned: Planned[] = [];
      for (const args of some) {
        seq += 1;
        for (const one of plannedOf(args, seq)) planned.push(one);
      }
      if (planned.length > 0) yield planned;
    }
  })();
}

/** Arguments for each command where the word around their place is repeated. */
function repeatedArgs({ maxReplaceArgs, maxLines }: CommandFlags): number | undefined {
  return maxReplaceArgs ?? maxLines;
}

/** Says whether as many arguments as fit go into a command. @throws MeshError MESH_USAGE */
function checkFitting({ X, m, xargs, maxChars }: CommandFlags): boolean {
  const isFitted = X === true || m === true || xargs === true;
  if (maxChars === undefined || isFitted) return isFitted;
  const text = '-s says how long a command with as many arguments as fit may be: give -X or -m';
  throw new MeshError('MESH_USAGE', text);
}

function fittedJobs(
  records: readonly string[][],
  template: Template,
  flags: CommandFlags,
): string[][] {
  if (records.some(({ length }) => length !== 1)) {
    const text = '-X, -m and --xargs take one list of arguments, without columns; give -n or -N';
    throw new MeshError('MESH_USAGE', text);
  }
  const { jobs = availableParallelism(), xargs, maxChars } = flags;
  const mostArgs = repeatedArgs(flags) ?? flags.maxArgs;
  return fitted(
    records.map(([argument = '']) => argument),
    (args, seq) => Buffer.byteLength(template(args, seq)) + 1,
    { mostBytes: maxChars, mostArgs, spread: xargs === true ? 1 : Math.max(1, jobs) },
  );
}

/** In place, each order as likely (Fisher and Yates). */
function shuffle(jobs: string[][]): void {
  for (let k = jobs.length - 1; k > 0; k--) {
    const other = randomInt(k + 1);
    [jobs[k], jobs[other]] = [jobs[other] ?? [], jobs[k] ?? []];
  }
}

function delimiterOf(text: string | undefined): string {
  if (text === undefined) return '\n';
  const known = new Map([
    ['\\n', '\n'],
    ['\\t', '\t'],
    ['\\0', '\0'],
  ]);
  return known.get(text) ?? text;
}
