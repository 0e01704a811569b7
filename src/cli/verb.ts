import type { Context } from './context.ts';

/** What a shell offers at an argument. */
export type Completion = 'file' | 'folder' | readonly string[];

export interface Positional {
  /** `<job>` must be given, `[bootstrap...]` may be, any number of times. */
  readonly name: string;
  readonly help: string;
  readonly parse?: (text: string) => unknown;
  readonly complete?: Completion;
}

export interface Flag {
  /** In commander's notation: `--accept <n>`. */
  readonly flags: string;
  readonly help: string;
  readonly parse?: (text: string) => unknown;
  /** May be given several times. */
  readonly many?: boolean;
  readonly required?: boolean;
  readonly complete?: Completion;
  /** Other names of it, which the help does not have: `-n <n>`. */
  readonly also?: readonly string[];
}

/** An option of another program that users bring along. */
export interface ForeignFlag {
  readonly flags: string;
  /** What to use instead; null: it is taken, and means nothing here. */
  readonly instead: string | null;
}

export const GROUPS = ['This machine', 'Publishing', 'Jobs', 'Shell'] as const;

/** One command: what --help, the parser and the completion scripts are made from. */
export interface Verb<
  A extends readonly unknown[] = readonly unknown[],
  O extends object = object,
> {
  readonly name: string;
  readonly group: (typeof GROUPS)[number];
  /** One line. */
  readonly summary: string;
  /** More sentences for --help. */
  readonly notes?: string;
  readonly examples: readonly string[];
  readonly positionals: readonly Positional[];
  readonly flags: readonly Flag[];
  /** Options that are known and not there. @default none */
  readonly foreign?: readonly ForeignFlag[];
  /** From the first word that is no option on, all words are arguments. @default false */
  readonly passesThrough?: boolean;
  /** Resolves with the exit code. Loads what it needs itself, so that others start quickly. */
  run(context: Context, args: A, options: O): Promise<number>;
}

/** Options that every command takes. */
export const GLOBAL_FLAGS: readonly Flag[] = [
  {
    flags: '--home <dir>',
    help: 'folder that holds all state (or MESHD_HOME; default: the XDG state directory)',
    complete: 'folder',
  },
  { flags: '--json', help: 'machine-readable output: JSON lines' },
];
