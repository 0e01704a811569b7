import { generateKeyPairSync } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** In a peer's folder of its identity. */
const NAME = 'key.pem';

/** Where the private key of a folder is kept. */
export function keyFileIn(folder: string): string {
  return join(folder, NAME);
}

/** The private key of a folder in PEM (PKCS #8); null when there is none. */
export async function readKeyFile(folder: string): Promise<string | null> {
  try {
    return await readFile(keyFileIn(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * Makes an Ed25519 key and keeps it in a folder of its owner alone (0700; the file 0600). It
 * survives a power cut: written beside, synced, renamed, both folders synced.
 */
export async function createKeyFile(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  const file = keyFileIn(folder);
  const beside = `${file}.${process.pid}.new`;
  const handle = await open(beside, 'w', 0o600);
  try {
    await handle.writeFile(pem);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(beside, file);
  await syncFolder(folder);
  await syncFolder(dirname(folder));
  return String(pem);
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; its rename is durable once the file is.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
