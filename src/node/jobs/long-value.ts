import type { Hash, JobId } from '../../core/ids.ts';
import type { Loop } from '../loop.ts';

/** A long value of a job: from this disk, else from its holders. Waits until it is there. */
export async function longValue(
  loop: Loop,
  job: JobId,
  hash: Hash,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  for (;;) {
    const known = await loop.blob(hash);
    if (known !== undefined) return known;
    // Watched before it is looked for once more: it may come between the two.
    const change = loop.changed(job, signal);
    loop.dispatch({ kind: 'fetch', hash });
    const found = await loop.blob(hash);
    if (found !== undefined) {
      change.catch(() => undefined);
      return found;
    }
    await change;
  }
}
