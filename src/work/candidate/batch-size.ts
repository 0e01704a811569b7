/** Work of one batch aimed at. */
const TARGET_MS = 50;
/** A batch grows at most by this factor, since the first candidates also warm up the engine. */
const GROWTH = 8;
const MOST = 2 ** 26;

/**
 * How many candidates the next batch should have, from the size and time of the last one, so that
 * it takes about 50 ms. Begin with 1.
 */
export function nextBatchSize(size: number, ms: number): number {
  const wanted = Math.floor((size * TARGET_MS) / Math.max(ms, 0.001));
  return Math.max(1, Math.min(wanted, size * GROWTH, MOST));
}
