/** A half-open interval [lo, hi) of whole numbers, 0 ≤ lo < hi ≤ 2^53 − 1. */
export type Interval = readonly [lo: number, hi: number];

/** The largest bound of an interval. */
export const MAX_INDEX: number = Number.MAX_SAFE_INTEGER;

/**
 * A mutable set of whole numbers, kept as sorted, disjoint and non-touching half-open intervals.
 * Arguments lo and hi are whole numbers 0 … 2^53 − 1; lo ≥ hi means nothing. Every question is
 * answered by binary search; a change at the end is O(log n), one in the middle O(n).
 * @throws TypeError from add and remove when a bound is no such number.
 */
export class IntervalSet {
  #los: number[] = [];
  #his: number[] = [];
  #total = 0;
  #version = 0;

  constructor(intervals: Iterable<Interval> = []) {
    for (const [lo, hi] of intervals) this.add(lo, hi);
  }

  add(lo: number, hi: number): void {
    checkBounds(lo, hi);
    if (lo >= hi) return;
    // Everything from `first` to `last` touches or overlaps [lo, hi) and becomes one interval.
    const first = this.#firstEndingFrom(lo);
    const last = this.#lastStartingUpTo(hi, first);
    if (first === last && this.#lo(first) <= lo && this.#hi(first) >= hi) return;
    const newLo = last < first ? lo : Math.min(lo, this.#lo(first));
    const newHi = last < first ? hi : Math.max(hi, this.#hi(last));
    this.#replace(first, last, [newLo, newHi]);
  }

  remove(lo: number, hi: number): void {
    checkBounds(lo, hi);
    if (lo >= hi) return;
    const first = this.#firstEndingFrom(lo + 1);
    const last = this.#lastStartingUpTo(hi - 1, first);
    if (last < first) return;
    const kept: number[] = [];
    if (this.#lo(first) < lo) kept.push(this.#lo(first), lo);
    if (this.#hi(last) > hi) kept.push(hi, this.#hi(last));
    this.#replace(first, last, kept);
  }

  has(i: number): boolean {
    return this.#lo(this.#firstEndingFrom(i + 1)) <= i;
  }

  /** True when all of [lo, hi) is in the set; also when it is empty. */
  covers(lo: number, hi: number): boolean {
    if (lo >= hi) return true;
    const k = this.#firstEndingFrom(lo + 1);
    return this.#lo(k) <= lo && this.#hi(k) >= hi;
  }

  /** True when any of [lo, hi) is in the set. */
  overlaps(lo: number, hi: number): boolean {
    return lo < hi && this.#lo(this.#firstEndingFrom(lo + 1)) < hi;
  }

  /** The parts of [lo, hi) in the set, rising. */
  within(lo: number, hi: number): Interval[] {
    const parts: Interval[] = [];
    if (lo >= hi) return parts;
    for (let k = this.#firstEndingFrom(lo + 1); this.#lo(k) < hi; k++) {
      parts.push([Math.max(lo, this.#lo(k)), Math.min(hi, this.#hi(k))]);
    }
    return parts;
  }

  /** The parts of [lo, hi) not in the set, rising. */
  gaps(lo: number, hi: number): Interval[] {
    const parts: Interval[] = [];
    let from = lo;
    for (let k = this.#firstEndingFrom(lo + 1); from < hi; k++) {
      const to = Math.min(hi, this.#lo(k));
      if (from < to) parts.push([from, to]);
      from = Math.max(from, this.#hi(k));
    }
    return parts;
  }

  /** The first `limit` parts of [lo, hi) that neither this set nor another one has, rising. */
  gapsBeside(other: IntervalSet, lo: number, hi: number, limit: number): Interval[] {
    const parts: Interval[] = [];
    let from = lo;
    let k = this.#firstEndingFrom(lo + 1);
    let j = other.#firstEndingFrom(lo + 1);
    while (from < hi && parts.length < limit) {
      while (this.#hi(k) <= from) k++;
      while (other.#hi(j) <= from) j++;
      const end = Math.min(hi, this.#lo(k), other.#lo(j));
      if (from < end) parts.push([from, end]);
      // One of the two begins at the end, or the end is hi; there may be overlaps behind it.
      from = end;
      if (this.#lo(k) <= from) from = this.#hi(k);
      else if (other.#lo(j) <= from) from = other.#hi(j);
      else break;
    }
    return parts;
  }

  /** The bound below which `count` numbers from 0 on are not in the set; count ≥ 1. */
  endOfOpen(count: number): number {
    let open = count;
    let from = 0;
    for (let k = 0; k < this.#los.length; k++) {
      const length = this.#lo(k) - from;
      if (open <= length) break;
      open -= length;
      from = this.#hi(k);
    }
    return from + open;
  }

  /** The first number at or above `from` that is not in the set. */
  firstGap(from: number): number {
    const k = this.#firstEndingFrom(from + 1);
    return this.#lo(k) <= from ? this.#hi(k) : from;
  }

  /** How many numbers of [lo, hi) are in the set. @default the whole set */
  count(lo = 0, hi: number = MAX_INDEX): number {
    if (lo <= 0 && hi >= this.end()) return this.#total;
    let total = 0;
    if (lo >= hi) return total;
    for (let k = this.#firstEndingFrom(lo + 1); this.#lo(k) < hi; k++) {
      total += Math.min(hi, this.#hi(k)) - Math.max(lo, this.#lo(k));
    }
    return total;
  }

  /** Counts the changes: what was worked out from the set stands while it stays. */
  get version(): number {
    return this.#version;
  }

  /** The count of intervals. */
  get size(): number {
    return this.#los.length;
  }

  isEmpty(): boolean {
    return this.#los.length === 0;
  }

  /** One above the highest number in the set; 0 when it is empty. */
  end(): number {
    return this.#his.at(-1) ?? 0;
  }

  /** The intervals, rising: a copy. */
  toArray(): Interval[] {
    return this.#los.map((lo, k) => [lo, this.#hi(k)]);
  }

  clone(): IntervalSet {
    const copy = new IntervalSet();
    copy.#los = this.#los.slice();
    copy.#his = this.#his.slice();
    copy.#total = this.#total;
    return copy;
  }

  equals(other: IntervalSet): boolean {
    if (this.size !== other.size || this.#total !== other.#total) return false;
    return this.#los.every((lo, k) => lo === other.#lo(k) && this.#hi(k) === other.#hi(k));
  }

  /** A new set of what is in this one and not in the other. */
  minus(other: IntervalSet): IntervalSet {
    const rest = new IntervalSet();
    for (const [lo, hi] of this.toArray()) for (const [a, b] of other.gaps(lo, hi)) rest.add(a, b);
    return rest;
  }

  /** A new set of what is in either. */
  union(other: IntervalSet): IntervalSet {
    const both = new IntervalSet();
    // Merged in rising order, so that every add is at the end.
    let j = 0;
    for (const [k, lo] of this.#los.entries()) {
      for (; other.#lo(j) < lo; j++) both.add(other.#lo(j), other.#hi(j));
      both.add(lo, this.#hi(k));
    }
    for (; j < other.size; j++) both.add(other.#lo(j), other.#hi(j));
    return both;
  }

  /** Beyond the last interval: Infinity, which ends every loop above. */
  #lo(k: number): number {
    return this.#los[k] ?? Number.POSITIVE_INFINITY;
  }

  #hi(k: number): number {
    return this.#his[k] ?? Number.POSITIVE_INFINITY;
  }

  /** The first interval with hi ≥ bound; `size` when there is none. */
  #firstEndingFrom(bound: number): number {
    let low = 0;
    let high = this.#his.length;
    if (high > 0 && this.#hi(high - 1) < bound) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#hi(middle) >= bound) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The last interval with lo ≤ bound; below `from` when none from there on starts so early. */
  #lastStartingUpTo(bound: number, from: number): number {
    let low = from;
    let high = this.#los.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#lo(middle) <= bound) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Puts the intervals of `bounds` (lo, hi, lo, hi …) in the place of first … last. */
  #replace(first: number, last: number, bounds: readonly number[]): void {
    this.#version++;
    for (let k = first; k <= last; k++) this.#total -= this.#hi(k) - this.#lo(k);
    for (let b = 0; b < bounds.length; b += 2)
      this.#total += (bounds[b + 1] ?? 0) - (bounds[b] ?? 0);
    if (last === first && bounds.length === 2) {
      this.#los[first] = bounds[0] ?? 0;
      this.#his[first] = bounds[1] ?? 0;
      return;
    }
    this.#los.splice(first, last - first + 1, ...bounds.filter((_, b) => b % 2 === 0));
    this.#his.splice(first, last - first + 1, ...bounds.filter((_, b) => b % 2 === 1));
  }
}

function checkBounds(lo: number, hi: number): void {
  if (!Number.isSafeInteger(lo) || !Number.isSafeInteger(hi) || lo < 0 || hi < 0) {
    throw new TypeError(`not an interval of whole numbers from 0 to 2^53 − 1: [${lo}, ${hi})`);
  }
}
