/** Digits that a whole number has at least where a double may not hold it. */
const LONG = 16;
/** A number of so many. */
const WHOLE = /^-?\d{16,}$/;
/** Of digits and of a path that is shown. */
const SHOWN = 60;

/** A whole number of a JSON text that does not stay as it is, and where it stands. */
export interface LossyNumber {
  /** Where its JSON text begins, from 1. */
  readonly line: number;
  /** What leads to it in its JSON text: `.user.ids[2]`; empty for the text itself. */
  readonly path: string;
  readonly digits: string;
  /** What it is to those who read it. */
  readonly becomes: string;
}

/**
 * The first whole number above 2^53 of a text whose digits change when it is read as JSON, or null.
 * isLines: each line is a JSON text of its own, else the whole is one. It must be JSON. Fractions
 * are rounded everywhere, and nobody is told.
 */
export function lossyNumber(text: string, isLines: boolean): LossyNumber | null {
  // A JSON text is looked through once, however many of its strings have such digits.
  let end = 0;
  for (let run = longRun(text, 0); run !== null; run = longRun(text, Math.max(run[1], end))) {
    const [lo, hi] = run;
    // Most are texts or fractions.
    if (/[".]/.test(text[lo - 1] ?? '') || /[.eE]/.test(text[hi] ?? '')) continue;
    if (!changes(text.slice(lo, hi))) continue;
    const from = isLines ? text.lastIndexOf('\n', lo) + 1 : 0;
    const to = isLines ? text.indexOf('\n', lo) : -1;
    end = to < 0 ? text.length : to;
    const found = firstIn(text.slice(from, end));
    if (found !== null) return { line: lineAt(text, from), ...found };
  }
  return null;
}

/** It in words: what: the text, `item` or `params`. */
export function lossyText(what: string, { path, digits, becomes }: LossyNumber): string {
  const where = shortened(`${what}${path}`);
  const change = `${shortened(digits)} becomes ${becomes}, as numbers above 2^53 may`;
  return `${where}: ${change}; as a string it keeps its digits`;
}

/** A run of 16 digits or more from a place on: every 16th character is looked at. */
function longRun(text: string, from: number): readonly [lo: number, hi: number] | null {
  for (let at = from + LONG - 1; at < text.length; at += LONG) {
    if (!isDigit(text, at)) continue;
    let lo = at;
    while (lo > from && isDigit(text, lo - 1)) lo--;
    let hi = at + 1;
    while (isDigit(text, hi)) hi++;
    if (hi - lo >= LONG) return [lo, hi];
    at = hi;
  }
  return null;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

/** Says whether a whole number is written in other digits once it was read. */
function changes(digits: string): boolean {
  const value = Number(digits);
  // What is no number any more is refused elsewhere.
  return Number.isFinite(value) && significant(digits) !== significant(String(value));
}

/** The digits of a number without the zeros behind them: 1e+21 has those of 10^21. */
function significant(text: string): string {
  const digits = text.replace(/e.*$/, '').replace(/[-.]/g, '');
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}

/** The first of one JSON text; null, too, where that is nested too deeply. */
function firstIn(json: string): Omit<LossyNumber, 'line'> | null {
  const found: Omit<LossyNumber, 'line'>[] = [];
  let holder: unknown;
  // It hears of what is inside before what holds it: the path grows at its beginning.
  function visit(this: unknown, key: string, value: unknown, at?: { source?: string }): unknown {
    const digits = at?.source ?? '';
    const step = Array.isArray(this) ? `[${key}]` : `.${key}`;
    const [first] = found;
    if (first !== undefined) {
      if (value !== holder) return value;
      found[0] = { ...first, path: step + first.path };
    } else {
      if (typeof value !== 'number' || !WHOLE.test(digits) || !changes(digits)) return value;
      found.push({ path: step, digits, becomes: String(value) });
    }
    holder = this;
    return value;
  }
  try {
    JSON.parse(json, visit);
  } catch {
    return null;
  }
  const [first] = found;
  // The whole is the member without a name of an object.
  return first === undefined ? null : { ...first, path: first.path.slice(1) };
}

/** The line, from 1, in which a character stands. */
function lineAt(text: string, at: number): number {
  let line = 1;
  for (let k = text.indexOf('\n'); k >= 0 && k < at; k = text.indexOf('\n', k + 1)) line++;
  return line;
}

function shortened(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
