import { MAX_VALUE_BYTES } from '../../core/column.ts';
import { MeshError } from '../../core/mesh-error.ts';
import { MAX_ITEMS_BYTES, type Submission } from '../../node/jobs/submission.ts';
import { type Terms, termsOf } from '../../node/jobs/terms.ts';
import { parseDelay, parseTimeout } from '../parallel/delay.ts';
import { neededOf } from '../publication-flags.ts';
import type { CommandFlags } from './flags.ts';
import { contentsOf } from './identity.ts';
import { isPiped } from './piping.ts';
import type { Planned } from './plan.ts';
import { isCleanup, isTransfer, type Offers } from './transfer.ts';

/** What one command may write when nothing else is said, in bytes. */
const MAX_OUTPUT_BYTES = 1_000_000_000;

const MAX_NAME_CHARS = 64;

/** Where commands are published from, and who gives their files. */
export interface SubmissionPlace {
  readonly env: NodeJS.ProcessEnv;
  readonly directory: string;
  readonly offers: Offers;
  /** 16 hexadecimal digits that name this run among others. */
  readonly run: string;
}

/**
 * The publication of commands. What they have in common stands in its program, and says with an
 * item's text which command it is; how they are run (tries, limits) stands in its parameters, and
 * does not. @throws MeshError MESH_USAGE
 */
export async function commandSubmission(
  planned: readonly Planned[],
  flags: CommandFlags,
  { env, directory, offers, run }: SubmissionPlace,
): Promise<Submission> {
  const sends = isTransfer(flags) || isPiped(flags);
  const common = {
    ...{ directory, environment: declared(flags.env ?? [], env) },
    ...(sends ? { transfer: true } : {}),
    ...(sends && !isTransfer(flags) ? { inPlace: true } : {}),
  };
  const manner = {
    tries: flags.retries ?? 1,
    ...limitOf(flags, run),
    outputBytes: flags.maxOutput ?? MAX_OUTPUT_BYTES,
    delayMs: flags.delay === undefined ? 0 : parseDelay(flags.delay),
    ...liveForm(flags),
    ...(isCleanup(flags) ? { cleanup: true } : {}),
  };
  return {
    program: new TextEncoder().encode(JSON.stringify(common)),
    sources: null,
    name: flags.name ?? nameOf(planned[0]?.command ?? ''),
    params: JSON.stringify(manner),
    seed: 0,
    target: {
      kind: 'map',
      items: await itemsOf(planned, directory, sends ? offers : null),
    },
    maxEvals: null,
    deadlineMs: flags.deadline ?? null,
    limits: { timeoutMs: null, memoryBytes: flags.memory ?? null },
    ...placed(termsOf(neededOf(flags)), isTransfer(flags) ? null : directory),
    maxErrors: null,
    fresh: false,
    commands: true,
    priority: flags.priority ?? 0,
  };
}

/** Where files do not travel, commands read and write in the user's folder. */
function placed(terms: Terms, directory: string | null): Terms {
  if (directory === null) return terms;
  const writes = [...new Set([...terms.needs.writes, directory])].sort();
  return { ...terms, needs: { ...terms.needs, writes } };
}

/** The time that a command has. */
function limitOf({ timeout }: CommandFlags, run: string): object {
  if (timeout === undefined) return { timeoutMs: null };
  const limit = parseTimeout(timeout);
  return 'ms' in limit ? { timeoutMs: limit.ms } : { timeoutMs: null, median: { ...limit, run } };
}

/** How the commands' output is told while they run. */
function liveForm({ lineBuffer, ungroup }: CommandFlags): { live?: 'lines' | 'bytes' } {
  if (ungroup === true) return { live: 'bytes' };
  return lineBuffer === true ? { live: 'lines' } : {};
}

function declared(names: readonly string[], env: NodeJS.ProcessEnv): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of [...names].sort()) {
    const value = env[name];
    if (value === undefined) {
      const why =
        env[`BASH_FUNC_${name}%%`] === undefined
          ? 'this shell exports no such variable'
          : 'functions of a shell are not passed on; put it into a script';
      throw new MeshError('MESH_USAGE', `--env ${name}: ${why}`);
    }
    found[name] = value;
  }
  return found;
}

async function itemsOf(
  planned: readonly Planned[],
  directory: string,
  offers: Offers | null,
): Promise<string[]> {
  let bytes = 0;
  const items: string[] = [];
  const add = ({ seq, command }: Planned, inputs: object): void => {
    const item = JSON.stringify({ command, ...inputs });
    const size = Buffer.byteLength(item);
    if (size > MAX_VALUE_BYTES) {
      throw new MeshError('MESH_USAGE', `command ${seq} is longer than 1 MiB; give it a file`);
    }
    bytes += size;
    if (bytes > MAX_ITEMS_BYTES) {
      throw new MeshError('MESH_USAGE', 'the commands exceed 256 MiB; run them in parts');
    }
    items.push(item);
  };
  for (const one of planned) {
    add(one, offers === null ? inputsOf(one, directory) : await sentOf(one, offers));
  }
  return items;
}

/** What says, beside its text, which command it is: what the files hold that it is given. */
function inputsOf({ args, files }: Planned, directory: string): object {
  const inputs = contentsOf(args, directory);
  return { ...(Object.keys(inputs).length === 0 ? {} : { inputs }), ...returnsOf(files) };
}

/** The same of a command whose files are sent. */
async function sentOf({ files }: Planned, offers: Offers): Promise<object> {
  const block = files.block === undefined ? {} : { block: files.block };
  return { sends: await offers.sent(files), ...returnsOf(files), ...block };
}

function returnsOf({ returns }: Planned['files']): object {
  return returns.length === 0 ? {} : { returns };
}

function nameOf(command: string): string {
  const text = command.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return text === '' || text === '.' || text === '..' ? 'run' : text.slice(0, MAX_NAME_CHARS);
}
