import { createReadStream } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { MeshError } from '../../core/mesh-error.ts';
import { MAX_JOBS, tooMany } from '../parallel/combinations.ts';
import { parseBlockTimeout } from '../parallel/delay.ts';
import {
  BLOCK_BYTES,
  type CutOptions,
  cutRecords,
  headerPattern,
  MAX_BLOCK_BYTES,
} from '../parallel/record-cutter.ts';
import { statsAt } from '../path-stats.ts';
import type { CommandFlags } from './flags.ts';

/** Parts of files for each slot when --block says nothing, as GNU parallel has it. */
const PARTS_PER_SLOT = -10;

/** Says whether commands get parts of stdin, or of a file, instead of arguments. */
export function isPiped({ pipe, pipepart }: CommandFlags): boolean {
  return pipe === true || pipepart === true;
}

/**
 * The blocks that stdin, or each file of --pipepart, is cut into, in order; those that are cut so
 * far are to be used before the next one is asked for.
 * @throws MeshError MESH_USAGE for options that do not go together; MESH_NO_FILE
 */
export async function* blocksOf(flags: CommandFlags, stdin: Readable): AsyncGenerator<Uint8Array> {
  const files = flags.pipepart === true ? (flags.argFile ?? []) : [null];
  let count = 0;
  for (const path of files) {
    const input = path === null ? stdin : bytesOf(path);
    for await (const block of cutRecords(input, cutOptions(flags, path))) {
      count += 1;
      if (count > MAX_JOBS) throw tooMany('stdin is cut into more than 10 000 000 blocks');
      yield block;
    }
  }
}

/** What is wrong with the options of a piped run. @throws MeshError MESH_USAGE */
export function checkPiping(
  flags: CommandFlags,
  command: readonly string[],
  sources: number,
): void {
  const { pipepart, argFile = [], block, maxLines, halt } = flags;
  if (!isPiped(flags)) {
    const only = Object.entries(OF_BLOCKS).find(
      ([name]) => flags[name as keyof typeof OF_BLOCKS] !== undefined,
    );
    if (only !== undefined) {
      throw usage(`${only[1]} is for --pipe or --pipepart: give one of them`);
    }
    if (flags.header !== undefined && flags.header !== ':') {
      const text = `--header ${flags.header}: only : is supported without --pipe`;
      throw usage(`${text}: the first argument of each source`);
    }
    return;
  }
  const option = pipepart === true ? '--pipepart' : '--pipe';
  if (command.length === 0) {
    throw usage(`${option} needs a command that reads its stdin, such as \`wc -l\``);
  }
  if (sources > 0) throw usage(`${option} cuts stdin, or files of -a: leave ::: and :::: out`);
  if (pipepart === true && argFile.length === 0) throw usage('--pipepart needs a file: -a FILE');
  if (pipepart !== true && argFile.length > 0) {
    throw usage('--pipe reads stdin: give < FILE, or --pipepart -a FILE');
  }
  if (pipepart === true && (recordsOf(flags) !== null || maxLines !== undefined)) {
    throw usage('--pipepart cuts by --block alone: for -N or -L give --pipe < FILE');
  }
  if (pipepart === true && (flags.regexp ?? flags.blockTimeout) !== undefined) {
    const option = flags.regexp === true ? '--regexp' : '--block-timeout';
    throw usage(`${option} is for --pipe: give --pipe < FILE`);
  }
  if (pipepart !== true && block !== undefined && block < 0) {
    throw usage('--block below 0 is for --pipepart: give a size, such as 10M');
  }
  if (halt?.endsWith('%') === true) {
    throw usage(`--halt ${halt}: how many blocks there will be is not known: give a number`);
  }
  const refused = Object.entries(OF_ARGUMENTS).find(
    ([name]) => flags[name as keyof typeof OF_ARGUMENTS] !== undefined,
  );
  if (refused !== undefined) throw usage(`${refused[1]} is for arguments; ${option} has none`);
  if ((flags.cat === true || flags.fifo === true) && flags.quote === true) {
    const option = flags.cat === true ? '--cat' : '--fifo';
    throw usage(`-q would quote what ${option} puts in for {}: leave one of them out`);
  }
  if (flags.runIfEmpty === false)
    throw usage('-r leaves out arguments: use `grep .` before --pipe');
}

/** Options that say how stdin is cut, and given. */
const OF_BLOCKS = {
  ...{ block: '--block', recend: '--recend', recstart: '--recstart', rrs: '--rrs', cat: '--cat' },
  ...{ regexp: '--regexp', blockTimeout: '--block-timeout', fifo: '--fifo' },
} as const satisfies Partial<Record<keyof CommandFlags, string>>;

/** Options that say how arguments are read, and what they are called. */
const OF_ARGUMENTS = {
  null: '-0',
  X: '-X',
  m: '-m',
  eof: '-E',
  maxChars: '-s',
  xargs: '--xargs',
  link: '--link',
  shuf: '--shuf',
  trim: '--trim',
  delimiter: '--delimiter',
  colsep: '--colsep',
  transfer: '--transfer',
} as const satisfies Partial<Record<keyof CommandFlags, string>>;

function recordsOf({ maxReplaceArgs, maxArgs }: CommandFlags): number | null {
  return maxReplaceArgs ?? maxArgs ?? null;
}

function cutOptions(flags: CommandFlags, path: string | null): CutOptions {
  const { recend, recstart, maxLines, blockTimeout } = flags;
  const isPattern = flags.regexp === true;
  const read = isPattern ? (text: string): string => text : unescaped;
  const block = flags.block ?? (path === null ? BLOCK_BYTES : PARTS_PER_SLOT);
  const records = recordsOf(flags);
  if (records === 0) throw usage('-N 0 makes no blocks: give 1 or more');
  return {
    blockBytes: block < 0 ? shareOf(block, flags) : block,
    records,
    lines: maxLines ?? null,
    // Where only one of them is given, it alone stands between records.
    end:
      isPattern && recend === ''
        ? '[\\s\\S]'
        : read(recend ?? (recstart === undefined ? '\n' : '')),
    start: read(recstart ?? ''),
    ...(isPattern ? { isPattern } : {}),
    ...(blockTimeout === undefined ? {} : { blockMs: parseBlockTimeout(blockTimeout) }),
    atLeast: path !== null,
    bare: flags.rrs === true,
    ...(flags.header === undefined ? {} : { header: headerPattern(flags.header) }),
  };
}

/** So many blocks for each slot, of all files. */
function shareOf(block: number, { jobs = 0, argFile = [] }: CommandFlags): number {
  const slots = jobs === 0 ? availableParallelism() : jobs;
  const sizes = argFile.map((path) => statsAt(path, '--pipepart -a')?.size ?? 0);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const share = Math.floor(bytes / (slots * -block)) + 1;
  if (share <= MAX_BLOCK_BYTES) return share;
  throw usage(`--block ${block}: a block would have more than 1 GiB: give a number further from 0`);
}

/** As printf writes them: `\n`, `\t`, `\r`, `\0`, `\\`. */
function unescaped(text: string): string {
  const signs: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0' };
  return text.replace(/\\([0rnt'"\\])/g, (_, sign: string) => signs[sign] ?? sign);
}

async function* bytesOf(path: string): AsyncGenerator<Buffer> {
  const found = statsAt(path, '--pipepart -a');
  if (found !== undefined && !found.isFile() && !found.isDirectory()) {
    // It has no size to cut by, and a device no end.
    throw usage(`--pipepart -a ${path}: that is no regular file: give --pipe < FILE`);
  }
  try {
    for await (const piece of createReadStream(path, { highWaterMark: 2 ** 20 })) {
      yield piece as Buffer;
    }
  } catch (cause) {
    const text = `${path}: it cannot be read (${(cause as Error).message})`;
    throw new MeshError('MESH_NO_FILE', text, { cause });
  }
}

function usage(text: string): MeshError {
  return new MeshError('MESH_USAGE', text);
}
