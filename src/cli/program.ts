import { styleText } from 'node:util';
import { Argument, Command, Option } from 'commander';
import { VERSION } from '../node/version.ts';
import type { Io } from './context.ts';
import { EXIT_HELP } from './exit-code.ts';
import { type Flag, type ForeignFlag, GLOBAL_FLAGS, type Positional, type Verb } from './verb.ts';

type Act = (verb: Verb, args: readonly unknown[], options: object) => Promise<void>;

/** The command line as commander parses it, from the table of verbs. */
export function buildProgram(verbs: readonly Verb[], io: Io, act: Act): Command {
  const program = new Command('meshd');
  configure(program, io);
  program
    .description('A peer-to-peer worker mesh without a master.')
    .usage('<command> [options]')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help, or that of a command')
    .enablePositionalOptions()
    .addHelpText('after', () => mainHelp());
  for (const flag of GLOBAL_FLAGS) program.addOption(option(flag));
  program.commandsGroup('Shell:');
  for (const verb of verbs) {
    const command = program.command(verb.name).helpGroup(`${verb.group}:`);
    command.summary(verb.summary).description(description(verb));
    command.allowExcessArguments(false);
    command.configureOutput({ outputError: oneLine(`meshd ${verb.name}`) });
    for (const positional of verb.positionals) command.addArgument(argument(positional));
    for (const flag of verb.flags) addFlag(command, flag);
    for (const flag of verb.foreign ?? []) addForeign(command, flag);
    // They may stand behind the command's name as well; the help has them among the global ones.
    for (const flag of GLOBAL_FLAGS) command.addOption(option(flag).hideHelp());
    if (verb.passesThrough === true) command.passThroughOptions();
    if (verb.examples.length > 0) command.addHelpText('after', () => examples(verb.examples));
    command.action(async () => {
      checkRequired(command, verb);
      await act(verb, command.processedArgs, command.optsWithGlobals());
    });
  }
  return program;
}

function configure(program: Command, io: Io): void {
  program.exitOverride();
  program.configureHelp({
    showGlobalOptions: true,
    styleTitle: (text) => styleText('bold', text, { stream: io.stdout }),
  });
  program.configureOutput({
    writeOut: (text) => void io.stdout.write(text),
    writeErr: (text) => void io.stderr.write(text),
    getOutHelpWidth: () => io.stdout.columns ?? 80,
    getErrHelpWidth: () => io.stderr.columns ?? 80,
    getOutHasColors: () => hasColors(io),
    getErrHasColors: () => false,
    outputError: oneLine('meshd'),
  });
}

/** A suggestion comes on a line of its own; here every error is one line. */
function oneLine(prefix: string): (text: string, write: (text: string) => void) => void {
  return (text, write) => {
    const line = text.trim().replace(/^error: /, '');
    write(`${prefix}: ${line.replace(/\s*\n\s*/g, ' ')}\n`);
  };
}

/** Not left to commander, which would tell of a missing option before a mistyped one. */
function checkRequired(command: Command, verb: Verb): void {
  for (const { flags, required, help } of verb.flags) {
    const given = command.getOptionValue(new Option(flags).attributeName());
    if (required && given === undefined) command.error(`it needs ${flags}: ${help}`);
  }
}

function hasColors({ stdout, env }: Io): boolean {
  return stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

function argument({ name, help, parse }: Positional): Argument {
  const made = new Argument(name, help);
  if (parse) made.argParser(parse);
  return made;
}

function addFlag(command: Command, flag: Flag): void {
  const named = option(flag);
  command.addOption(named);
  for (const flags of flag.also ?? []) {
    const other = option({ ...flag, flags }).hideHelp();
    other.attributeName = () => named.attributeName();
    command.addOption(other);
  }
}

function addForeign(command: Command, { flags, instead }: ForeignFlag): void {
  const shown = flags.replace(', ', '/');
  // Its value, if any, is not to be taken for the command.
  const known = new Option(instead === null ? flags : `${flags} [value]`).hideHelp();
  command.addOption(known);
  if (instead === null) return;
  command.on(`option:${known.name()}`, () => {
    command.error(`${shown} is not supported: ${instead}`);
  });
}

function option({ flags, help, parse, many }: Flag): Option {
  const made = new Option(flags, help);
  const one = parse ?? ((text: string): unknown => text);
  if (many) {
    made.argParser((text: string, before: unknown) => {
      const list = Array.isArray(before) ? before : [];
      return [...list, one(text)];
    });
  } else if (parse) {
    made.argParser(parse);
  }
  return made;
}

function description({ summary, notes }: Verb): string {
  const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  return notes === undefined ? sentence : `${sentence}\n\n${notes}`;
}

function examples(lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

function mainHelp(): string {
  const codes = EXIT_HELP.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`);
  const shown = [
    'meshd publish examples/pi.js --accept 1000     # on this machine, nothing to set up',
    'meshd start                                    # this machine becomes a peer of a mesh',
    'meshd join meshd1…                             # the next machine joins it',
    'meshd jobs                                     # what runs',
  ];
  const variables = [
    'MESHD_HOME    as --home',
    'MESHD_INVITE  the invite of `join` without arguments',
    'MESHD_SECRET  the mesh secret of `join` with multiaddrs',
    'MESHD_LOG     level of the log on stderr: error, warn, info or debug',
    'NO_COLOR      no colours',
  ].map((line) => `  ${line}`);
  return [
    examples(shown),
    ['Environment:', ...variables].join('\n'),
    ['Exit codes:', ...codes].join('\n'),
  ].join('\n\n');
}
