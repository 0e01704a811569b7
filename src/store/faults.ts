import { MeshError } from '../core/mesh-error.ts';
import { isDiskFull } from '../files/disk-full.ts';

/** All codes and messages of an error and its causes, in one text. */
function wholeText(error: unknown): string {
  const parts: string[] = [];
  // LevelDB's own error is at most two causes deep.
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    parts.push('code' in at ? String(at.code) : '', at.message);
  }
  return parts.join(' ');
}

/** Another process, or another store of this one, has the database open. */
export function isLocked(error: unknown): boolean {
  return wholeText(error).includes('LEVEL_LOCKED');
}

/** The database was closed under an operation, as it is while it is opened anew. */
export function isClosed(error: unknown): boolean {
  const own = error instanceof Error && 'code' in error ? String(error.code) : '';
  return /^LEVEL_(DATABASE|ITERATOR|BATCH)_NOT_OPEN$/.test(own);
}

/** The files say what no sound database says: only a repair helps. */
export function isDamage(error: unknown): boolean {
  const text = wholeText(error);
  if (text.includes('LEVEL_CORRUPTION')) return true;
  // A name that garbage made up can fail in any way; what is not damage is a short list.
  return (
    text.includes('LEVEL_IO_ERROR') &&
    !isDiskFull(error) &&
    !/Permission denied|not permitted|Read-only file system|Too many open files/i.test(text)
  );
}

/** The error for a caller: disk full, home in use or home unusable. */
export function faultOf(dir: string, error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const options = { cause: error };
  if (isDiskFull(error)) {
    return new MeshError('MESH_DISK_FULL', `the disk of ${dir} is full; free some space`, options);
  }
  if (isLocked(error)) {
    const line = `${dir} is in use by another meshd; stop that one or choose another --home`;
    return new MeshError('MESH_HOME_IN_USE', line, options);
  }
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason = inner instanceof Error ? inner.message : String(inner);
  const line = `cannot use ${dir}: ${reason}; check its owner and rights, or choose another --home`;
  return new MeshError('MESH_HOME_UNUSABLE', line, options);
}
