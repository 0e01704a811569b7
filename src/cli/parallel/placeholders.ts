import { MeshError } from '../../core/mesh-error.ts';
import { BASH_FORM, bashChange } from './bash-change.ts';
import { type Change, perlChange } from './perl-change.ts';

/** What a placeholder takes of an argument; `number` is the job's own. */
type Form =
  | ('whole' | 'stem' | 'name' | 'folder' | 'nameStem' | 'number' | 'slot')
  | ('stem2' | 'stem3' | 'nameStem2' | 'nameStem3' | 'before' | 'ending' | 'ending2' | 'ending3');

/** What sh replaces by the number of the slot. */
export const SLOT_VARIABLE: string = '$' + '{PARALLEL_JOBSLOT}';

/** A place in a word that an argument goes to. */
export interface Placeholder {
  readonly form: Form | Change;
  /** From 1, or from the end below 0; null is every argument. */
  readonly position: number | null;
  /** Gives the number in place of the job's own. */
  readonly count?: () => number;
}

/** A text as it stands, or a placeholder. */
export type Piece = string | Placeholder;

const FORMS: readonly (readonly [text: string, form: Form])[] = [
  ['{.}', 'stem'],
  ['{/}', 'name'],
  ['{//}', 'folder'],
  ['{/.}', 'nameStem'],
  ['{#}', 'number'],
  ['{%}', 'slot'],
];

/** Those of --plus. */
const PLUS_FORMS: readonly (readonly [text: string, form: Form])[] = [
  ['{##}', 'number'],
  ['{..}', 'stem2'],
  ['{...}', 'stem3'],
  ['{/..}', 'nameStem2'],
  ['{/...}', 'nameStem3'],
  ['{+/}', 'before'],
  ['{+.}', 'ending'],
  ['{+..}', 'ending2'],
  ['{+...}', 'ending3'],
];

/** What stands for an argument, or a part of it. */
export interface Places {
  /** In place of `{}` (-I); it may have numbers if it begins with `{`. @default '{}' */
  readonly replacement?: string;
  /** Names of the first, second … argument (--header): `{name}`, `{name.}`. @default none */
  readonly columns?: readonly string[];
  /** Takes the placeholders of --plus as well. @default false */
  readonly plus?: boolean;
  /** How many jobs there are, for `{##}`. @default unknown: it is refused */
  readonly total?: () => number;
  /** Others in place of `{.}`, `{/}`, `{//}`, `{/.}`, `{#}` and `{%}`, by these. @default none */
  readonly renamed?: Readonly<Record<string, string>>;
  /** A placeholder, a blank and a Perl expression, each (--rpl). @default none */
  readonly rules?: readonly string[];
}

/**
 * What splits words into pieces. @throws MeshError MESH_USAGE for an empty replacement, and for
 * Perl expressions that are not supported
 */
export function placeholderFinder(places: Places = {}): (word: string) => Piece[] {
  const { replacement = '{}', columns = [], total } = places;
  if (replacement === '') throw new MeshError('MESH_USAGE', '-I: the text is empty; give one: {}');
  const forms = formsOf(places, replacement);
  // The longest first, or one could be taken for the beginning of another.
  const texts = [...forms.keys()].sort((one, other) => other.length - one.length);
  const ends = texts.filter((text) => text.startsWith('{') && !/^\{[#%]#?\}$/.test(text));
  const numbered = ends.map((text) => escaped(text.slice(1))).join('|');
  const plain = texts.map(escaped).join('|');
  const positions = new Map(columns.map((name, k) => [name, k + 1] as const));
  const names = [...positions.keys()].filter((name) => !/^(?:-?\d*|#|\+?\/*\.*)$/.test(name));
  const named = names.sort((one, other) => other.length - one.length).map(escaped);
  const at = [`(?<position>-?\\d+)\\s*`, ...named.map((name) => `(?:${name})`)].join('|');
  const bash = places.plus === true ? `|\\{(?<of>-?\\d+)?\\s*(?<bash>${BASH_FORM.source})\\}` : '';
  const expression = new RegExp(
    `${PERL.source}|\\{(?<at>${at})(?<end>${numbered})|${plain}${bash}`,
    'gs',
  );
  return (word) => {
    const pieces: Piece[] = [];
    let from = 0;
    for (const found of word.matchAll(expression)) {
      if (found.index > from) pieces.push(word.slice(from, found.index));
      const {
        at: name = '',
        end,
        perl,
        argument,
        bash: inBash,
        of,
        ...groups
      } = found.groups ?? {};
      const position = groups['position'] ?? positions.get(name)?.toString() ?? argument ?? of;
      const change = perl === undefined ? null : changeOf(found[0], perl);
      const other = inBash === undefined ? null : bashChange(inBash);
      if (inBash !== undefined && other === null) throw notOfPlus(found[0]);
      pieces.push({
        form: change ?? other ?? forms.get(end === undefined ? found[0] : `{${end}`) ?? 'whole',
        position: position === undefined || position === '0' ? null : Number(position),
        ...(found[0] === '{##}' && total !== undefined ? { count: total } : {}),
      });
      from = found.index + found[0].length;
    }
    if (from < word.length) pieces.push(word.slice(from));
    return pieces;
  };
}

/** A Perl expression, and which argument it takes. */
const PERL = /\{=(?<argument>-?\d+)?(?<perl>(?:(?!\{=|=\}).)*)=\}/;

/** Words of a command, those that one Perl expression is spread over as one word. */
export function withWholeExpressions(words: readonly string[]): string[] {
  const whole: string[] = [];
  for (let k = 0; k < words.length; k += 1) {
    let text = words[k] ?? '';
    const end = words.findIndex((word, other) => other > k && word.includes('=}'));
    for (; end !== -1 && text.lastIndexOf('{=') > text.lastIndexOf('=}'); ) {
      k += 1;
      text += ` ${words[k]}`;
    }
    whole.push(text);
  }
  return whole;
}

function formsOf(
  { plus = false, renamed = {}, rules = [] }: Places,
  replacement: string,
): Map<string, Form | Change> {
  const forms = new Map<string, Form | Change>();
  for (const [text, form] of FORMS) forms.set(renamed[text] ?? text, form);
  for (const [text, form] of plus ? PLUS_FORMS : []) forms.set(text, form);
  forms.set(replacement, 'whole');
  for (const rule of rules) {
    const [, text, perl] = /^(\S+)\s(.*)$/s.exec(rule) ?? [];
    if (text === undefined || perl === undefined || /[()]/.test(text)) {
      const says = 'give a placeholder, a blank and an expression: {-} s/-.*//';
      throw new MeshError('MESH_USAGE', `--rpl ${rule}: ${says}`);
    }
    forms.set(text, changeOf(`--rpl ${rule}`, perl));
  }
  forms.delete('');
  return forms;
}

function changeOf(shown: string, perl: string): Change {
  const change = perlChange(perl);
  if (change !== null) return change;
  const text =
    `${shown}: of Perl only s/X/Y/, tr/x/y/, uc, lc and $_++ are there, without variables; ` +
    'let the command compute it';
  throw new MeshError('MESH_USAGE', text);
}

function notOfPlus(shown: string): MeshError {
  return new MeshError('MESH_USAGE', `${shown}: not there of --plus; let sh compute it`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/**
 * Refuses what GNU parallel would replace and this does not. runs: it is a command, not a name
 * that is made before the command runs. @default false
 * @throws MeshError MESH_USAGE for Perl expressions, `{%}` in names; with plus for `{##}` and
 * others
 */
export function refuseUnsupported(
  command: string,
  places: Places = {},
  { runs = false }: { readonly runs?: boolean } = {},
): void {
  const { plus = false, total, renamed = {} } = places;
  if (!runs && command.includes(renamed['{%}'] ?? '{%}')) {
    const text =
      '{%}: which slot runs a command is known once it runs; use {#}, or it in a command';
    throw new MeshError('MESH_USAGE', text);
  }
  const positional = /\{-?\d+\s*%\}/.exec(command)?.[0];
  if (positional !== undefined) {
    const text = `${positional}: a slot is no part of an argument; use {%}`;
    throw new MeshError('MESH_USAGE', text);
  }
  const unknown = plus ? /\{(?:##|0#|0%|choose_k|uniq|slot|host|sshlogin)\}/.exec(command) : null;
  const isKnown = unknown?.[0] === '{##}' && total !== undefined;
  if (unknown !== null && !isKnown) throw notOfPlus(unknown[0]);
  placeholderFinder({ plus })(command);
}

/** What a form takes of an argument, as a text that is not quoted. */
export function formed(form: Form | Change, argument: string, seq: number): string {
  if (typeof form === 'function') return form(argument);
  switch (form) {
    case 'whole':
      return argument;
    case 'stem':
      return stemOf(argument);
    case 'name':
      return nameOf(argument);
    case 'folder':
      return folderOf(argument);
    case 'nameStem':
      return stemOf(nameOf(argument));
    case 'number':
      return String(seq);
    case 'slot':
      return SLOT_VARIABLE;
    case 'stem2':
      return withoutEndings(argument, 2);
    case 'stem3':
      return withoutEndings(argument, 3);
    case 'nameStem2':
      return withoutEndings(nameOf(argument), 2);
    case 'nameStem3':
      return withoutEndings(nameOf(argument), 3);
    case 'before':
      return argument.slice(0, Math.max(0, argument.lastIndexOf('/')));
    case 'ending':
      return /\.([^.]*)$/s.exec(argument)?.[1] ?? '';
    case 'ending2':
      return /\.([^/.]*\.[^/.]*)$/.exec(argument)?.[1] ?? '';
    case 'ending3':
      return /\.([^/.]*\.[^/.]*\.[^/.]*)$/.exec(argument)?.[1] ?? '';
  }
}

/** Without so many extensions, if the last part of the path has as many. */
function withoutEndings(path: string, count: 2 | 3): string {
  return path.replace(count === 2 ? /(?:\.[^/.]*){2}$/ : /(?:\.[^/.]*){3}$/, '');
}

/** Without the extension: the last dot after the last slash, and what follows. */
function stemOf(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') ? path.slice(0, dot) : path;
}

/** Without the folder; of several lines the first with a slash loses its own, as in Perl. */
function nameOf(path: string): string {
  const slash = path.indexOf('/');
  if (slash === -1) return path;
  const start = path.lastIndexOf('\n', slash) + 1;
  const end = path.indexOf('\n', slash);
  const last = path.lastIndexOf('/', end === -1 ? path.length : end);
  return path.slice(0, start) + path.slice(last + 1);
}

/** The folder, as dirname(1) tells it. */
function folderOf(path: string): string {
  const folder = withoutSlashes(upToSlash(path));
  return path.endsWith('/') ? withoutSlashes(upToSlash(folder)) : folder;
}

function upToSlash(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : './';
}

function withoutSlashes(path: string): string {
  let end = path.length;
  while (end > 1 && path[end - 1] === '/') end -= 1;
  return path.slice(0, end);
}
