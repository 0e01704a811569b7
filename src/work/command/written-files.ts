import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';

/** Words of a command that are looked at. */
const MOST_WORDS = 64;

/** The clock of a file system is behind by so much at most, in ms. */
const CLOCK_STEP_MS = 20;

/** A word of a command for sh, or an operator that says what the next word is. */
const TOKEN = />>|(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;|&<>()'"\\])+/gs;

/** How a command left the files that it wrote, by name. */
export type WrittenFiles = Record<string, readonly [bytes: number, changedMs: number]>;

/**
 * The files that a command wrote, of those that its text names by a word of their own, as a target
 * of `>` or otherwise: their size, and their time of change in whole ms since 1970. What it appends
 * to by `>>` is left out, for other commands write there too. directory: where it ran. startedMs:
 * when it began, in ms since 1970.
 */
export function writtenFiles(command: string, directory: string, startedMs: number): WrittenFiles {
  const written: Record<string, readonly [number, number]> = {};
  let appends = false;
  let looked = 0;
  for (const [token] of command.matchAll(TOKEN)) {
    if (token === '>>') {
      appends = true;
      continue;
    }
    const name = appends ? null : unquoted(token);
    appends = false;
    if (name === null || name === '' || ++looked > MOST_WORDS) continue;
    const found = statOf(resolve(directory, name));
    if (found?.isFile() !== true || found.mtimeMs < startedMs - CLOCK_STEP_MS) continue;
    written[name] = [found.size, Math.trunc(found.mtimeMs)];
  }
  return written;
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
