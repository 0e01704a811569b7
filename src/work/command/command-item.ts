import { type ReturnPattern, readReturnPatterns } from '../../files/return-pattern.ts';

/** Where a command runs whose files were sent, on this machine. */
export interface WorkPlace {
  /** Its working folder, with its inputs in it. */
  readonly folder: string;
  /** The folder of a file store that takes its outputs, in the same file system. */
  readonly store: string;
  /** What may be in the working folder at most, in bytes on the disk; inputs included. */
  readonly mostBytes: number;
  /** Where its block is, when it is not in its folder: it is for reading only. */
  readonly block?: string;
}

/** A part of its publisher's stdin. */
export interface Block {
  /** Its name in the command's working folder. */
  readonly name: string;
  /** The command reads it as a file, and has no stdin. */
  readonly isFile: boolean;
}

/** One command, as it is published, and as its peer completes it. */
export interface CommandItem {
  readonly command: string;
  /** Hashes of the arguments that are files, by name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** The outputs that it declares. */
  readonly returns: readonly ReturnPattern[];
  /** One of its inputs: its stdin, or what `$PARALLEL_TMP` names. */
  readonly block: Block | null;
  /** Null for a command that was sent nothing. */
  readonly place: WorkPlace | null;
  /** Why it cannot run: one line, in place of its folder. */
  readonly problem: string | null;
}

/** Reads an item. @throws TypeError when it is none. */
export function commandItem(item: unknown): CommandItem {
  const fields = (item ?? {}) as Partial<Record<keyof CommandItem, unknown>>;
  const { command, inputs = {}, returns = [], place = null, problem = null, block } = fields;
  if (typeof command !== 'string') throw new TypeError('the item has no text named command');
  const patterns = readReturnPatterns(returns);
  if (patterns === null) throw new TypeError('the item has malformed outputs');
  return {
    ...{ command, inputs: inputs as CommandItem['inputs'], returns: patterns },
    block: blockOf(block),
    ...{ place: place as WorkPlace | null, problem: problem as string | null },
  };
}

function blockOf(block: unknown): Block | null {
  if (block === undefined || block === null) return null;
  const { name, isFile } = block as Partial<Record<keyof Block, unknown>>;
  if (typeof name !== 'string' || !/^\.?[\w-]+$/.test(name)) {
    throw new TypeError('the item has a malformed block');
  }
  return { name, isFile: isFile === true };
}
