import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CommandValue } from '../../node/command-result.ts';

/** Says whether all files that a run wrote are still there as it left them. */
export function areOutputsThere({ outputs = {} }: CommandValue): boolean {
  return Object.entries(outputs).every(([path, [bytes, changedMs]]) => {
    const found = statSync(resolve(path), { throwIfNoEntry: false });
    return found?.size === bytes && Math.trunc(found.mtimeMs) === changedMs;
  });
}
