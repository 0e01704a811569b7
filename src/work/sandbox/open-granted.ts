import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readlinkSync } from 'node:fs';
import type { Mount } from './bubblewrap.ts';
import type { Sandbox } from './sandbox.ts';

/** Opens a place without reading it: O_PATH, which Node has no name for. */
const PLACE = 0o10000000;

/** Mounts of what was opened, and what to hand to bubblewrap and close then. */
export interface GrantedMounts {
  readonly mounts: readonly Mount[];
  readonly descriptors: readonly number[];
}

/**
 * The mounts of what a sandbox opens. Where a machine grants a folder, the path of another one's
 * job must lie in it; but the job may write there, and another one with it, so that a folder that
 * was looked at may be a link by the time it is mounted. So the place is opened, what was opened is
 * looked at, and that is mounted. What lies elsewhere is left out, as what does not exist.
 * first: the number that the first of the descriptors will have in bubblewrap.
 */
export function openGranted({ reads, writes, within }: Sandbox, first: number): GrantedMounts {
  const descriptors: number[] = [];
  const mounts: Mount[] = [];
  const given = [
    ...reads.map((path) => ({ path, writable: false })),
    ...writes.map((path) => ({ path, writable: true })),
  ];
  for (const { path, writable } of given) {
    const folders = within?.get(path);
    if (folders === undefined || !bindsDescriptors()) {
      mounts.push({ path, writable, required: false });
      continue;
    }
    const opened = openIn(path, folders);
    if (opened === null) continue;
    const descriptor = first + descriptors.length;
    descriptors.push(opened);
    mounts.push({ path, writable, required: true, descriptor });
  }
  return { mounts, descriptors };
}

/** Null when there is nothing, or it is elsewhere. */
function openIn(path: string, folders: readonly string[]): number | null {
  let descriptor: number;
  try {
    descriptor = openSync(path, PLACE);
  } catch {
    return null;
  }
  // What the kernel says of the open place holds for it, whatever its path is by now.
  const real = readlinkSync(`/proc/self/fd/${descriptor}`);
  const isIn = folders.some((folder) => real === folder || real.startsWith(prefixOf(folder)));
  if (isIn) return descriptor;
  closeSync(descriptor);
  return null;
}

function prefixOf(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}

let binds: boolean | null = null;

/** Whether this machine's bubblewrap mounts what is open: from 0.10 on, and where it was mended. */
export function bindsDescriptors(): boolean {
  try {
    binds ??= execFileSync('bwrap', ['--help'], { encoding: 'utf8' }).includes('--ro-bind-fd');
  } catch {
    // No bwrap at all: nothing is mounted.
    return false;
  }
  return binds;
}
