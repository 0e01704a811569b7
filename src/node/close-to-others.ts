import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Rights of a folder: others than its user may do something; may write; remove their own alone. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/** Folders of a home that versions before this one made for all to read. */
const INNER = ['db', 'files', 'work', 'outputs', 'logs'];

/**
 * Makes a home its user's alone where others may write to it, and the folders in it. Does nothing
 * on Windows, which has other rights.
 * @throws Error for a folder of another user, for all users, or of other things than a peer's.
 */
export async function closeToOthers(home: string): Promise<void> {
  if (process.platform === 'win32') return;
  const { mode, uid } = await stat(home);
  if ((mode & OTHERS_WRITE) !== 0) {
    const names = await readdir(home);
    const isHome = names.length === 0 || names.includes('identity');
    if (uid !== process.getuid?.() || (mode & STICKY) !== 0 || !isHome) {
      throw new Error('others may write there: chmod 700 it, or use another --home');
    }
    await chmod(home, 0o700);
  }
  for (const name of INNER) {
    const inner = join(home, name);
    const found = await lstat(inner).catch(() => null);
    const isMine = found?.isDirectory() === true && found.uid === process.getuid?.();
    if (isMine && (found.mode & OTHERS) !== 0) await chmod(inner, 0o700);
  }
}
