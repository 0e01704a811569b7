import { encode } from './codec.ts';
import { type Hash, type PeerId, type Scope, type Start, startKey } from './ids.ts';
import { IntervalSet } from './interval-set.ts';
import type { LogRange } from './message.ts';
import type { RecordKey } from './record.ts';

/** What is held of one log. */
interface Log {
  readonly origin: PeerId;
  readonly start: Start;
  readonly held: IntervalSet;
  /** Record numbers that were refused: not held, and not fetched again. */
  readonly refused: IntervalSet;
  /** Above all numbers that were ever held: a dropped record's number is not used again. */
  next: number;
}

/**
 * Which records this peer holds, by scope, origin and start, as interval sets and never as maxima:
 * gaps and rotten records are seen and fetched again.
 */
export class LogBook {
  readonly #scopes = new Map<Scope, Map<string, Log>>();
  readonly #digests = new Map<Scope, Hash>();

  has(key: RecordKey): boolean {
    return this.#log(key)?.held.has(key.n) ?? false;
  }

  add(key: RecordKey): void {
    const log = this.#make(key);
    log.held.add(key.n, key.n + 1);
    log.next = Math.max(log.next, key.n + 1);
    this.#digests.delete(key.scope);
  }

  /** Notes that a record is held no more. */
  remove(key: RecordKey): void {
    this.#log(key)?.held.remove(key.n, key.n + 1);
    this.#digests.delete(key.scope);
  }

  refuse(key: RecordKey): void {
    this.#make(key).refused.add(key.n, key.n + 1);
  }

  /** The number of the next record of one's own log. */
  next(scope: Scope, origin: PeerId, start: Start): number {
    return this.#log({ scope, origin, start, n: 0 })?.next ?? 0;
  }

  /** Forgets a scope; the numbers that a writer has used in its log are not used again. */
  drop(scope: Scope, writer: PeerId, start: Start): void {
    const log = this.#log({ scope, origin: writer, start, n: 0 });
    this.#scopes.delete(scope);
    this.#digests.delete(scope);
    if (log !== undefined) this.#make({ scope, origin: writer, start, n: 0 }).next = log.next;
  }

  /** What is held of a scope, in the order of origin and start. */
  summary(scope: Scope): LogRange[] {
    const logs = this.#scopes.get(scope) ?? new Map<string, Log>();
    return [...logs]
      .filter(([, log]) => !log.held.isEmpty())
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { origin, start, held }]) => ({ origin, start, ranges: held.toArray() }));
  }

  /** Hash of a scope's summary. */
  digest(scope: Scope, hash: (bytes: Uint8Array) => Hash): Hash {
    const known = this.#digests.get(scope);
    if (known !== undefined) return known;
    const tuples = this.summary(scope).map(({ origin, start, ranges }) => [
      origin,
      startKey(start),
      ranges.map(([lo, hi]) => [lo, hi]),
    ]);
    const digest = hash(encode(tuples));
    this.#digests.set(scope, digest);
    return digest;
  }

  /** What a summary has that is not held here. */
  lacks(scope: Scope, logs: readonly LogRange[]): LogRange[] {
    const lacking: LogRange[] = [];
    for (const { origin, start, ranges } of logs) {
      const log = this.#log({ scope, origin, start, n: 0 });
      const offered = new IntervalSet(ranges);
      const missing = log === undefined ? offered : offered.minus(log.held).minus(log.refused);
      if (!missing.isEmpty()) lacking.push({ origin, start, ranges: missing.toArray() });
    }
    return lacking;
  }

  /** Says whether something held here is not in a summary. */
  exceeds(scope: Scope, logs: readonly LogRange[]): boolean {
    const offered = new Map(logs.map((log) => [`${log.origin} ${startKey(log.start)}`, log]));
    for (const [key, log] of this.#scopes.get(scope) ?? []) {
      const theirs = new IntervalSet(offered.get(key)?.ranges ?? []);
      if (!log.held.minus(theirs).isEmpty()) return true;
    }
    return false;
  }

  #log(key: RecordKey): Log | undefined {
    return this.#scopes.get(key.scope)?.get(`${key.origin} ${startKey(key.start)}`);
  }

  #make(key: RecordKey): Log {
    const logs = this.#scopes.get(key.scope) ?? new Map<string, Log>();
    this.#scopes.set(key.scope, logs);
    const name = `${key.origin} ${startKey(key.start)}`;
    const log = logs.get(name) ?? {
      origin: key.origin,
      start: key.start,
      held: new IntervalSet(),
      refused: new IntervalSet(),
      next: 0,
    };
    logs.set(name, log);
    return log;
  }
}
