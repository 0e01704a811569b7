import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { unlessMissing } from './unless-missing.ts';

/**
 * Removes files, those that are there. They have gone from their places when this returns, so that
 * what is put there meanwhile stays; that the disk has room again may take longer, and is awaited.
 */
export async function putAside(paths: readonly string[]): Promise<void> {
  // The name of a draft: what is left of those is swept away.
  const gone = paths.map((path) => {
    const aside = `${path}.${randomBytes(6).toString('hex')}.new`;
    try {
      renameSync(path, aside);
    } catch (error) {
      unlessMissing(error as NodeJS.ErrnoException);
    }
    return aside;
  });
  for (const path of gone) await rm(path, { force: true });
}
