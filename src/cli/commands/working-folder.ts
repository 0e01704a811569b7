import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { MeshError } from '../../core/mesh-error.ts';
import { statsAt } from '../path-stats.ts';
import type { CommandFlags } from './flags.ts';
import { isTransfer } from './transfer.ts';

/**
 * The folder that commands run in, absolute: this process's own, or what --wd says. Where each has
 * a folder of its own, the one that its files come from and go to.
 * @throws MeshError MESH_USAGE for one that is gone or is no folder, and what --wd cannot have
 */
export function workingFolder(flags: CommandFlags): string {
  const { workdir } = flags;
  if (workdir === undefined || workdir === '...') return currentFolder();
  if (workdir === '') throw new MeshError('MESH_USAGE', '--wd is empty: name a folder');
  if (/\{[^{}]*\}/.test(workdir)) {
    throw refused(workdir, 'one folder is for all commands: begin the command with `cd {} &&`');
  }
  const folder = resolve(currentFolder(), workdir);
  if (isTransfer(flags) && folder !== currentFolder()) {
    throw refused(workdir, 'each command that files are sent to has a folder of its own: leave it');
  }
  const found = statsAt(folder, '--wd');
  if (found?.isDirectory() === false) throw refused(workdir, 'it is no folder');
  return folder;
}

/** Makes the folder if it is not there, as GNU parallel does. @throws MeshError MESH_USAGE */
export function makeWorkingFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    const { message } = cause as Error;
    throw new MeshError('MESH_USAGE', `--wd: the folder cannot be made (${message})`, { cause });
  }
}

function currentFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const text = 'the working folder is gone; commands run in it: go to another one';
    throw new MeshError('MESH_USAGE', text, { cause });
  }
}

function refused(workdir: string, why: string): MeshError {
  return new MeshError('MESH_USAGE', `--wd ${workdir}: ${why}`);
}
