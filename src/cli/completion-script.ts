import { type Completion, type Flag, GLOBAL_FLAGS, type Verb } from './verb.ts';

/** A completion script for a shell, from the table of commands; it starts no meshd when it runs. */
export function completionScript(shell: 'bash' | 'zsh' | 'fish', verbs: readonly Verb[]): string {
  switch (shell) {
    case 'bash':
      return bash(verbs);
    case 'zsh':
      return zsh(verbs);
    case 'fish':
      return fish(verbs);
  }
}

function bash(verbs: readonly Verb[]): string {
  const cases = verbs.map((verb) => {
    const long = flagsOf(verb).map(longOf).join(' ');
    return `    ${verb.name}) options='${long}' words='${wordsOf(verb)}' ;;`;
  });
  const files = valuesThatAre('file', verbs).join('|');
  const folders = valuesThatAre('folder', verbs).join('|');
  const others = valuesThatAre(undefined, verbs).join('|');
  return `# bash completion of meshd
_meshd() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local verb='' options='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${verbs.map(({ name }) => name).join('|')}) verb=$word; break ;; esac
  done
  case $previous in
    ${files}) COMPREPLY=($(compgen -f -- "$current")); return ;;
    ${folders}) COMPREPLY=($(compgen -d -- "$current")); return ;;
    ${others}) COMPREPLY=(); return ;;
  esac
  case $verb in
${cases.join('\n')}
    *) options='${GLOBAL_FLAGS.map(longOf).join(' ')} --help --version'
       words='${verbs.map(({ name }) => name).join(' ')}' ;;
  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$current"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  else
    COMPREPLY=($(compgen -f -- "$current"))
  fi
}
complete -o filenames -F _meshd meshd
`;
}

function zsh(verbs: readonly Verb[]): string {
  const described = verbs.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`);
  const cases = verbs.map((verb) => {
    const flags = flagsOf(verb).map((flag) => {
      const value = valueName(flag);
      const many = flag.many ? '*' : '';
      const tail = value === null ? '' : `:${value}:${zshAction(flag.complete)}`;
      return `        ${quote(`${many}${longOf(flag)}[${zshText(flag.help)}]${tail}`)}`;
    });
    const positionals = verb.positionals.map(({ name, complete }) => {
      const rest = name.includes('...') ? '*' : '';
      return `        ${quote(`${rest}:${name.replace(/[<>[\].]/g, '')}:${zshAction(complete)}`)}`;
    });
    return `    ${verb.name})\n      _arguments \\\n${[...flags, ...positionals].join(' \\\n')} ;;`;
  });
  return `#compdef meshd
_meshd() {
  local -a verbs=(
${described.join('\n')}
  )
  local state line
  _arguments -C '--home[folder that holds all state]:dir:_files -/' '--json[JSON lines]' \\
    '--help' '--version' '1:command:->verb' '*::argument:->rest'
  case $state in
    verb) _describe command verbs ;;
    rest) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}
if [[ $funcstack[1] == _meshd ]]; then _meshd "$@"; else compdef _meshd meshd; fi
`;
}

function fish(verbs: readonly Verb[]): string {
  const lines = ['# fish completion of meshd', 'complete -c meshd -f'];
  for (const flag of GLOBAL_FLAGS) lines.push(`complete -c meshd${fishFlag(flag)}`);
  for (const verb of verbs) {
    const { name, summary, flags, positionals } = verb;
    lines.push(`complete -c meshd -n __fish_use_subcommand -a ${name} -d ${quote(summary)}`);
    const seen = `complete -c meshd -n '__fish_seen_subcommand_from ${name}'`;
    for (const flag of flags) lines.push(`${seen}${fishFlag(flag)}`);
    if (positionals.some(({ complete }) => complete === 'file')) lines.push(`${seen} -F`);
    const words = wordsOf(verb);
    if (words !== '') lines.push(`${seen} -a ${quote(words)}`);
  }
  return `${lines.join('\n')}\n`;
}

function fishFlag(flag: Flag): string {
  const files = flag.complete === 'file' || flag.complete === 'folder' ? ' -F' : '';
  const value = valueName(flag) === null ? '' : ' -r';
  const name = longOf(flag);
  const option = name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`;
  return ` ${option} -d ${quote(flag.help)}${value}${files}`;
}

function flagsOf(verb: Verb): readonly Flag[] {
  return [...verb.flags, ...GLOBAL_FLAGS, { flags: '--help', help: 'print this help' }];
}

function longOf({ flags }: Flag): string {
  return /--[a-z-]+/.exec(flags)?.[0] ?? flags;
}

/** The name of a flag's value; null when it takes none. */
function valueName({ flags }: Flag): string | null {
  return /<(.+)>/.exec(flags)?.[1] ?? null;
}

function valuesThatAre(what: Completion | undefined, verbs: readonly Verb[]): string[] {
  const all = [...verbs.flatMap(({ flags }) => flags), ...GLOBAL_FLAGS];
  const found = all.filter((flag) => valueName(flag) !== null && flag.complete === what);
  return [...new Set(found.map(longOf))];
}

function wordsOf({ positionals }: Verb): string {
  return positionals
    .flatMap(({ complete }) => (typeof complete === 'object' ? complete : []))
    .join(' ');
}

function zshAction(complete: Completion | undefined): string {
  if (complete === 'file') return '_files';
  if (complete === 'folder') return '_files -/';
  return complete === undefined ? ' ' : `(${complete.join(' ')})`;
}

function zshText(text: string): string {
  return text.replace(/[[\]:]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
