import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Says whether a file is one that a shell writes to, and no output that belongs to a command. */
export function isWorkingOutput(name: string): boolean {
  return /^[0-9a-f]{16}\.std(?:out|err)$/.test(name);
}

/** Removes what a killed shell left in a folder of its own, and the folder if nothing is in it. */
export async function leaveOutputs(folder: string): Promise<void> {
  try {
    const names = (await readdir(folder)).filter(isWorkingOutput);
    await Promise.all(names.map((name) => rm(join(folder, name), { force: true })));
    await rmdir(folder);
  } catch {
    // There are outputs in it, or it was never made.
  }
}
