import { Level } from 'level';
import { ALL_LOCALS, nameOf } from './keys.ts';
import { unseal } from './sealed.ts';

/**
 * Reads the local entries of a database that no peer has open, and repairs nothing: a damaged one
 * stays as it is for the peer's own start, and a rotten entry is left out.
 * @throws Error when it is open elsewhere, not there, or cannot be read.
 */
export async function peekLocals(dir: string): Promise<Map<string, Uint8Array>> {
  const options = { valueEncoding: 'view', createIfMissing: false };
  const database = new Level<string, Uint8Array>(dir, options);
  const locals = new Map<string, Uint8Array>();
  try {
    await database.open();
    for await (const [key, sealed] of database.iterator({ ...ALL_LOCALS })) {
      const bytes = unseal(key, sealed);
      if (bytes !== undefined) locals.set(nameOf(key), bytes);
    }
  } finally {
    await database.close();
  }
  return locals;
}
