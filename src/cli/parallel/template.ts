import { MeshError } from '../../core/mesh-error.ts';
import {
  formed,
  type Piece,
  type Placeholder,
  type Places,
  placeholderFinder,
  refuseUnsupported,
  SLOT_VARIABLE,
  withWholeExpressions,
} from './placeholders.ts';

/** How a template is expanded. */
export interface TemplateOptions extends Places {
  /** Quotes each word of the command as a whole, so that sh takes nothing in it as its own (-q). */
  readonly quote?: boolean;
  /** Puts arguments in as they are. @default false */
  readonly isRaw?: boolean;
  /** Adds ` {}` to a command without a placeholder. @default true */
  readonly adds?: boolean;
  /** Repeats the word around a placeholder for each argument, as -N does. @default false */
  readonly perArgument?: boolean;
}

/** The text for one job: its arguments, and its number from 1. */
export type Template = (args: readonly string[], seq: number) => string;

const EACH: Placeholder = { form: 'whole', position: null };
/** Between arguments of which -q makes words of their own; no argument has this character. */
const WORD_BREAK = '\0';

/**
 * What makes the command for sh of each job. Arguments are quoted, unless the command begins with a
 * placeholder or there is none: then they are commands. Without a placeholder ` {}` is added.
 * @throws MeshError MESH_USAGE for `{%}` with -q, Perl expressions and an empty replacement
 */
export function compileTemplate(
  command: readonly string[],
  { quote = false, adds = true, isRaw = false, ...options }: TemplateOptions = {},
): Template {
  const { perArgument = false } = options;
  refuseUnsupported(command.join(' '), options, { runs: true });
  const found = withWholeExpressions(command).map(placeholderFinder(options));
  if (adds && !found.some((pieces) => pieces.some(isPlaceholder))) found.push([EACH]);
  if (quote && found.some((pieces) => pieces.some(isSlot))) {
    const text = '-q quotes the command, and {%} is what sh replaces: leave one of them out';
    throw new MeshError('MESH_USAGE', text);
  }
  const words = withSlots(found);
  const isBare = beginsWithPlaceholder(words);
  const shown = quote || isBare || isRaw ? (text: string): string => text : quoteForShell;
  if (!quote) return compileWord(joined(words), { shown, perArgument, gap: ' ' });
  const parts = words.map((pieces) => ({
    isFixed: pieces.length === 0 || !pieces.every(isPlaceholder),
    text: compileWord(pieces, { shown, perArgument, gap: WORD_BREAK }),
  }));
  return (args, seq) =>
    parts
      .filter(({ isFixed }) => isFixed || args.length > 0)
      .flatMap(({ text }) => text(args, seq).split(WORD_BREAK))
      .map(quoteForShell)
      .join(' ');
}

/**
 * What makes a name of each job's arguments, nothing quoted; null if there is no placeholder in it.
 * @throws MeshError MESH_USAGE for `{%}`, Perl expressions and an empty replacement
 */
export function compileName(
  name: string,
  { perArgument = false, ...places }: Omit<TemplateOptions, 'quote'> = {},
): Template | null {
  refuseUnsupported(name, places);
  const pieces = placeholderFinder(places)(name);
  if (!pieces.some(isPlaceholder)) return null;
  return compileWord(pieces, { shown: (text) => text, perArgument, gap: ' ' });
}

/** The command for sh of one job; for many compile the template once. */
export function commandFor(
  command: readonly string[],
  args: readonly string[],
  seq: number,
  options: TemplateOptions = {},
): string {
  return compileTemplate(command, options)(args, seq);
}

function isPlaceholder(piece: Piece): piece is Placeholder {
  return typeof piece !== 'string';
}

function isSlot(piece: Piece): boolean {
  return isPlaceholder(piece) && piece.form === 'slot';
}

/** The variable in place of each slot's number, so that sh replaces it also between quotes. */
function withSlots(words: readonly Piece[][]): Piece[][] {
  let quote = '';
  return words.map((pieces) =>
    pieces.map((piece) => {
      if (isSlot(piece)) return quote === "'" ? `'"${SLOT_VARIABLE}"'` : SLOT_VARIABLE;
      if (typeof piece === 'string') quote = quoteBehind(piece, quote);
      return piece;
    }),
  );
}

/** The sign that sh has open behind a text; ''. before: the one before it. */
function quoteBehind(text: string, before: string): string {
  let quote = before;
  for (let k = 0; k < text.length; k++) {
    const sign = text[k] ?? '';
    if (sign === '\\' && quote !== "'") k += 1;
    else if (quote === '' && (sign === "'" || sign === '"')) quote = sign;
    else if (sign === quote) quote = '';
  }
  return quote;
}

/** The pieces of all words with a space between words. */
function joined(words: readonly Piece[][]): Piece[] {
  return words.flatMap((word, k) => (k === 0 ? word : [' ', ...word]));
}

/** Says that a placeholder is in the first word, and is not what `NAME=` sets a variable to. */
function beginsWithPlaceholder(words: readonly Piece[][]): boolean {
  const pieces = joined(words);
  const first = pieces.findIndex(isPlaceholder);
  return /^[^ \t\n=]*$/.test(pieces.slice(0, first).join(''));
}

interface WordOptions {
  readonly shown: (text: string) => string;
  readonly perArgument: boolean;
  /** Between what one placeholder makes of several arguments. */
  readonly gap: string;
}

function compileWord(pieces: readonly Piece[], options: WordOptions): Template {
  if (options.perArgument) return compileRepeated(pieces, options);
  const { shown, gap } = options;
  return (args, seq) => {
    let text = '';
    for (const piece of pieces) {
      if (typeof piece === 'string') text += piece;
      else if (!takesEach(piece)) text += single(piece, args, seq, shown);
      else text += args.map((argument) => shown(formed(piece.form, argument, seq))).join(gap);
    }
    return text;
  };
}

/** Repeats for each argument what stands between spaces, with the tab before it. */
function compileRepeated(pieces: readonly Piece[], { shown, gap }: WordOptions): Template {
  const units = unitsOf(pieces);
  const repeated = units.map((unit) => unit.some((one) => isPlaceholder(one) && takesEach(one)));
  return (args, seq) =>
    units
      .map((unit, k) => {
        const rounds = repeated[k] && args.length > 0 ? args : [undefined];
        return rounds.map((argument) => unitText(unit, argument, args, seq, shown)).join(gap);
      })
      .join('');
}

function unitsOf(pieces: readonly Piece[]): Piece[][] {
  const units: Piece[][] = [[]];
  for (const piece of pieces) {
    const parts = isPlaceholder(piece) ? [piece] : piece.split(/(?=[ \t])|(?<= )/);
    for (const part of parts) {
      if (part === ' ') units.push([part], []);
      else if (!isPlaceholder(part) && part.startsWith('\t')) units.push([part]);
      else units.at(-1)?.push(part);
    }
  }
  return units;
}

function unitText(
  unit: readonly Piece[],
  argument: string | undefined,
  args: readonly string[],
  seq: number,
  shown: (text: string) => string,
): string {
  let text = '';
  for (const piece of unit) {
    if (typeof piece === 'string') text += piece;
    else if (!takesEach(piece)) text += single(piece, args, seq, shown);
    else if (argument !== undefined) text += shown(formed(piece.form, argument, seq));
  }
  return text;
}

function takesEach({ form, position }: Placeholder): boolean {
  return position === null && form !== 'number';
}

/** The job's number, or what a position has; nothing beyond the arguments. */
function single(
  { form, position, count }: Placeholder,
  args: readonly string[],
  seq: number,
  shown: (text: string) => string,
): string {
  if (position === null) return String(count === undefined ? seq : count());
  const argument = args[position > 0 ? position - 1 : args.length + position];
  return argument === undefined ? '' : shown(formed(form, argument, seq));
}

/** The text as one word of sh, in the form that GNU parallel gives it. */
function quoteForShell(text: string): string {
  if (/^[-_.+a-zA-Z0-9/]+$/.test(text)) return text;
  if (!text.includes("'")) return `'${text}'`;
  const quoted = `'${text.replaceAll("'", `'"'"'`)}'`;
  return quoted.replace(/^''/, '').replace(/''$/, '');
}
