import { type ReturnPattern, readReturnPatterns } from '../../files/return-pattern.ts';

/** Where a command runs whose files were sent, on this machine. */
export interface WorkPlace {
  /** Its working folder, with its inputs in it. */
  readonly folder: string;
  /** The folder of a file store that takes its outputs, in the same file system. */
  readonly store: string;
  /** What may be in the working folder at most, in bytes on the disk; inputs included. */
  readonly mostBytes: number;
}

/** One command, as it is published, and as its peer completes it. */
export interface CommandItem {
  readonly command: string;
  /** Hashes of the arguments that are files, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The outputs that it declares. */
  readonly returns: readonly ReturnPattern[];
  /** Null for a command that runs in its publisher's folder. */
  readonly place: WorkPlace | null;
  /** Why it cannot run: one line, in place of its folder. */
  readonly problem: string | null;
}

/** Reads an item. @throws TypeError when it is none. */
export function commandItem(item: unknown): CommandItem {
  const fields = (item ?? {}) as Partial<Record<keyof CommandItem, unknown>>;
  const { command, inputs = {}, returns = [], place = null, problem = null } = fields;
  if (typeof command !== 'string') throw new TypeError('the item has no text named command');
  const patterns = readReturnPatterns(returns);
  if (patterns === null) throw new TypeError('the item has malformed outputs');
  return {
    ...{ command, inputs: inputs as CommandItem['inputs'], returns: patterns },
    ...{ place: place as WorkPlace | null, problem: problem as string | null },
  };
}
