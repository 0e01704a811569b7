import type { Hash, PeerId, Scope, Start } from '../core/ids.ts';
import type { RecordKey } from '../core/record.ts';

/**
 * Keys of the database, as text, in byte order:
 *
 *     b/<hash>                                           a blob
 *     l/<key>                                            local state
 *     r/<scope>/<origin>/<incarnation>.<nonce>/<n>       a record
 *
 * Numbers are 14 hexadecimal digits (2^53 fits), so that a log's records lie in rising order. The
 * control scope is `-`, which comes before every digit. The origin is percent-encoded.
 */
const CONTROL = '-';
const DIGITS = 14;

/** Keys k with gte ≤ k < lt. */
export interface KeyRange {
  readonly gte: string;
  readonly lt: string;
}

export const ALL_RECORDS: KeyRange = { gte: 'r/', lt: 'r0' };
export const ALL_BLOBS: KeyRange = { gte: 'b/', lt: 'b0' };
export const ALL_LOCALS: KeyRange = { gte: 'l/', lt: 'l0' };

export function blobKey(hash: Hash): string {
  return `b/${hash}`;
}

/** The blob that a key is of; null of another key. */
export function blobOf(key: string): Hash | null {
  return key.startsWith(ALL_BLOBS.gte) ? nameOf(key) : null;
}

export function localKey(key: string): string {
  return `l/${key}`;
}

/** The name of a blob or local entry from its key. */
export function nameOf(key: string): string {
  return key.slice(2);
}

export function recordKey(record: RecordKey): string {
  return `${logPrefix(record.scope, record.origin, record.start)}${padded(record.n)}`;
}

/** What a record's key says; undefined when the key is rotten. */
export function parseRecordKey(key: string): RecordKey | undefined {
  const match = /^r\/(-|[^/]+)\/([^/]+)\/([0-9a-f]{14})\.([^/]+)\/([0-9a-f]{14})$/.exec(key);
  if (match === null) return undefined;
  const [, scope = '', origin = '', incarnation = '', nonce = '', n = ''] = match;
  try {
    return {
      scope: scope === CONTROL ? 'control' : scope,
      origin: decodeURIComponent(origin),
      start: { incarnation: Number.parseInt(incarnation, 16), nonce },
      n: Number.parseInt(n, 16),
    };
  } catch {
    // A percent sign that no encoder wrote: the key is rotten.
    return undefined;
  }
}

/** The keys of a scope's records. */
export function scopeRange(scope: Scope): KeyRange {
  const prefix = `r/${scope === 'control' ? CONTROL : scope}`;
  return { gte: `${prefix}/`, lt: `${prefix}0` };
}

/** The keys of records lo … hi − 1 of a log. */
export function logRange(
  scope: Scope,
  origin: PeerId,
  start: Start,
  lo: number,
  hi: number,
): KeyRange {
  const prefix = logPrefix(scope, origin, start);
  return { gte: `${prefix}${padded(lo)}`, lt: `${prefix}${padded(hi)}` };
}

function logPrefix(scope: Scope, origin: PeerId, start: Start): string {
  const log = `${encodeURIComponent(origin)}/${padded(start.incarnation)}.${start.nonce}`;
  return `${scopeRange(scope).gte}${log}/`;
}

function padded(value: number): string {
  return value.toString(16).padStart(DIGITS, '0');
}
