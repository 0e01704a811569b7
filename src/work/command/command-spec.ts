import { ProgramError } from '../candidate/load-program.ts';
import type { LiveForm } from './live-output.ts';

/** What the commands of a computation have in common. */
export interface CommandSpec {
  /** Absolute; each command starts in it. */
  readonly directory: string;
  /** Each runs in a folder that its peer makes; `directory` is its publisher's. @default false */
  readonly transfer?: boolean;
  /** Each runs in `directory` all the same: what was sent is its block. @default false */
  readonly inPlace?: boolean;
  /** Variables that the publisher declared, beside those of the machine. */
  readonly environment: Readonly<Record<string, string>>;
  /** How often a command that fails is tried in all, 1 … 1000. */
  readonly tries: number;
  /** Longest time of one try; null: none. */
  readonly timeoutMs: number | null;
  /** Beside that, a share of the median time of those that succeeded on its machine. */
  readonly median?: MedianLimit;
  /** The most that a command may write to one of its outputs; null: any amount. */
  readonly outputBytes: number | null;
  /** Least time between two starts in one executor. */
  readonly delayMs: number;
  /**
   * Where indices and the numbers of commands in their publisher's list part: from the first of
   * each pair on they go side by side. @default numbers are one above indices
   */
  readonly seqs?: readonly (readonly [index: number, seq: number])[];
  /** How their publisher is told what they write while they run. @default not at all */
  readonly live?: LiveForm;
}

/** A limit by what commands of the same run take. */
export interface MedianLimit {
  /** Of the median; above 0. */
  readonly share: number;
  /** 16 hexadecimal digits that name the run. */
  readonly run: string;
}

/** Variables of the machine that its commands see. */
const OF_MACHINE = /^(?:PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|TEMP|TMP)$/;

/** Variables of an executor. */
const OF_EXECUTOR = /^MESHD_(?:SCRATCH|EXECUTOR)$/;

/** Without these no program of Windows starts. */
const OF_WINDOWS = /^(?:SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE)$/;

/** The environment of commands: the machine's own in part, then what their publisher declared. */
export function commandEnvironment(
  own: NodeJS.ProcessEnv,
  declared: Readonly<Record<string, string>>,
  platform: NodeJS.Platform = process.platform,
): Record<string, string> {
  const environment: Record<string, string> = {};
  const isWindows = platform === 'win32';
  for (const [given, value] of Object.entries(own)) {
    // There `Path` and `PATH` are one variable.
    const name = isWindows ? given.toUpperCase() : given;
    const isSeen =
      OF_MACHINE.test(name) || OF_EXECUTOR.test(name) || (isWindows && OF_WINDOWS.test(name));
    if (value !== undefined && isSeen) environment[name] = value;
  }
  return { ...environment, ...declared };
}

/** Checks what was read. Fields that it does not know are left out. @throws ProgramError */
export function commandSpec(value: object): CommandSpec {
  const fields = value as Partial<Record<keyof CommandSpec, unknown>>;
  const { directory, environment, tries, timeoutMs, outputBytes, delayMs, live, seqs, median } =
    fields;
  if (typeof directory !== 'string' || directory === '') throw malformed('directory');
  if (!isTexts(environment)) throw malformed('environment');
  return {
    ...{ directory, environment },
    ...(fields.transfer === true ? { transfer: true } : {}),
    ...(fields.inPlace === true ? { inPlace: true } : {}),
    tries: whole('tries', tries, 1, 1000),
    timeoutMs: timeoutMs === null ? null : whole('timeoutMs', timeoutMs, 1),
    outputBytes: outputBytes === null ? null : whole('outputBytes', outputBytes, 0),
    delayMs: whole('delayMs', delayMs, 0),
    ...(isMedian(median) ? { median } : {}),
    ...(isSeqs(seqs) ? { seqs } : {}),
    ...(live === 'lines' || live === 'bytes' ? { live } : {}),
  };
}

function isMedian(value: unknown): value is MedianLimit {
  const { share, run } = (value ?? {}) as Partial<Record<keyof MedianLimit, unknown>>;
  return typeof share === 'number' && share > 0 && /^[0-9a-f]{16}$/.test(String(run));
}

function isSeqs(value: unknown): value is NonNullable<CommandSpec['seqs']> {
  if (!Array.isArray(value)) return false;
  return value.every((pair) => {
    return Array.isArray(pair) && pair.length === 2 && pair.every(Number.isSafeInteger);
  });
}

function isTexts(value: unknown): value is Record<string, string> {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).every(([name, text]) => name !== '' && typeof text === 'string');
}

function whole(
  field: string,
  value: unknown,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
    return value as number;
  }
  throw malformed(field);
}

function malformed(field: string): ProgramError {
  return new ProgramError(`the commands have no proper field ${field}`);
}
