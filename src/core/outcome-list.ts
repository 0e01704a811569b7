import type { Outcome } from './outcome.ts';
import { firstFrom } from './sorted.ts';
import { firstOf, joined, lastOf, outcomeIn, type Stretch, sliced } from './stretch.ts';

/** Neighbours of so many outcomes together become one stretch: a million may come one by one. */
const JOINED = 128;

/** The outcome of a candidate that is not rejected, with its index. */
export interface Line {
  readonly index: number;
  readonly outcome: Outcome;
}

/** Outcomes in rising index order. They stay in the columns in which they came, side by side. */
export class OutcomeList {
  /** Rising; none begins before the one in front of it ends. */
  readonly #stretches: Stretch[] = [];
  /** How many outcomes stand in front of each stretch. */
  readonly #before: number[] = [];
  /** Of so many stretches that is right. */
  #counted = 0;
  #length = 0;

  /** How many outcomes there are. */
  get length(): number {
    return this.#length;
  }

  get(index: number): Outcome | undefined {
    const stretch = this.#stretches[this.#beginningBy(index)];
    if (stretch === undefined) return undefined;
    const slot = firstFrom(stretch.indices, index);
    return stretch.indices[slot] === index ? outcomeIn(stretch, slot) : undefined;
  }

  /** The index at a position, undefined past the last. */
  indexAt(position: number): number | undefined {
    const k = this.#holding(position);
    return this.#stretches[k]?.indices[position - (this.#before[k] ?? 0)];
  }

  /** Position of the first index that is not below this one. */
  positionOf(index: number): number {
    const k = this.#beginningBy(index);
    const stretch = this.#stretches[k];
    if (stretch === undefined) return 0;
    this.#count();
    return (this.#before[k] ?? 0) + firstFrom(stretch.indices, index);
  }

  /** All from one position up to another; nothing may change meanwhile. */
  *between(from: number, to: number): Generator<Line, undefined> {
    let k = this.#holding(from);
    let slot = from - (this.#before[k] ?? 0);
    let left = to - from;
    for (; k < this.#stretches.length; k++) {
      const stretch = this.#stretches[k] as Stretch;
      const { indices } = stretch;
      for (; slot < indices.length; slot++) {
        if (left-- <= 0) return;
        yield { index: indices[slot] as number, outcome: outcomeIn(stretch, slot) };
      }
      slot = 0;
    }
  }

  /** Indices in [lo, hi), rising. */
  *indicesWithin(lo: number, hi: number): Generator<number> {
    for (let k = Math.max(0, this.#beginningBy(lo)); k < this.#stretches.length; k++) {
      const { indices } = this.#stretches[k] as Stretch;
      for (let slot = firstFrom(indices, lo); slot < indices.length; slot++) {
        const index = indices[slot] as number;
        if (index >= hi) return;
        yield index;
      }
    }
  }

  /** Puts outcomes of indices that are not there between those that are, as whole as fits. */
  insert(stretch: Stretch): void {
    const { indices } = stretch;
    for (let from = 0; from < indices.length; ) {
      const first = indices[from] as number;
      const place = this.#beginningBy(first) + 1;
      const front = this.#stretches[place - 1];
      if (front !== undefined && lastOf(front) > first) {
        const cut = firstFrom(front.indices, first);
        const halves = [sliced(front, 0, cut), sliced(front, cut, front.indices.length)];
        this.#replace(place - 1, place, halves);
      }
      const behind = this.#stretches[place];
      const to = behind === undefined ? indices.length : firstFrom(indices, firstOf(behind));
      this.#put(place, sliced(stretch, from, to));
      from = to;
    }
  }

  /** Takes the outcome of an index out, if there is one. */
  remove(index: number): void {
    const k = this.#beginningBy(index);
    const stretch = this.#stretches[k];
    if (stretch === undefined) return;
    const slot = firstFrom(stretch.indices, index);
    if (stretch.indices[slot] !== index) return;
    const halves = [sliced(stretch, 0, slot), sliced(stretch, slot + 1, stretch.indices.length)];
    const left = halves.filter(({ indices }) => indices.length > 0);
    this.#replace(k, k + 1, left);
  }

  /** Puts a stretch in front of one, or together with small neighbours. */
  #put(place: number, stretch: Stretch): void {
    const together = [stretch];
    let size = stretch.indices.length;
    let [from, to] = [place, place];
    const front = this.#stretches[place - 1];
    if (front !== undefined && size + front.indices.length <= JOINED) {
      together.unshift(front);
      size += front.indices.length;
      from--;
    }
    const behind = this.#stretches[place];
    if (behind !== undefined && size + behind.indices.length <= JOINED) {
      together.push(behind);
      to++;
    }
    this.#replace(from, to, [joined(together)]);
  }

  #replace(from: number, to: number, stretches: readonly Stretch[]): void {
    const removed = this.#stretches.splice(from, to - from, ...stretches);
    this.#length += lengthOf(stretches) - lengthOf(removed);
    this.#counted = Math.min(this.#counted, from);
  }

  /** Place of the last stretch that begins at or below an index; −1 for none. */
  #beginningBy(index: number): number {
    let low = 0;
    let high = this.#stretches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (firstOf(this.#stretches[middle] as Stretch) <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Place of the stretch with a position; past the last position none has it. */
  #holding(position: number): number {
    if (position >= this.#length) return this.#stretches.length;
    this.#count();
    return firstFrom(this.#before, position + 1) - 1;
  }

  #count(): void {
    this.#before.length = this.#counted;
    const last = this.#counted - 1;
    let count = (this.#before[last] ?? 0) + (this.#stretches[last]?.indices.length ?? 0);
    for (; this.#counted < this.#stretches.length; this.#counted++) {
      this.#before.push(count);
      count += this.#stretches[this.#counted]?.indices.length ?? 0;
    }
  }
}

function lengthOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { indices }) => sum + indices.length, 0);
}
