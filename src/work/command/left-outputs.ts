import { lstat, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeBehind } from '../sandbox/remove-tree.ts';

/** Says whether a file is one that a shell writes to, and no output that belongs to a command. */
export function isWorkingOutput(name: string): boolean {
  return /^[0-9a-f]{16}\.(?:stdout|stderr|times)$/.test(name);
}

/** Says whether a file has the name of an output that belongs to a command. */
export function isMovedOutput(name: string): boolean {
  return /^[0-9a-f]{16}-\d+\.std(?:out|err)$/.test(name);
}

/**
 * Removes what an executor left in a folder of its own, which its commands could write to: all but
 * outputs that belong to commands, and the folder if nothing is in it. Never throws.
 * oldestMs: outputs that were written before go too, ms since 1970. @default none
 */
export async function leaveOutputs(folder: string, oldestMs = 0): Promise<void> {
  try {
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const found = await lstat(path);
      if (found.isDirectory()) await removeBehind(path);
      else if (isMovedOutput(name) && found.isFile() && found.mtimeMs >= oldestMs) continue;
      else await rm(path, { force: true });
    }
    await rmdir(folder);
  } catch {
    // There are outputs in it, or it was never made.
  }
}
