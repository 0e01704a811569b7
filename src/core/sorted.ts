/** Where the first number that is not below a bound stands in a rising list; none: its length. */
export function firstFrom(rising: ArrayLike<number>, bound: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((rising[middle] ?? 0) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}
