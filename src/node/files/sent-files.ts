import type { FileHash } from '../../files/description.ts';
import { isFileHash } from '../../files/description.ts';
import { type ReturnPattern, readReturnPatterns } from '../../files/return-pattern.ts';
import type { Block } from '../../work/command/command-item.ts';

/** A file that is sent to where a command runs. */
export interface SentFile {
  /** Its name in the command's working folder. */
  readonly inside: string;
  readonly hash: FileHash;
  readonly bytes: number;
}

/** What the item of a command says of its files. */
export interface ItemFiles {
  readonly sends: readonly SentFile[];
  readonly returns: readonly ReturnPattern[];
  /** What of it is the command's stdin. */
  readonly stdin: SentFile | null;
}

/** Reads the files of an item, by its JSON text. Null when they are malformed. */
export function filesOfItem(text: string): ItemFiles | null {
  const { sends = [], returns = [], block } = JSON.parse(text) as Record<string, unknown>;
  const patterns = readReturnPatterns(returns);
  if (!Array.isArray(sends) || patterns === null) return null;
  const files: SentFile[] = [];
  for (const one of sends) {
    const { inside, hash, bytes } = (one ?? {}) as Partial<Record<keyof SentFile, unknown>>;
    if (!isInside(inside) || !isFileHash(hash) || typeof bytes !== 'number') return null;
    files.push({ inside, hash, bytes });
  }
  const { name, isFile } = (block ?? {}) as Partial<Record<keyof Block, unknown>>;
  const stdin = isFile === true ? null : (files.find(({ inside }) => inside === name) ?? null);
  return { sends: files, returns: patterns, stdin };
}

function isInside(name: unknown): name is string {
  if (typeof name !== 'string' || name.includes('\0')) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

/** What a program of commands says of how their files are sent. */
export interface Sending {
  /** Each runs in a folder of its own. */
  readonly transfer: boolean;
  /** What is sent is its block alone, and it runs in its publisher's folder. */
  readonly inPlace: boolean;
  /** Where its publisher is. */
  readonly directory: string;
}

/** Reads a program of commands. */
export function sendingOf(program: Uint8Array): Sending {
  const { transfer, inPlace, directory } = JSON.parse(new TextDecoder().decode(program)) as Partial<
    Record<keyof Sending, unknown>
  >;
  return {
    ...{ transfer: transfer === true, inPlace: inPlace === true },
    directory: String(directory),
  };
}
