import { resolve } from 'node:path';
import { CommanderError } from 'commander';
import { defaultHome } from '../control/home.ts';
import { MeshError, type MeshErrorCode } from '../core/mesh-error.ts';
import { type Context, type Io, tell } from './context.ts';
import { EXIT, exitCodeOf } from './exit-code.ts';
import { buildProgram } from './program.ts';
import type { Verb } from './verb.ts';
import { VERBS } from './verbs.ts';

interface GlobalOptions {
  readonly home?: string;
  readonly json?: boolean;
}

/**
 * Runs one command line (without node and script) and resolves with its exit code. Every failure
 * is told in one line on stderr.
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let exitCode: number = EXIT.done;
  const program = buildProgram(VERBS, io, async (verb, args, options) => {
    exitCode = await runVerb(verb, args, options, io);
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    throw error;
  }
}

async function runVerb(
  verb: Verb,
  args: readonly unknown[],
  options: GlobalOptions,
  io: Io,
): Promise<number> {
  const { home: givenHome, json = false, ...own } = options;
  const home = givenHome === undefined ? defaultHome(io.env) : resolve(givenHome);
  const homeWords = givenHome === undefined ? '' : ` --home ${shellWord(givenHome)}`;
  const context: Context = { io, home, homeWords, json };
  try {
    // An unset variable in a script must not lead to the user's own home.
    if (givenHome === '') throw new MeshError('MESH_USAGE', '--home is empty; give a folder');
    return await verb.run(context, args, own);
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null)?.code === 'EPIPE') return EXIT.done;
    report(verb, error, context);
    return exitCodeOf(error);
  }
}

/** A word as sh takes it. */
function shellWord(text: string): string {
  return /^[\w./~+@%:,=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function report(verb: Verb, error: unknown, context: Context): void {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof MeshError ? error.code : codeOf(error);
  tell(context, `meshd ${verb.name}: ${message}`, {
    level: 'error',
    event: 'failed',
    code,
    message,
  });
  const unforeseen = code === 'MESH_INTERNAL' && error instanceof Error;
  if (unforeseen && context.io.env['MESHD_LOG'] === 'debug') {
    context.io.stderr.write(`${error.stack}\n`);
  }
}

function codeOf(error: unknown): MeshErrorCode {
  return error instanceof TypeError ? 'MESH_USAGE' : 'MESH_INTERNAL';
}
