import type { PeerId } from './ids.ts';
import type { IntervalSet } from './interval-set.ts';
import { type Outcome, outcomeKey } from './outcome.ts';
import type { RecordKey, Segment } from './record.ts';

/** Fresh evaluations without two equal ones after which a function is called impure. */
export const IMPURE_AFTER = 5;

/** One of the outcomes that segments gave to an index. */
interface Rival {
  readonly outcome: Outcome | undefined;
  /** True if it came in the ordinary run, and not only in a second one on purpose. */
  ordinary: boolean;
  /** Who came to it, as far as it was heard after the dispute began. */
  readonly by: Set<PeerId>;
}

/** The indices that segments disagree about, with all that was said of each. */
export class Disputes {
  /** By index, then by the outcome's key: in the order in which they were heard of. */
  readonly #rivals = new Map<number, Map<string, Rival>>();
  /** Fresh evaluations of any index by outcome: the records that made them. */
  readonly #fresh = new Map<number, Map<string, Set<string>>>();
  /** What was found, until something of it changes: a liar makes thousands of disputes. */
  #impure: { readonly at: number | null } | null = null;
  #open: { readonly version: number; readonly count: number; readonly open: readonly number[] } = {
    ...{ version: -1, count: 0, open: [] },
  };

  get size(): number {
    return this.#rivals.size;
  }

  has(index: number): boolean {
    return this.#rivals.has(index);
  }

  /** Disputed indices, settled ones included, in the order in which their disputes began. */
  indices(): Iterable<number> {
    return this.#rivals.keys();
  }

  /** Those in [lo, hi). */
  indicesWithin(lo: number, hi: number): number[] {
    return [...this.#rivals.keys()].filter((index) => index >= lo && index < hi);
  }

  /** Those that still lack an agreed outcome, rising. */
  open(coverage: IntervalSet): readonly number[] {
    const { version, count, open } = this.#open;
    const { size } = this;
    if (version === coverage.version && count === size) return open;
    const found = [...this.#rivals.keys()]
      .filter((index) => !coverage.has(index))
      .sort((a, b) => a - b);
    this.#open = { version: coverage.version, count: size, open: found };
    return found;
  }

  /** Begins one, of which one outcome was known so far. */
  begin(index: number, known: Outcome | undefined): void {
    const key = outcomeKey(known);
    const ordinary = this.#fresh.get(index)?.has(key) !== true;
    const rival: Rival = { outcome: known, ordinary, by: new Set() };
    this.#rivals.set(index, new Map([[key, rival]]));
    this.#impure = null;
  }

  /** Takes in what a segment says of disputed indices, and of any if it is of a fresh run. */
  hear(key: RecordKey, segment: Segment, outcomes: ReadonlyMap<number, Outcome>): void {
    const { lo, hi, fresh } = segment;
    for (const index of this.indicesWithin(lo, hi)) {
      const rivals = this.#rivals.get(index);
      const outcome = outcomes.get(index);
      const rival = rivals?.get(outcomeKey(outcome)) ?? {
        ...{ outcome, ordinary: false, by: new Set() },
      };
      rival.ordinary ||= !fresh;
      rival.by.add(key.origin);
      rivals?.set(outcomeKey(outcome), rival);
    }
    if (fresh) this.#count(key, segment, outcomes);
  }

  #count(key: RecordKey, { lo, hi }: Segment, outcomes: ReadonlyMap<number, Outcome>): void {
    const { origin, start, n } = key;
    const record = `${origin} ${start.incarnation}.${start.nonce} ${n}`;
    // Fresh runs are of single indices or short ranges, so this stays small.
    for (let index = lo; index < hi; index++) {
      const byOutcome = this.#fresh.get(index) ?? new Map<string, Set<string>>();
      const said = outcomeKey(outcomes.get(index));
      byOutcome.set(said, (byOutcome.get(said) ?? new Set<string>()).add(record));
      this.#fresh.set(index, byOutcome);
    }
    this.#impure = null;
  }

  /**
   * The outcome of a disputed index with two fresh evaluations (more win, then the smaller key),
   * undefined while it has none.
   */
  verdict(index: number): { readonly outcome: Outcome | undefined } | undefined {
    let best: string | null = null;
    let bestCount = 1;
    for (const [key, records] of this.#fresh.get(index) ?? []) {
      if (records.size > bestCount || (records.size === bestCount && best !== null && key < best)) {
        best = key;
        bestCount = records.size;
      }
    }
    return best === null ? undefined : this.#rivals.get(index)?.get(best);
  }

  /** The outcomes that segments gave to a disputed index: of ordinary runs first, then by key. */
  rivals(index: number): (Outcome | undefined)[] {
    const rank = ([key, { ordinary }]: [string, Rival]): string => `${ordinary ? 0 : 1} ${key}`;
    return [...(this.#rivals.get(index) ?? [])]
      .sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
      .map(([, { outcome }]) => outcome);
  }

  /** Says whether an outcome of a disputed index is not the one that was heard of first. */
  isRevised(index: number, outcome: Outcome | undefined): boolean {
    const [first] = this.#rivals.get(index)?.keys() ?? [];
    return first !== undefined && outcomeKey(outcome) !== first;
  }

  /** Says whether a peer came to another outcome of an index than this one. */
  deny(index: number, outcome: Outcome | undefined, peer: PeerId): boolean {
    const rivals = this.#rivals.get(index);
    if (rivals === undefined) return false;
    const key = outcomeKey(outcome);
    return [...rivals].some(([other, { by }]) => other !== key && by.has(peer));
  }

  /** The lowest index at which five fresh evaluations had no two equal outcomes, or null. */
  get impureAt(): number | null {
    this.#impure ??= { at: this.#findImpure() };
    return this.#impure.at;
  }

  #findImpure(): number | null {
    let lowest: number | null = null;
    for (const index of this.#rivals.keys()) {
      const counts = [...(this.#fresh.get(index)?.values() ?? [])].map((set) => set.size);
      const total = counts.reduce((sum, count) => sum + count, 0);
      if (total < IMPURE_AFTER || Math.max(...counts) >= 2) continue;
      if (lowest === null || index < lowest) lowest = index;
    }
    return lowest;
  }
}
