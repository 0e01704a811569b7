import type { Hash, JobId } from '../../core/ids.ts';
import type { Loop } from '../loop.ts';
import { longValue } from './long-value.ts';

/** Results that are asked for at once. */
const AT_ONCE = 32;

/** How long a report waits for results that are on other machines, in ms. */
const PATIENCE_MS = 3000;

/** Has long results brought here, as many as come in 3 s. */
export async function fetchResults(loop: Loop, job: JobId, hashes: readonly Hash[]): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  for (let at = 0; at < hashes.length && !signal.aborted; at += AT_ONCE) {
    const some = hashes.slice(at, at + AT_ONCE);
    await Promise.allSettled(some.map((hash) => longValue(loop, job, hash, signal)));
  }
}
