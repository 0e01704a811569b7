import { isPlainCommand } from './plain-command.ts';

/** What a shell line needs beside the command. */
export interface ShellLineParts {
  /** The program that is the shell, as it is found from there. */
  readonly shell: string;
  /** Set and exported for this command. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where it starts, absolute. @default where the shell is */
  readonly directory?: string;
  /** Path of the file that it reads. @default none: it has nothing to read */
  readonly stdin?: string;
  /** Paths of the files that its outputs are appended to. */
  readonly stdout: string;
  readonly stderr: string;
}

/** What asks for the shell's process id; in other places it does no harm. */
const OWN_ID = /\$\$|\$\{\$/;

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The text that makes a lasting shell run a command and write its exit status. A subshell keeps to
 * itself what the command does to its surroundings. The shell's own stdin and stdout are its pipes:
 * the redirections replace both before the command begins. Files are appended to since ext4 writes
 * a file that was emptied and filled again to the disk as soon as it is closed, in milliseconds.
 * @throws TypeError when a variable's name is none, or a text holds a NUL.
 */
export function shellLine(command: string, parts: ShellLineParts): string {
  const { shell, variables, directory, stdin, stdout, stderr } = parts;
  const settings = Object.entries(variables).map(([name, value]) => {
    if (!VARIABLE_NAME.test(name)) throw new TypeError(`no variable's name: ${name}`);
    return `${name}=${quoted(value)}`;
  });
  const exported = settings.length === 0 ? '' : `export ${settings.join(' ')};`;
  const read = stdin === undefined ? '/dev/null' : quoted(stdin);
  const redirected = `<${read} >>${quoted(stdout)} 2>>${quoted(stderr)}`;
  const moved = directory === undefined ? '' : `cd ${quoted(directory)}||exit 126;`;
  return `(${moved}${exported}${harmless(command, shell)})${redirected};echo $?\n`;
}

/**
 * A command that cannot harm the line around it: `eval` parses it alone, so that an open quote or a
 * stray bracket ends there, and the blank keeps a leading `-` from being an option. A plain command
 * needs none, and the subshell then becomes its last program: a fork less, of 1 ms on a busy
 * machine. In a subshell `$$` is its shell's process id, the same for all commands: one that asks
 * for it has a shell of its own.
 */
function harmless(command: string, shell: string): string {
  if (isPlainCommand(command)) return command;
  const whole = quoted(` ${command}`);
  return OWN_ID.test(command) ? `exec ${quoted(shell)} -c ${whole}` : `eval ${whole}`;
}

function quoted(text: string): string {
  if (text.includes('\0')) throw new TypeError('a shell takes no text with a NUL character');
  return `'${text.replaceAll("'", "'\\''")}'`;
}
