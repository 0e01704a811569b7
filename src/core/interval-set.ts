/** A half-open interval [lo, hi) of whole numbers, 0 ≤ lo < hi ≤ 2^53 − 1. */
export type Interval = readonly [lo: number, hi: number];

/** The largest bound of an interval. */
export const MAX_INDEX: number = Number.MAX_SAFE_INTEGER;
