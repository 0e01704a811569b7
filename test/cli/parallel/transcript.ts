import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { readTable, splitWords } from '../../../src/cli/parallel/sources.ts';
import { compileTemplate } from '../../../src/cli/parallel/template.ts';

/** A command line of `parallel`, what it is given, and the commands that it printed. */
export interface Recorded {
  readonly claim: string;
  /** As it was typed. */
  readonly line: string;
  readonly words: readonly string[];
  readonly stdin: string;
  readonly printed: string;
}

/** Files that the recorded lines read. */
const FILES = { letters: 'a\nb\n', numbers: '1\n2\n', empty: '' };

/** In place of the program: tells its words, and what it gets on stdin. */
const STAND_IN = `parallel() { printf '%s\\0' "$@"; printf '\\1'; cat; printf '\\2'; }\n`;

/**
 * Reads dry-run.txt: what GNU parallel 20221122 printed with `-j1 -k --dry-run` for each line, in
 * a folder with FILES. sh splits the lines into words, as it did then.
 */
export function recordedLines(): Recorded[] {
  const text = readFileSync(join(import.meta.dirname, 'dry-run.txt'), 'utf8');
  const blocks = text.trimEnd().split('\n\n');
  const lines = blocks.map((block) => {
    const [claim = '', line = '', ...printed] = block.split('\n');
    if (!claim.startsWith('# ') || !line.startsWith('$ ')) throw new Error(`no record: ${block}`);
    const command = line.slice(2);
    return {
      claim: claim.slice(2),
      line: command,
      printed: printed.map((row) => `${row}\n`).join(''),
    };
  });
  const script = STAND_IN + lines.map(({ line }) => `${line}\n`).join('');
  const told = execFileSync('sh', ['-c', script], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const given = told.split('\u0002').map((part) => part.split('\u0001'));
  return lines.map((line, k) => {
    const [words = '', stdin = ''] = given[k] ?? [];
    return { ...line, words: words.split('\0').slice(0, -1), stdin };
  });
}

/** The commands that ours makes of a recorded line, printed alike. */
export async function commandsOf({ words, stdin }: Recorded): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'meshd-sources-'));
  try {
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
    const inFolder = (word: string): string => (word in FILES ? join(folder, word) : word);
    const { flags, rest } = split(words);
    const { command, sources } = splitWords(rest.map(inFolder));
    const most = flags.N ?? flags.n;
    const maxArgs = most === undefined ? null : Number(most);
    const { columns, jobs } = await readTable(sources, {
      stdin: Readable.from([Buffer.from(stdin)]),
      argFiles: (flags.a ?? []).map(inFolder),
      delimiter: flags['0'] ? '\0' : '\n',
      colsep: flags.colsep ?? null,
      maxArgs,
      link: flags.link ?? false,
      skipBlank: flags.r ?? false,
      header: flags.header !== undefined,
    });
    const template = compileTemplate(command, {
      quote: flags.q ?? false,
      columns,
      ...(flags.I === undefined ? {} : { replacement: flags.I }),
      perArgument: flags.N !== undefined,
    });
    return jobs.map((args, k) => `${template(args, k + 1)}\n`).join('');
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const OPTIONS = {
  '0': { type: 'boolean', short: '0' },
  a: { type: 'string', short: 'a', multiple: true },
  colsep: { type: 'string' },
  header: { type: 'string' },
  I: { type: 'string', short: 'I' },
  link: { type: 'boolean' },
  N: { type: 'string', short: 'N' },
  n: { type: 'string', short: 'n' },
  q: { type: 'boolean', short: 'q' },
  r: { type: 'boolean', short: 'r' },
} as const;

/** The options up to the first word that is none: those behind it are the command's. */
function split(words: readonly string[]) {
  const args = [...words];
  const { tokens } = parseArgs({
    ...{ args, options: OPTIONS },
    ...({ allowPositionals: true, strict: false, tokens: true } as const),
  });
  const first = tokens.find(({ kind }) => kind === 'positional');
  const end = first?.index ?? words.length;
  const { values } = parseArgs({ args: args.slice(0, end), options: OPTIONS });
  return { flags: values, rest: args.slice(end) };
}
