import { perlPattern } from './perl-pattern.ts';

/** What becomes of an argument. */
export type Change = (text: string) => string;

/** A statement that was read, and what is left behind it. */
type Read = readonly [change: Change, rest: string] | null;

const CLOSING: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']', '<': '>' };

/**
 * What a Perl expression makes of `$_`: substitutions, `tr`, `uc`, `lc`, `ucfirst`, `lcfirst`,
 * `chomp` and whole numbers added, taken away and multiplied, with `;` between. Null for any other.
 */
export function perlChange(expression: string): Change | null {
  const changes: Change[] = [];
  let left = expression.trim();
  while (left !== '') {
    const read = substitution(left) ?? transliteration(left) ?? letters(left) ?? sum(left);
    if (read === null) return null;
    changes.push(read[0]);
    const end = /^\s*(?:;[\s;]*|$)/.exec(read[1]);
    if (end === null) return null;
    left = read[1].slice(end[0].length);
  }
  return changes.length === 0 ? null : (text) => changes.reduce((now, change) => change(now), text);
}

/** `s/X/Y/gimsx…`, with any delimiter. */
function substitution(source: string): Read {
  const parts = quoted(source, /^s/);
  if (parts === null || !/^[gims]*$/.test(parts.flags)) return null;
  return changed(parts.first, parts.second, parts.flags, parts.rest);
}

function changed(pattern: string, by: string, flags: string, rest: string): Read {
  const expression = pattern === '' ? null : perlPattern(pattern, flags);
  const pieces = replacement(by);
  if (expression === null || pieces === null) return null;
  const change: Change = (text) =>
    text.replace(expression, (...found) =>
      pieces.map((piece) => (typeof piece === 'string' ? piece : (found[piece] ?? ''))).join(''),
    );
  return [change, rest];
}

/** A text's parts: as they stand, or the number of a group. */
function replacement(text: string): (string | number)[] | null {
  const pieces: (string | number)[] = [];
  for (let left = text; left !== ''; ) {
    const group = /^(?:\$|\\)(?:([1-9])(?!\d)|\{([1-9])\}|(&))/.exec(left);
    const after = /^\\(\W|[nrt])/s.exec(left);
    const plain = /^(?:[^\\$@]|@(?![\w{$:]))/su.exec(left);
    if (group !== null && !(left.startsWith('\\') && group[1] === undefined)) {
      pieces.push(Number(group[1] ?? group[2] ?? 0));
    } else if (after !== null) {
      const signs: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
      pieces.push(signs[after[1] ?? ''] ?? after[1] ?? '');
    } else if (plain !== null) {
      pieces.push(plain[0]);
    } else {
      return null;
    }
    left = left.slice((group ?? after ?? plain)?.[0].length ?? left.length);
  }
  return pieces;
}

/** `tr/a-z/A-Z/` and `y/…/…/`, with `d` for signs that are left out. */
function transliteration(source: string): Read {
  const parts = quoted(source, /^(?:tr|y)/);
  if (parts === null || !/^d?$/.test(parts.flags)) return null;
  const [from, to] = [signsOf(parts.first), signsOf(parts.second)];
  if (from === null || to === null) return null;
  const isLeftOut = parts.flags === 'd';
  const table = new Map<string, string>();
  for (const [k, sign] of from.entries()) {
    if (table.has(sign)) continue;
    const last = isLeftOut ? '' : (to.at(-1) ?? sign);
    table.set(sign, to[k] ?? last);
  }
  return [(text) => [...text].map((sign) => table.get(sign) ?? sign).join(''), parts.rest];
}

/** The signs of a list with ranges. */
function signsOf(list: string): string[] | null {
  const signs: string[] = [];
  const items = [...list.matchAll(/(\\.|[^\\])(?:-(\\.|[^\\]))?/gsu)];
  if (items.map(([whole]) => whole).join('') !== list) return null;
  for (const [, begin = '', end = begin] of items) {
    const [first, last] = [signOf(begin), signOf(end)];
    const [low, high] = [first?.codePointAt(0), last?.codePointAt(0)];
    if (low === undefined || high === undefined || high < low) return null;
    for (let code = low; code <= high; code += 1) signs.push(String.fromCodePoint(code));
  }
  return signs;
}

function signOf(text: string): string | null {
  if (!text.startsWith('\\')) return text;
  const known: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return known[text[1] ?? ''] ?? (/\\\W/s.test(text) ? text.slice(1) : null);
}

/** Perl has bytes, of which it takes those of ASCII for letters. */
function letters(source: string): Read {
  const found = /^(?:\$_\s*=\s*)?(ucfirst|lcfirst|uc|lc)\s*(?:\(\s*\$_\s*\)|\$_(?!\w))?/.exec(
    source,
  );
  const rest = source.slice(found?.[0].length ?? 0);
  const chomp = /^chomp\s*(?:\(\s*(?:\$_\s*)?\)|\$_(?!\w))?/.exec(source);
  if (chomp !== null) return [(text) => text.replace(/\n$/, ''), source.slice(chomp[0].length)];
  if (found === null || !found[0].startsWith('$_')) return null;
  const [, name = ''] = found;
  const where = name.endsWith('first') ? /^[A-Za-z]/ : /[A-Za-z]+/g;
  const turn = (part: string): string =>
    name.startsWith('uc') ? part.toUpperCase() : part.toLowerCase();
  return [(text) => text.replace(where, turn), rest];
}

/** `$_++`, `$_--`, `$_ += 2`, `$_ -= 2` and `$_ *= 2`. */
function sum(source: string): Read {
  const found = /^\$_\s*(?:(\+\+|--)|([-+*])=\s*(\d{1,9})(?![\d.\w]))/.exec(source);
  if (found === null) return null;
  const [whole, step, operator, digits] = found;
  const number = Number(digits);
  const change: Change = (text) => {
    if (step === '++') return next(text);
    const now = numberOf(text);
    if (step === '--') return shown(now - 1);
    return shown(operator === '+' ? now + number : operator === '-' ? now - number : now * number);
  };
  return [change, source.slice(whole.length)];
}

/** As Perl counts on: `a9` is followed by `b0`, `zz` by `aaa`, and `09` by `10`. */
function next(text: string): string {
  if (text === '' || !/^[a-zA-Z]*\d*$/.test(text)) return shown(numberOf(text) + 1);
  const signs = [...text];
  for (let at = signs.length - 1; at >= 0; at -= 1) {
    const sign = signs[at] ?? '';
    const turned = { '9': '0', z: 'a', Z: 'A' }[sign];
    if (turned === undefined) {
      signs[at] = String.fromCharCode(sign.charCodeAt(0) + 1);
      return signs.join('');
    }
    signs[at] = turned;
  }
  return (signs[0] === '0' ? '1' : (signs[0] ?? '')) + signs.join('');
}

function numberOf(text: string): number {
  return Number(/^\s*([-+]?\d+(?:\.\d*)?(?:e[-+]?\d+)?)/i.exec(text)?.[1] ?? 0);
}

/** As Perl prints a number of 15 digits at most. */
function shown(number: number): string {
  return String(Number(number.toPrecision(15)));
}

interface Quoted {
  readonly first: string;
  readonly second: string;
  readonly flags: string;
  readonly rest: string;
}

/** The two parts between delimiters behind a name, and the flags. */
function quoted(source: string, name: RegExp): Quoted | null {
  const begin = name.exec(source)?.[0].length;
  const open = begin === undefined ? undefined : /^[^\s\w;)='#]/u.exec(source.slice(begin))?.[0];
  if (begin === undefined || open === undefined) return null;
  const close = CLOSING[open];
  const first = upTo(source, begin + open.length, open, close ?? open);
  if (first === null) return null;
  let at = first.end;
  if (close !== undefined) {
    const gap = /^\s*/.exec(source.slice(at))?.[0].length ?? 0;
    if (source[at + gap] !== open) return null;
    at += gap + open.length;
  }
  const second = upTo(source, at, open, close ?? open);
  if (second === null) return null;
  const rest = source.slice(second.end);
  const flags = /^\w*/.exec(rest)?.[0] ?? '';
  return { first: first.text, second: second.text, flags, rest: rest.slice(flags.length) };
}

/** The text up to a delimiter, which a backslash before it makes a plain sign. */
function upTo(
  source: string,
  from: number,
  open: string,
  close: string,
): { readonly text: string; readonly end: number } | null {
  let text = '';
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    const sign = source[at] ?? '';
    if (sign === '\\') {
      const after = source[at + 1] ?? '';
      // A delimiter that means something in a pattern keeps its backslash: it is a plain sign.
      const isPlain = (after === open || after === close) && /[/:,!%&"~@]/.test(after);
      text += isPlain ? after : sign + after;
      at += 1;
      continue;
    }
    if (sign === close && depth === 0) return { text, end: at + 1 };
    if (open !== close && sign === open) depth += 1;
    if (open !== close && sign === close) depth -= 1;
    text += sign;
  }
  return null;
}
