import { startKey } from './ids.ts';
import type { Outcome } from './outcome.ts';
import type { RecordKey } from './record.ts';

/** What became known of the outcomes of one record. */
interface Taken {
  /** Outcomes that count from now on. */
  readonly counts: readonly (readonly [index: number, outcome: Outcome])[];
  /** Indices where another record's outcome counts. */
  readonly rivals: readonly number[];
}

/**
 * Which outcome of each command counts where it ran more than once: the one that was known first,
 * until the owner's word names a record (design.md section 1, Commands).
 */
export class Choices {
  /** The record whose outcome counts, by index. */
  readonly #taken = new Map<number, RecordKey>();
  readonly #rivals = new Map<number, Map<string, Outcome>>();
  /** The record that the owner named, by index. */
  readonly #named = new Map<number, string>();

  /** Takes a record's outcomes in. */
  take(key: RecordKey, outcomes: ReadonlyMap<number, Outcome>): Taken {
    const name = nameOf(key);
    const counts: [number, Outcome][] = [];
    const rivals: number[] = [];
    for (const [index, outcome] of outcomes) {
      const named = this.#named.get(index);
      if (!this.#taken.has(index) || named === name) {
        this.#taken.set(index, key);
        counts.push([index, outcome]);
      } else {
        const others = this.#rivals.get(index) ?? new Map<string, Outcome>();
        this.#rivals.set(index, others.set(name, outcome));
        if (named === undefined) rivals.push(index);
      }
    }
    return { counts, rivals };
  }

  /** The record whose outcome of an index counts. */
  recordAt(index: number): RecordKey | undefined {
    return this.#taken.get(index);
  }

  /** Takes the owner's word for an index. Returns the outcome to put there, if it is known here. */
  name(index: number, key: RecordKey): Outcome | undefined {
    const name = nameOf(key);
    this.#named.set(index, name);
    const outcome = this.#rivals.get(index)?.get(name);
    if (outcome !== undefined) this.#taken.set(index, key);
    return outcome;
  }
}

function nameOf({ origin, start, n }: RecordKey): string {
  return `${origin} ${startKey(start)} ${n}`;
}
