import { resolve } from 'node:path';
import { check } from '../../core/form.ts';
import { MAX_LOG_IF } from '../../core/manifest.ts';
import { MAX_CPUS, type Needs, NO_NEEDS, needsForm, needsTuple } from '../../core/needs.ts';
import { MAX_PER_HOUR } from '../../core/rate.ts';
import { faultOf } from '../../work/log-condition.ts';
import type { PublishRequest } from '../mesh.ts';

/** What a job needs of a machine, and how fast it may go. */
export interface Terms {
  readonly needs: Needs;
  /** Candidates that the mesh begins in an hour, 1 … MAX_PER_HOUR; null: as it can. */
  readonly perHour: number | null;
  /** What a candidate logs is kept where it is true; null: always. */
  readonly logIf: string | null;
}

type TermsRequest = Pick<
  PublishRequest,
  'cpus' | 'needs' | 'allowNet' | 'allowRead' | 'allowWrite' | 'rate' | 'logIf'
>;

/** The terms of a request. @throws TypeError that shows the value, for a field out of its range */
export function termsOf(request: TermsRequest): Terms {
  const { logIf, rate } = request;
  return { needs: needsOf(request), perHour: perHourOf(rate), logIf: logIfOf(logIf) };
}

function needsOf({ cpus = 1, needs, allowNet, allowRead, allowWrite }: TermsRequest): Needs {
  whole('cpus', cpus, 1, MAX_CPUS);
  const tags = distinct('needs', needs);
  const reads = pathsOf('allowRead', allowRead);
  const writes = pathsOf('allowWrite', allowWrite);
  if (allowNet !== undefined && typeof allowNet !== 'boolean') {
    throw new TypeError(`allowNet is no boolean: ${showValue(allowNet)}`);
  }
  const wanted: Needs = { ...NO_NEEDS, cpus, tags, net: allowNet === true, reads, writes };
  const read = check(needsForm, needsTuple(wanted));
  if ('rejected' in read) {
    const at = read.rejected.charAt(1);
    const what = at === '1' ? 'needs' : at === '3' ? 'allowRead' : 'allowWrite';
    throw new TypeError(`${what} ${read.rejected.replace(/^\[\d+\]/, '')}`.replace(' [', '['));
  }
  return wanted;
}

function pathsOf(what: string, paths: readonly string[] | undefined): string[] {
  const given = distinct(what, paths);
  if (given.includes('')) throw new TypeError(`${what} has an empty path`);
  return [...new Set(given.map((path) => resolve(path)))].sort();
}

function distinct(what: string, values: readonly string[] = []): string[] {
  // A hole is no text, and `every` does not see it.
  const isList = Array.isArray(values) && Array.from(values).every(isText);
  if (!isList) throw new TypeError(`${what} must be a list of texts, not ${showValue(values)}`);
  return [...new Set(values)].sort();
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function perHourOf(rate: number | undefined): number | null {
  if (rate === undefined) return null;
  const perHour = typeof rate === 'number' ? Math.round(rate * 3600) : Number.NaN;
  if (perHour >= 1 && perHour <= MAX_PER_HOUR) return perHour;
  throw new TypeError(`rate must be from 1/3600 to ${MAX_PER_HOUR / 3600}, not ${showValue(rate)}`);
}

function logIfOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const isText = typeof text === 'string' && text.trim() !== '' && text.length <= MAX_LOG_IF;
  if (!isText) {
    throw new TypeError(`logIf must be an expression of at most ${MAX_LOG_IF} characters`);
  }
  const fault = faultOf(text);
  if (fault === null) return text;
  throw new TypeError(`logIf ${showValue(shortened(text))}: ${fault}`);
}

/** @throws TypeError that shows the value, unless it is a whole number in the range */
export function whole(what: string, value: unknown, min: number, max: number): void {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  const range = `a whole number from ${min} to ${max}`;
  throw new TypeError(`${what} must be ${range}, not ${showValue(value)}`);
}

/** A value as an error shows it. */
export function showValue(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

/** Characters of an expression that are shown. */
const SHOWN = 60;

function shortened(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}
