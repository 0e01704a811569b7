import type { Readable } from 'node:stream';
import { MeshError } from '../../core/mesh-error.ts';
import { type ArgumentReader, argumentReader } from './argument-reader.ts';
import { columnSplitter } from './columns.ts';
import { combine, flattened, type LinkedRecords } from './combinations.ts';

/** A list of arguments on the command line, or a file of them, in the order of the words. */
export type Source = (
  | { readonly kind: 'arguments'; readonly values: readonly string[] }
  | { readonly kind: 'file'; readonly path: string }
) & {
  /** Goes with the source before it, one to one, as `:::+` and `::::+` say. */
  readonly linked: boolean;
};

/** How sources are read. */
export interface SourceOptions {
  readonly stdin: Readable;
  /** Files of --arg-file: sources before those of the words; `-` is stdin. */
  readonly argFiles: readonly string[];
  /** Ends each argument, those after `:::` too: `\n`, or NUL with -0. */
  readonly delimiter: string;
  /** A regular expression between the columns of an argument. */
  readonly colsep: string | null;
  /** Arguments of each source for one job (-N); 0 is one job for each, without arguments. */
  readonly maxArgs: number | null;
  /** All sources go together, one to one; the shorter ones begin again. */
  readonly link: boolean;
  /** Leaves out arguments that are white space or empty (-r). @default false */
  readonly skipBlank?: boolean;
  /** Of each argument, or column. @default 'n', and 'lr' of columns */
  readonly trim?: Trim | undefined;
  /** The argument before which a source ends (-E). @default none */
  readonly eof?: string | undefined;
  /** The first argument of each source names its columns (--header). @default false */
  readonly header?: boolean;
}

/** The arguments of each job, and what a header calls them. */
export interface Table {
  /** Names of the first, second … argument of a job; empty without a header. */
  readonly columns: readonly string[];
  readonly jobs: string[][];
}

/** At which ends of an argument white space is left out (--trim). */
export type Trim = 'n' | 'l' | 'r' | 'lr' | 'rl';

/** What begins a source, where it is another word than usual. */
export interface Separators {
  /** @default ':::' */
  readonly argSep?: string | undefined;
  /** @default '::::' */
  readonly argFileSep?: string | undefined;
}

/**
 * The command, and the sources that `:::`, `:::+`, `::::` and `::::+` begin.
 * @throws MeshError MESH_USAGE when no file follows `::::`
 */
export function splitWords(
  words: readonly string[],
  { argSep = ':::', argFileSep = '::::' }: Separators = {},
): { command: string[]; sources: Source[] } {
  const kinds = new Map<string, Omit<Begin, 'word'>>();
  for (const linked of [false, true]) {
    const end = linked ? '+' : '';
    kinds.set(argSep + end, { isFiles: false, linked });
    kinds.set(argFileSep + end, { isFiles: true, linked });
  }
  const first = words.findIndex((word) => kinds.has(word));
  if (first === -1) return { command: [...words], sources: [] };
  const sources: Source[] = [];
  for (let k = first; k < words.length; ) {
    const word = words[k] ?? '';
    const begin = { word, isFiles: false, linked: false, ...kinds.get(word) };
    const next = words.findIndex((one, index) => index > k && kinds.has(one));
    const values = words.slice(k + 1, next === -1 ? words.length : next);
    for (const source of sourcesOf(begin, values)) sources.push(source);
    k += values.length + 1;
  }
  return { command: words.slice(0, first), sources };
}

/** A word that begins sources. */
interface Begin {
  readonly word: string;
  readonly isFiles: boolean;
  readonly linked: boolean;
}

function sourcesOf({ word, isFiles, linked }: Begin, values: readonly string[]): Source[] {
  if (!isFiles) return [{ kind: 'arguments', values, linked }];
  if (values.length === 0) {
    throw new MeshError('MESH_USAGE', `${word}: no file follows it; name one, or - for stdin`);
  }
  return values.map((path) => ({ kind: 'file', path, linked }));
}

/**
 * The arguments of each job, in GNU parallel's order: the last source changes fastest. stdin is the
 * source when there is no other. Of several sources an empty one counts as one empty argument.
 * @throws MeshError MESH_NO_FILE for a file that cannot be read; MESH_USAGE for more than
 * 10 000 000 jobs, a NUL character, bytes that are no UTF-8, and a bad colsep or maxArgs
 */
export async function readSources(
  sources: readonly Source[],
  options: SourceOptions,
): Promise<string[][]> {
  return (await readTable(sources, options)).jobs;
}

/** The same with the names of the columns. */
export async function readTable(
  sources: readonly Source[],
  options: SourceOptions,
): Promise<Table> {
  const { argFiles, maxArgs, link } = options;
  checkMaxArgs(maxArgs);
  const files = argFiles.map((path): Source => ({ kind: 'file', path, linked: false }));
  const all: Source[] = [...files, ...sources];
  if (all.length === 0) all.push({ kind: 'file', path: '-', linked: false });
  if (all.filter((source) => source.kind === 'file' && source.path === '-').length > 1) {
    throw new MeshError('MESH_USAGE', 'stdin (-) is named as a source twice; it can be read once');
  }
  const recordsOf = recordMaker(options);
  const reader = argumentReader(options);
  const lists: LinkedRecords[] = [];
  for (const source of all) {
    const values = await valuesOf(source, options.stdin, reader);
    lists.push({ records: recordsOf(values), linked: source.linked });
  }
  const columns =
    options.header === true ? lists.flatMap(({ records }) => records.shift() ?? []) : [];
  return { columns, jobs: combine(lists, { link, maxArgs }) };
}

/**
 * The arguments of each job of one source without a header, as they come. name: of the source, for
 * messages. @throws MeshError as `readSources`
 */
export async function* streamSource(
  stream: Readable,
  name: string,
  options: Omit<SourceOptions, 'stdin' | 'argFiles' | 'link' | 'header'>,
): AsyncGenerator<string[][]> {
  const { maxArgs } = options;
  checkMaxArgs(maxArgs);
  const recordsOf = recordMaker(options);
  const size = maxArgs ?? 1;
  let open: string[][] = [];
  for await (const values of argumentReader(options).asTheyCome(stream, name)) {
    const records = recordsOf(values);
    if (size === 1) yield records;
    else if (size === 0) yield records.map(() => []);
    else {
      open = open.concat(records);
      yield flattened(open.splice(0, open.length - (open.length % size)), size);
    }
  }
  if (open.length > 0) yield flattened(open, size);
}

function checkMaxArgs(maxArgs: number | null): void {
  if (maxArgs === null || (Number.isSafeInteger(maxArgs) && maxArgs >= 0)) return;
  throw new MeshError('MESH_USAGE', `-N ${maxArgs}: it must be a whole number, 0 or more`);
}

/** What makes a record of each argument: its columns, trimmed. */
function recordMaker({
  colsep,
  trim = colsep === null ? 'n' : 'lr',
}: Pick<SourceOptions, 'colsep' | 'trim'>): (values: readonly string[]) => string[][] {
  const split = colsep === null ? null : columnSplitter(colsep);
  const trimmed = trimmer(trim);
  return (values) => {
    const records = values.map(split ?? ((value) => [value]));
    return trim === 'n' ? records : records.map((each) => each.map(trimmed));
  };
}

/** Only ASCII white space, as Perl takes bytes. */
function trimmer(trim: Trim): (text: string) => string {
  const [left, right] = [trim.includes('l'), trim.includes('r')];
  return (text) => {
    const begun = left ? text.replace(/^[ \t-\r]+/, '') : text;
    return right ? begun.replace(/(?<![ \t-\r])[ \t-\r]+$/, '') : begun;
  };
}

async function valuesOf(
  source: Source,
  stdin: Readable,
  reader: ArgumentReader,
): Promise<string[]> {
  if (source.kind === 'arguments') return reader.fromWords(source.values);
  return source.path === '-' ? reader.fromStream(stdin) : reader.fromFile(source.path);
}
