import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The text as a pattern that stands for itself alone. */
export function literal(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}

/** Says whether a pattern may stand for several names. */
export function isGlob(pattern: string): boolean {
  return /(?<!\\)(?:\\\\)*[*?[]/.test(pattern);
}

/** The one name that a pattern stands for which is no glob. */
export function plainName(pattern: string): string {
  return pattern.replace(/\\(.)/gs, '$1');
}

/**
 * Says whether a relative name is one that a pattern stands for: `*`, `?` and `[…]` as in sh, never
 * a slash nor a dot at the beginning; a backslash takes from the next character its meaning. A name
 * with an empty part, `.` or `..` in it is none.
 */
export function matches(pattern: string, name: string): boolean {
  const [parts, wanted] = [name.split('/'), pattern.split('/')];
  if (name.includes('\0') || parts.length !== wanted.length) return false;
  return parts.every((part, k) => {
    if (part === '' || part === '.' || part === '..') return false;
    return partExpression(wanted[k] ?? '').test(part);
  });
}

/** The files below a folder that a pattern stands for, by name; links are followed within it. */
export async function filesMatching(folder: string, pattern: string): Promise<string[]> {
  let found = [''];
  for (const part of pattern.split('/')) {
    const next: string[] = [];
    for (const above of found) {
      const names = isGlob(part) ? await namesIn(join(folder, above)) : [plainName(part)];
      const expression = partExpression(part);
      for (const name of names) {
        if (name === '' || name === '.' || name === '..' || !expression.test(name)) continue;
        next.push(above === '' ? name : `${above}/${name}`);
      }
    }
    found = next;
  }
  const files: string[] = [];
  for (const name of found) {
    const stats = await stat(join(folder, name)).catch(() => null);
    if (stats?.isFile() === true) files.push(name);
  }
  return files;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.sort();
}

/** What a part of a pattern between slashes stands for. */
function partExpression(part: string): RegExp {
  let source = /^[*?[]/.test(part) ? '(?!\\.)' : '';
  for (const [piece] of part.matchAll(/\\.|\[[!^]?\]?[^\]]*\]|./gsu)) {
    if (piece === '*') source += '.*';
    else if (piece === '?') source += '.';
    else if (piece.length > 2 && piece.startsWith('[')) source += setExpression(piece);
    else source += escaped(piece.length > 1 ? piece.replace(/^\\/, '') : piece);
  }
  return new RegExp(`^${source}$`, 'su');
}

function setExpression(piece: string): string {
  const isNot = /^\[[!^]/.test(piece);
  const set = piece.slice(isNot ? 2 : 1, -1);
  const safe = set.replace(/[\\\]^[]/g, '\\$&').replace(/^-|-$/g, '\\-');
  const expression = `[${isNot ? '^' : ''}${safe}]`;
  try {
    new RegExp(expression, 'u');
    return expression;
  } catch {
    // A range from high to low, or the like: it stands for nothing but itself.
    return escaped(piece);
  }
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
