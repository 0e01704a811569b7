import { isUtf8 } from 'node:buffer';
import { lstat, readdir, stat } from 'node:fs/promises';
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

/** What a pattern stands for below a folder. */
export interface Matching {
  readonly files: readonly string[];
  /** What it stands for that is no file to be sent: its name, as it is shown, and what it is. */
  readonly others: readonly (readonly [name: string, what: string])[];
}

/** What a pattern stands for below a folder, by name; links are followed within it. */
export async function filesMatching(folder: string, pattern: string): Promise<Matching> {
  // Names are bytes: one that is no UTF-8 is not to be lost.
  let found: Buffer[] = [Buffer.alloc(0)];
  for (const part of pattern.split('/')) {
    const next: Buffer[] = [];
    for (const above of found) {
      const names = isGlob(part) ? await namesIn(inside(folder, above)) : [plainBytes(part)];
      const expression = partExpression(part);
      for (const bytes of names) {
        const name = bytes.toString();
        if (name === '' || name === '.' || name === '..' || !expression.test(name)) continue;
        next.push(above.length === 0 ? bytes : Buffer.concat([above, SLASH, bytes]));
      }
    }
    found = next;
  }
  const files: string[] = [];
  const others: [name: string, what: string][] = [];
  for (const name of found) {
    const what = await otherThanFile(inside(folder, name));
    if (what === 'nothing') continue;
    if (!isUtf8(name)) others.push([shown(name), 'has a name that is no UTF-8']);
    else if (what === null) files.push(name.toString());
    else others.push([name.toString(), what]);
  }
  return { files, others };
}

const SLASH = Buffer.from('/');

function inside(folder: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(join(folder, '/')), name]);
}

function plainBytes(part: string): Buffer {
  return Buffer.from(plainName(part));
}

/** Null for a file, or a link to one. */
async function otherThanFile(path: Buffer): Promise<string | null> {
  const unlessMissing = (): null => null;
  const stats = await stat(path).catch(unlessMissing);
  if (stats?.isFile() === true) return null;
  if (stats?.isDirectory() === true) return 'is a folder: only files are outputs';
  if (stats !== null) return 'is no file';
  const link = await lstat(path).catch(unlessMissing);
  return link === null ? 'nothing' : 'is a link to no file';
}

/** A name that is no text. */
function shown(name: Buffer): string {
  return name.toString('latin1').replace(/[^ -~]/g, (one) => {
    return `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

async function namesIn(folder: Buffer): Promise<Buffer[]> {
  const names = await readdir(folder, { encoding: 'buffer' }).catch(() => []);
  return names.sort((a, b) => Buffer.compare(a, b));
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
