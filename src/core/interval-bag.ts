import { IntervalSet } from './interval-set.ts';
import { firstFrom } from './sorted.ts';

/**
 * Intervals that come and go, overlapping or even equal ones, and the set that they cover: what a
 * removal uncovers is found among the neighbours, so that both cost O(log n) and a move of memory
 * where lengths are alike.
 */
export class IntervalBag {
  /** What the intervals cover; to be read only. */
  readonly cover: IntervalSet = new IntervalSet();
  readonly #los: number[] = [];
  readonly #his: number[] = [];
  /** No interval was ever longer. */
  #longest = 0;

  add(lo: number, hi: number): void {
    const at = firstFrom(this.#los, lo);
    this.#los.splice(at, 0, lo);
    this.#his.splice(at, 0, hi);
    this.#longest = Math.max(this.#longest, hi - lo);
    this.cover.add(lo, hi);
  }

  /** Takes out one interval that was added. */
  remove(lo: number, hi: number): void {
    let at = firstFrom(this.#los, lo);
    while (this.#los[at] === lo && this.#his[at] !== hi) at++;
    if (this.#los[at] !== lo) return;
    this.#los.splice(at, 1);
    this.#his.splice(at, 1);
    // Where many have the same interval, as copies do, the next one covers it still.
    if (this.#los[at] === lo && (this.#his[at] ?? 0) >= hi) return;
    this.cover.remove(lo, hi);
    for (let k = firstFrom(this.#los, lo - this.#longest); (this.#los[k] ?? hi) < hi; k++) {
      const other = this.#his[k] ?? 0;
      if (other > lo) this.cover.add(this.#los[k] ?? 0, other);
      if (this.cover.covers(lo, hi)) return;
    }
  }

  isEmpty(): boolean {
    return this.#los.length === 0;
  }
}
