import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeBehind } from '../../work/sandbox/remove-tree.ts';

/** When the executors that had nothing more to do are gone, in ms: they are kept for a minute. */
const IDLE_MS = 90_000;

/**
 * Removes what held commands left in the folder of their computation, beside the folders that were
 * made for them: they reach all of it. It is done at once, and once more when nothing of them can
 * run any more. isUsed: whether commands run there again, which then stays as it is.
 */
export async function clearComputationFolder(common: string, isUsed: () => boolean): Promise<void> {
  await clear(common, isUsed);
  setTimeout(() => void clear(common, isUsed), IDLE_MS).unref();
}

async function clear(common: string, isUsed: () => boolean): Promise<void> {
  if (isUsed()) return;
  // What is made from now on is not among these.
  const names = await readdir(common).catch(() => []);
  for (const name of names) await removeBehind(join(common, name));
}
