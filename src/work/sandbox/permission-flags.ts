import { join } from 'node:path';
import { programFilesIn } from '../program-files.ts';
import { OWN_CODE } from './own-code.ts';
import type { Sandbox } from './sandbox.ts';
import { scratchIn } from './scratch.ts';
import { permissionHoldsNetwork } from './tiers.ts';

/**
 * Flags by which Node refuses files, child processes and addons to user code. Threads are open for
 * the warden; the executor itself refuses them. They have the same rights.
 * folder: the executor's own.
 * @see https://nodejs.org/docs/latest-v24.x/api/permissions.html
 */
export function permissionFlags(sandbox: Sandbox, folder: string): string[] {
  const scratch = within(scratchIn(folder));
  const writes = [...scratch, ...sandbox.writes.flatMap(within)];
  const reads = [
    ...[...programFilesIn(folder), ...OWN_CODE.flatMap(within), ...openFiles(sandbox)],
    ...[...sandbox.reads.flatMap(within), ...writes],
  ];
  return [
    ...['--permission', '--allow-worker', '--disable-warning=PERM0006'],
    ...(sandbox.net && permissionHoldsNetwork() ? ['--allow-net'] : []),
    // A folder before what is in it: the other way round Node 24 forgets the folder.
    ...reads.toSorted().map((path) => `--allow-fs-read=${path}`),
    ...writes.toSorted().map((path) => `--allow-fs-write=${path}`),
  ];
}

/**
 * The executor closes what it inherited: the list, `fd`, and `fdinfo`, which Node mixes up. In
 * bubblewrap alone: there is nothing there to climb to (`/proc/self/fd/N/..`), and elsewhere its
 * peer tells it.
 */
function openFiles({ tier }: Sandbox): string[] {
  return tier === 'bwrap' ? ['/proc/self/fd*'] : [];
}

/** A file or folder, and what is in it, also if it is made later. */
function within(path: string): string[] {
  return [path, join(path, '*')];
}
