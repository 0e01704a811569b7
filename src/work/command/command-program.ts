import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type CandidateInput,
  type LoadedProgram,
  ProgramError,
} from '../candidate/load-program.ts';
import { type CommandItem, commandItem } from './command-item.ts';
import { type CommandSpec, commandEnvironment } from './command-spec.ts';
import { type CommandResult, type CommandValue, commandValue, notRun } from './command-value.ts';
import { KeptInputs } from './kept-inputs.ts';
import type { LiveListener, LivePiece } from './live-output.ts';
import { logOutput } from './logged-output.ts';
import { namedFiles } from './named-files.ts';
import { lookForOutputs, takeLong, takeOutputs } from './returned-files.ts';
import { RuntimeBook } from './runtime-book.ts';
import { type RunOptions, Shell, type ShellResult } from './shell.ts';

/** A program whose candidates are commands. One call of `evaluate` at a time. */
export interface CommandProgram extends LoadedProgram {
  /** Kills what runs, and what commands left running. */
  close(): Promise<void>;
}

/** Who hears what the commands of a job write while they run, and knows what runs them. */
export interface LiveCommands extends Pick<LiveListener, 'ready'> {
  /** The number of this machine's slot, from 1. */
  slot(): number;
  tell(index: number, piece: LivePiece): void;
}

/**
 * Makes the program that runs the commands of a job.
 * folder: where the shell's files and long outputs lie; it exists. live: hears what they write
 * while they run, when the job says that its publisher wants to know.
 * @throws ProgramError when the commands' directory is none on this machine.
 */
export async function loadCommands(
  spec: CommandSpec,
  folder: string,
  live?: LiveCommands,
): Promise<CommandProgram> {
  const directory = runsApart(spec) ? folder : spec.directory;
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new ProgramError(`there is no folder ${directory} on this machine`);
  }
  const environment = commandEnvironment(process.env, spec.environment);
  const shell = new Shell({ directory, environment, folder });
  const { median } = spec;
  const book = median === undefined ? null : new RuntimeBook(join(folder, `${median.run}.times`));
  const run = spaced(shell, spec, live, book);
  return {
    // It is asked for its scratch folder, which commands know by their environment: it is there
    // then, and emptied after this one.
    evaluate: ({ index, item, log, scratch: _ }) =>
      lastTry(run, spec, { index, log, ...commandItem(item) }),
    accept: undefined,
    params: undefined,
    state: undefined,
    close: () => shell.close(),
  };
}

/** Says whether each command runs in a folder of its own. */
function runsApart({ transfer = false, inPlace = false }: CommandSpec): boolean {
  return transfer && !inPlace;
}

/** Runs a command once. @throws Error EDQUOT for one that fills its folder. */
type Run = (item: CommandItem, index: number) => Promise<CommandResult>;

/** Runs commands whose starts are `delayMs` apart. */
function spaced(
  shell: Shell,
  spec: CommandSpec,
  live: LiveCommands | undefined,
  book: RuntimeBook | null,
): Run {
  const { delayMs, timeoutMs, outputBytes, live: form, median } = spec;
  const timeoutNow = (): number | null => {
    const medianMs = book?.medianMs() ?? null;
    return medianMs === null ? timeoutMs : medianMs * (median?.share ?? 1);
  };
  const tellOf = (index: number): Pick<RunOptions, 'live'> => {
    if (live === undefined || form === undefined) return {};
    const tell = (piece: LivePiece): void => live.tell(index, piece);
    return { live: { form, ready: () => live.ready(), tell } };
  };
  let next = 0;
  return async ({ command, place, block }, index) => {
    // No longer than the delay, should the clock have been put back.
    const left = Math.min(next - Date.now(), delayMs);
    if (left > 0) await wait(left);
    const own = runsApart(spec) && place;
    const input = block && place && (place.block ?? join(place.folder, block.name));
    const variables = {
      ...{ MESHD_INDEX: String(index), PARALLEL_SEQ: String(seqOf(spec, index)) },
      PARALLEL_JOBSLOT: String(live?.slot() ?? 1),
      ...(input !== null && block?.isFile === true ? { PARALLEL_TMP: input } : {}),
    };
    const limits = {
      ...{ outputBytes, timeoutMs, ...(book === null ? {} : { timeoutNow }) },
      ...(own ? { directory: own.folder, folderBytes: own.mostBytes } : {}),
      ...(input === null || block?.isFile === true ? {} : { stdin: input }),
    };
    const result = await shell.run(command, { variables, ...limits, ...tellOf(index) });
    next = result.started + delayMs;
    if (result.exit === 0 && result.signal === 0) book?.note(result.ms);
    const { ended } = result;
    if (ended !== 'folder') return { ...result, ended };
    removeOutputs(result);
    throw overFolder(place?.mostBytes ?? 0);
  };
}

/** The number that a command has in its publisher's list. */
function seqOf({ seqs = [] }: CommandSpec, index: number): number {
  const [from, seq] = seqs.findLast(([first]) => first <= index) ?? [0, 1];
  return seq + index - from;
}

/** Runs a command until it succeeds or has no try left. */
async function lastTry(
  run: Run,
  spec: CommandSpec,
  item: CommandItem & Pick<CandidateInput, 'index' | 'log'>,
): Promise<CommandValue> {
  const { tries, directory, transfer = false } = spec;
  const { index, log, command, inputs, returns, place } = item;
  if (item.problem !== null) return notRun(item.problem);
  if (transfer && place === null) throw new TypeError('the command has no folder to run in');
  const kept = place === null || tries === 1 ? null : await KeptInputs.keep(place);
  for (let tried = 1; ; tried += 1) {
    const result = await run(item, index);
    const { exit, signal, started } = result;
    const isDone = exit === 0 && signal === 0;
    logOutput(result.stderr, log);
    if (!isDone && tries > 1) log(`try ${tried} of ${tries}: exit ${exit}, signal ${signal}`);
    if (isDone || tried >= tries) {
      kept?.drop();
      const naming = { directory, startedMs: started, inputs };
      const isApart = runsApart(spec);
      const named = isApart ? {} : namedFiles(command, naming);
      const returned =
        place !== null && isApart
          ? await takeOutputs(place, returns)
          : await lookForOutputs(directory, returns);
      if (place === null) return commandValue(result, tried, named, returned);
      const stdout = await takeLong(place, result.stdout);
      const stderr = await takeLong(place, result.stderr);
      return commandValue({ ...result, stdout, stderr }, tried, named, returned);
    }
    removeOutputs(result);
    await kept?.restore();
  }
}

/** It tells of this machine, which gives no more of its disk: another one may. */
function overFolder(mostBytes: number): Error {
  const text = `more than ${Math.round(mostBytes / 1e6)} MB in its working folder`;
  return Object.assign(new Error(text), { code: 'EDQUOT' });
}

/** Nobody hears of what a try wrote that was not the last. */
function removeOutputs({ stdout, stderr }: ShellResult): void {
  for (const output of [stdout, stderr]) {
    if (!(output instanceof Uint8Array)) rmSync(output.file, { force: true });
  }
}
