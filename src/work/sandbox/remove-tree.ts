import { execFile } from 'node:child_process';
import { chmodSync, lstatSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Removes a folder with all that is in it, or a file. A link is removed and never followed.
 * @throws what the system says when something of it stays.
 */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Somebody took a folder's own rights away.
    loosen(path);
    rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Removes the folder of an executor that is about to be gone. Something in it may still run for a
 * moment and put a link where a folder was: the system's `rm` goes down by open folders and not by
 * names, and cannot be led out. What cannot be removed goes when the home is opened the next time.
 */
export async function removeBehind(path: string): Promise<void> {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    // What a link leads to is nobody's to remove.
    if (!found.isDirectory()) throw new Error('it is no folder');
    for (const name of readdirSync(path)) rmdirSync(join(path, name));
    rmdirSync(path);
  } catch {
    // It is not empty, or no folder.
    await removeByProgram(path);
  }
}

/**
 * Removes the folder of an executor that was not held, without a process for that: nothing of this
 * user's own leads it astray. What cannot be removed goes as with removeBehind.
 */
export async function removeOwn(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    // Somebody took a folder's own rights away, or writes into it still.
    await removeBehind(path);
  }
}

async function removeByProgram(path: string): Promise<void> {
  let isAway = process.platform === 'win32';
  for (const [program, ...words] of isAway ? [] : REMOVAL) {
    await promisify(execFile)(program, [...words, path]).catch(({ code }: { code: unknown }) => {
      isAway ||= code === 'ENOENT';
    });
    if (!isThere(path)) return;
  }
  // By names: not where somebody holds out against a removal that cannot be led astray.
  if (!isAway) return;
  await rm(path, { recursive: true, force: true, maxRetries: 5 }).catch(() => undefined);
}

function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    // A file stands where its parent was.
    return false;
  }
}

const REMOVE = ['rm', '-rf', '--'] as const;
/** The second time for what was still written to; the last for folders without rights. */
const REMOVAL = [REMOVE, REMOVE, ['chmod', '-R', 'u+rwX', '--'], REMOVE] as const;

/** Gives each folder of a tree back to its owner. */
function loosen(path: string): void {
  try {
    if (!lstatSync(path).isDirectory()) return;
    chmodSync(path, 0o700);
    for (const name of readdirSync(path)) loosen(join(path, name));
  } catch {
    // It is gone meanwhile, or another user's: its removal says so.
  }
}
