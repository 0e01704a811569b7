import { MeshError } from '../../core/mesh-error.ts';

/** What a placeholder takes of an argument; `number` is the job's own. */
type Form =
  | ('whole' | 'stem' | 'name' | 'folder' | 'nameStem' | 'number')
  | ('stem2' | 'stem3' | 'nameStem2' | 'nameStem3' | 'before' | 'ending' | 'ending2' | 'ending3');

/** A place in a word that an argument goes to. */
export interface Placeholder {
  readonly form: Form;
  /** From 1, or from the end below 0; null is every argument. */
  readonly position: number | null;
}

/** A text as it stands, or a placeholder. */
export type Piece = string | Placeholder;

const FORMS: readonly (readonly [text: string, form: Form])[] = [
  ['{.}', 'stem'],
  ['{/}', 'name'],
  ['{//}', 'folder'],
  ['{/.}', 'nameStem'],
  ['{#}', 'number'],
];

/** Those of --plus. */
const PLUS_FORMS: readonly (readonly [text: string, form: Form])[] = [
  ['{..}', 'stem2'],
  ['{...}', 'stem3'],
  ['{/..}', 'nameStem2'],
  ['{/...}', 'nameStem3'],
  ['{+/}', 'before'],
  ['{+.}', 'ending'],
  ['{+..}', 'ending2'],
  ['{+...}', 'ending3'],
];

/**
 * What splits words into pieces. `replacement` stands for each argument; it is `{}` unless -I
 * gives another, which may have numbers if it begins with `{`. `columns` are the names of the
 * first, second … argument (--header): `{name}`, `{name.}`. plus: also those of --plus.
 * @throws MeshError MESH_USAGE for an empty replacement
 */
export function placeholderFinder(
  replacement = '{}',
  columns: readonly string[] = [],
  plus: boolean = false,
): (word: string) => Piece[] {
  if (replacement === '') throw new MeshError('MESH_USAGE', '-I: the text is empty; give one: {}');
  const more = plus ? PLUS_FORMS : [];
  const forms = new Map<string, Form>([...FORMS, ...more, [replacement, 'whole']]);
  // The longest first, or one could be taken for the beginning of another.
  const texts = [...forms.keys()].sort((one, other) => other.length - one.length);
  const ends = texts.filter((text) => text.startsWith('{') && text !== '{#}');
  const numbered = ends.map((text) => escaped(text.slice(1))).join('|');
  const plain = texts.map(escaped).join('|');
  const positions = new Map(columns.map((name, k) => [name, k + 1] as const));
  const names = [...positions.keys()].filter((name) => !/^(?:-?\d*|#|\+?\/*\.*)$/.test(name));
  const named = names.sort((one, other) => other.length - one.length).map(escaped);
  const at = [`(?<position>-?\\d+)\\s*`, ...named.map((name) => `(?:${name})`)].join('|');
  const expression = new RegExp(`\\{(?<at>${at})(?<end>${numbered})|${plain}`, 'g');
  return (word) => {
    const pieces: Piece[] = [];
    let from = 0;
    for (const found of word.matchAll(expression)) {
      if (found.index > from) pieces.push(word.slice(from, found.index));
      const { at: name = '', end, position = positions.get(name)?.toString() } = found.groups ?? {};
      pieces.push({
        form: forms.get(end === undefined ? found[0] : `{${end}`) ?? 'whole',
        position: position === undefined || position === '0' ? null : Number(position),
      });
      from = found.index + found[0].length;
    }
    if (from < word.length) pieces.push(word.slice(from));
    return pieces;
  };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

/**
 * Refuses what GNU parallel would replace and this does not.
 * @throws MeshError MESH_USAGE for `{%}` and Perl expressions; with plus for what --plus makes of
 * texts in bash's way, and `{##}`
 */
export function refuseUnsupported(command: string, plus: boolean = false): void {
  if (/\{(?:-?\d+\s*)?%\}/.test(command)) {
    const text = '{%}: the number of a job slot has no meaning on many machines; use {#}';
    throw new MeshError('MESH_USAGE', text);
  }
  const ofBash = plus
    ? /\{-?\d*(?:##|:[^{}]+|#[^{}]+|%[^{}]+|\^[^{}]+|,[^{}]+)\}/.exec(command)
    : null;
  if (ofBash !== null) {
    const text = `${ofBash[0]}: only the parts of paths are there of --plus; let sh compute it`;
    throw new MeshError('MESH_USAGE', text);
  }
  const perl = /\{=.*?=\}/s.exec(command);
  if (perl === null) return;
  const text = `${perl[0]}: Perl expressions are not supported; compute it in the command`;
  throw new MeshError('MESH_USAGE', text);
}

/** What a form takes of an argument, as a text that is not quoted. */
export function formed(form: Form, argument: string, seq: number): string {
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
