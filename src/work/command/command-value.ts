import { isUtf8 } from 'node:buffer';
import type { NamedFiles } from './named-files.ts';
import type { MovedOutput, Output } from './output-file.ts';
import type { MadeFile, Returned } from './returned-files.ts';
import type { ShellResult } from './shell.ts';

/**
 * The longest JSON text of an output that is told as text. Two of them leave room in a value. A
 * base64 of the outputs that are held is shorter in any case.
 */
const MOST_TEXT_BYTES = 440 * 1024;
/** Bytes of JSON that a byte of text becomes at most: a control character as \u001b. */
const MOST_ESCAPE = 6;

/** What a run of a command left. Its JSON text is shorter than 900 KiB. */
export interface CommandValue {
  /** As GNU parallel logs it: 0 with a signal, −1 for a command that was ended for a limit. */
  readonly exit: number;
  readonly signal: number;
  /** An output as text; one that is empty is left out. */
  readonly stdout?: string;
  readonly stderr?: string;
  /** An output that is no UTF-8, or far longer as JSON. */
  readonly stdoutBase64?: string;
  readonly stderrBase64?: string;
  /** An output of more than 256 KiB, on the machine where the command ran. */
  readonly stdoutFile?: MovedOutput;
  readonly stderrFile?: MovedOutput;
  /** The limit that ended it; files: its inputs or outputs are not as they should be. */
  readonly ended?: 'timeout' | 'output' | 'files';
  /** With `ended` files: what is wrong, one line. */
  readonly problem?: string;
  /** Seconds since 1970, of the last try; 3 decimals. */
  readonly started: number;
  /** How long the last try took; 3 decimals. */
  readonly seconds: number;
  readonly tries: number;
  /** How it left the files that its text names; left out when there are none. */
  readonly files?: NamedFiles;
  /** Outputs that are fetched from who made them, by their names in its working folder. */
  readonly outputs?: Readonly<Record<string, MadeFile>>;
  /** The name of the machine where it ran, as who tells the value knows it; left out here. */
  readonly peer?: string;
}

/** How a command ended by itself, or at a limit of its job. */
export interface CommandResult extends ShellResult {
  readonly ended: Exclude<ShellResult['ended'], 'folder'>;
}

/** The value of a command that was tried so often, and at last ended so and left these files. */
export function commandValue(
  result: CommandResult,
  tries: number,
  named: NamedFiles,
  { files: declared, outputs = {}, problem }: Returned,
): CommandValue {
  const files = { ...named, ...declared };
  // A command that failed need not have made its outputs.
  const isDone = result.ended === 'exit' && result.exit === 0 && result.signal === 0;
  const { exit, signal, stdout, stderr, ended, started, ms } = result;
  return {
    exit,
    signal,
    ...outputFields('stdout', stdout),
    ...outputFields('stderr', stderr),
    ...(ended === 'exit' ? {} : { ended }),
    ...(isDone && problem !== undefined ? { ended: 'files', problem } : {}),
    started: started / 1000,
    seconds: Math.round(ms) / 1000,
    tries,
    ...(Object.keys(files).length === 0 ? {} : { files }),
    ...(Object.keys(outputs).length === 0 ? {} : { outputs }),
  };
}

/** The value of a command that could not even begin. */
export function notRun(problem: string): CommandValue {
  const started = Date.now() / 1000;
  return { exit: -1, signal: 0, ended: 'files', problem, started, seconds: 0, tries: 0 };
}

type OutputFields = Pick<
  CommandValue,
  'stdout' | 'stderr' | 'stdoutBase64' | 'stderrBase64' | 'stdoutFile' | 'stderrFile'
>;

function outputFields(name: 'stdout' | 'stderr', output: Output): OutputFields {
  if (!(output instanceof Uint8Array)) return { [`${name}File`]: output };
  if (output.length === 0) return {};
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.length);
  const text = isUtf8(bytes) ? bytes.toString('utf8') : null;
  if (text === null || !isShortAsJson(text, bytes.length)) {
    return { [`${name}Base64`]: bytes.toString('base64') };
  }
  return { [name]: text };
}

function isShortAsJson(text: string, bytes: number): boolean {
  if (bytes * MOST_ESCAPE <= MOST_TEXT_BYTES) return true;
  return Buffer.byteLength(JSON.stringify(text)) <= MOST_TEXT_BYTES;
}
