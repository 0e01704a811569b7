/** Longer commands are not looked at: they take their time anyway. */
const MOST_CHARACTERS = 4096;

/** What begins something else than a simple command, in any shell. */
const RESERVED = [
  ...['if', 'then', 'elif', 'else', 'fi', 'do', 'done', 'case', 'esac', 'while', 'until', 'for'],
  ...['in', 'select', 'function', 'time', 'coproc'],
];

// Of the characters outside quotes none means anything to a shell's parser. A variable's name after
// `$` is made of such characters, too.
const VARIABLE = '\\$(?=[A-Za-z_])';
const QUOTED = `'[^']*'|"(?:[^"$\`\\\\]|${VARIABLE})*"`;
const WORD = `(?:[\\w./:@%+,=*?~^-]|${VARIABLE}|${QUOTED})+`;
const REDIRECTION = `[0-9]?(?:>&[0-9]|(?:>>?|<) *${WORD})`;
// Blanks stand between all parts, so that a text has one reading: else a match could take for ever
// to fail.
const SIMPLE = `(?!(?:${RESERVED.join('|')})(?:[ ;|&]|$))${WORD}(?: +(?:${REDIRECTION}|${WORD}))*`;
const PLAIN = new RegExp(`^ *${SIMPLE}(?: *(?:&&|\\|\\|?|;) *${SIMPLE})* *$`);

/**
 * Says whether a command is simple commands only, in one line, joined by `&&`, `||`, `|` and `;`,
 * and made of nothing that a shell could find at fault when it parses the line. It then leaves
 * nothing running, unless a program of it does.
 */
export function isPlainCommand(command: string): boolean {
  return command.length <= MOST_CHARACTERS && PLAIN.test(command);
}
