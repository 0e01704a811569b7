import { type Stats, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { MeshError } from '../core/mesh-error.ts';

/**
 * What lies at a path that an option names; undefined: nothing.
 * @throws MeshError MESH_USAGE for what can be no path here: a name that is too long, a link in a
 * ring, a folder that may not be read
 */
export function statsAt(path: string, flag: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
    throw new MeshError('MESH_USAGE', `${flag} ${path}: it cannot be used (${reason})`, { cause });
  }
}

/** The same of a text that may be no path at all: then there is nothing. */
export function statsOfText(text: string): Stats | undefined {
  try {
    return statSync(text, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Where a name leads to from a folder, the shortest way: a system walks a path anew each time. */
export function placeOf(directory: string, name: string): string {
  return directory === process.cwd() ? name : resolve(directory, name);
}
