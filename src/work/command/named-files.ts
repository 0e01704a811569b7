import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Names of a command that are looked at. */
const MOST_NAMES = 64;

/** The clock of a file system is behind by so much at most, in ms. */
const CLOCK_STEP_MS = 20;

/** A word of a command for sh, or an operator that says what the next word is. */
const TOKEN = />>|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;|&<>()'"\\])+/gs;

/**
 * How a command left a file: its size, and its time of change in whole ms since 1970; `folder` for
 * one; null for a file that it was given, and that is gone.
 */
export type LeftFile = readonly [bytes: number, changedMs: number] | 'folder' | null;

/** By name, as the command's text has it. */
export type NamedFiles = Record<string, LeftFile>;

/** What a command is run with, as far as its files go. */
export interface Naming {
  /** Where it ran. */
  readonly directory: string;
  /** When it began, in ms since 1970. */
  readonly startedMs: number;
  /** Arguments that are files, with the hash of what they held: part of which command it is. */
  readonly inputs: Readonly<Record<string, string>>;
}

/**
 * How a command left the files that its text names, those that it wrote and those that it read: if
 * one of them is another one later, it is to run again. A name is a word, or what is behind the `=`
 * or the two characters of an option in it. What it appends to by `>>` is left out, for other
 * commands write there too; an input that it did not change, for its content is known.
 */
export function namedFiles(command: string, naming: Naming): NamedFiles {
  const { directory, startedMs, inputs } = naming;
  const named: NamedFiles = {};
  for (const name of namesIn(command)) {
    const found = statOf(resolve(directory, name));
    const isInput = Object.hasOwn(inputs, name);
    const isNew = found !== undefined && found.mtimeMs >= startedMs - CLOCK_STEP_MS;
    if (found === undefined) {
      if (isInput) named[name] = null;
    } else if (found.isDirectory()) named[name] = 'folder';
    else if (found.isFile() && (isNew || !isInput)) {
      named[name] = [found.size, Math.trunc(found.mtimeMs)];
    }
  }
  return named;
}

/** What may be a name in a command's text, the first words of it. */
function namesIn(command: string): string[] {
  const names: string[] = [];
  let appends = false;
  for (const [token] of command.matchAll(TOKEN)) {
    if (token === '>>') {
      appends = true;
      continue;
    }
    const word = appends ? null : unquoted(token);
    appends = false;
    if (word === null || word === '') continue;
    names.push(word);
    const value = /^[^=]+=(.+)$/s.exec(word)?.[1] ?? /^-[A-Za-z](.+)$/s.exec(word)?.[1];
    if (value !== undefined) names.push(value);
    if (names.length >= MOST_NAMES) break;
  }
  return names;
}

/** Undefined for what is not there, or cannot be: a name that is too long. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** What sh makes of a word without variables; null for one with any. */
function unquoted(token: string): string | null {
  if (token.includes('\0')) return null;
  return token.replace(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/gs, (_, single, double, escaped) => {
    if (typeof single === 'string') return single;
    if (typeof double === 'string') return double.replace(/\\([$`"\\])/g, '$1');
    return String(escaped);
  });
}
