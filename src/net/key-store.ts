import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FsDatastore } from 'datastore-fs';

type Key = Parameters<FsDatastore['put']>[0];

/**
 * A datastore of plain files (0600) in folders of their owner alone (0700). A file that was put
 * survives a power cut: written beside, synced, renamed, folder synced. FsDatastore renames but
 * never syncs.
 */
export class KeyStore extends FsDatastore {
  override async put(key: Key, value: Uint8Array): Promise<Key> {
    const { dir, file } = this._encode(key);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const beside = `${file}.${process.pid}.new`;
    const handle = await open(beside, 'w', 0o600);
    try {
      await handle.writeFile(value);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
    await syncFolder(dir);
    await syncFolder(dirname(dir));
    return key;
  }

  /** FsDatastore answers "not found" to every failure; an unreadable key is another case. */
  override async has(key: Key): Promise<boolean> {
    try {
      await readFile(this._encode(key).file);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }
}

async function syncFolder(dir: string): Promise<void> {
  // Windows cannot open a folder; its rename is durable once the file is.
  if (process.platform === 'win32') return;
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
