import type { Readable } from 'node:stream';
import { MeshError } from '../../core/mesh-error.ts';
import { readJobLog } from '../parallel/job-log.ts';
import { readSources, splitWords } from '../parallel/sources.ts';
import { compileTemplate } from '../parallel/template.ts';
import type { CommandFlags } from './flags.ts';
import { filePlanner, type PlannedFiles } from './transfer.ts';

/** A command that is to run. */
export interface Planned {
  /** From 1 on, in the order of the arguments. */
  readonly seq: number;
  readonly args: readonly string[];
  readonly command: string;
  readonly files: PlannedFiles;
}

/** The commands of a command line, without those that a job log says are done. */
export async function planCommands(
  words: readonly string[],
  flags: CommandFlags,
  stdin: Readable,
): Promise<Planned[]> {
  const bad = words.find((word) => word.includes('\uFFFD'));
  if (bad !== undefined) {
    const text = `${JSON.stringify(bad)}: an argument that is no UTF-8 cannot be passed on`;
    throw new MeshError('MESH_USAGE', text);
  }
  const { command, sources } = splitWords(words);
  if (flags.null === true && flags.delimiter !== undefined) {
    throw new MeshError(
      'MESH_USAGE',
      '-0 and --delimiter both say what ends an argument; give one',
    );
  }
  const template = compileTemplate(command, {
    quote: flags.quote === true,
    perArgument: flags.maxArgs !== undefined,
    ...(flags.replace === undefined ? {} : { replacement: flags.replace }),
  });
  const lists = await readSources(sources, {
    stdin,
    argFiles: flags.argFile ?? [],
    delimiter: flags.null === true ? '\0' : delimiterOf(flags.delimiter),
    colsep: flags.colsep ?? null,
    maxArgs: flags.maxArgs ?? null,
    link: flags.link === true,
    skipBlank: flags.runIfEmpty === false,
  });
  const done = doneBefore(flags);
  const filesOf = filePlanner(flags);
  return lists.flatMap((args, k) => {
    const seq = k + 1;
    if (done(seq)) return [];
    const files = filesOf(args, seq);
    return [{ seq, args, files, command: template(files.args, seq) }];
  });
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

function doneBefore({ joblog, resume, resumeFailed }: CommandFlags): (seq: number) => boolean {
  if (resume !== true && resumeFailed !== true) return () => false;
  if (joblog === undefined) {
    const flag = resume === true ? '--resume' : '--resume-failed';
    throw new MeshError('MESH_USAGE', `${flag} needs --joblog FILE, the log to go on with`);
  }
  const log = readJobLog(joblog);
  return (seq) => {
    const entry = log.get(seq);
    if (entry === undefined) return false;
    return resumeFailed !== true || (entry.exit === 0 && entry.signal === 0);
  };
}
