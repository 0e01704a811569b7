import type { Stats } from 'node:fs';
import type { CommandValue } from '../../node/reports/command-result.ts';
import { placeOf, statsOfText } from '../path-stats.ts';

/**
 * Says whether all files that a command named, and what it put out, are as it left them.
 * directory: where it ran.
 */
export function areAsLeft(
  { files = {}, stdoutFile, stderrFile }: CommandValue,
  directory: string = process.cwd(),
): boolean {
  const kept = [stdoutFile, stderrFile].every((long) => long === undefined || isFile(long.file));
  return (
    kept &&
    Object.entries(files).every(([path, left]) =>
      isAsLeft(statsOfText(placeOf(directory, path)), left),
    )
  );
}

function isAsLeft(
  found: Stats | undefined,
  left: NonNullable<CommandValue['files']>[string],
): boolean {
  if (left === null) return found === undefined;
  if (left === 'folder') return found?.isDirectory() === true;
  const [bytes, changedMs] = left;
  return found?.size === bytes && Math.trunc(found.mtimeMs) === changedMs;
}

function isFile(path: string): boolean {
  return statsOfText(path)?.isFile() === true;
}
