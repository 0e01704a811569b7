import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Processes and threads of one sandbox that the kernel allows: more than the warden, which ends an
 * executor that is above its limit, so that it has time to see it.
 */
const MOST_TASKS = 1024;

/** Above this the kernel counts the processes of a user namespace by themselves. */
const FIRST_KERNEL = [5, 14] as const;

/** How often a group is tried to be removed: what was in it is still ending. */
const REMOVALS = 20;
const PAUSE_MS = 50;

/** Words around a program by which the kernel limits what it starts. */
export interface ProcessCap {
  /** Before the sandbox. */
  readonly outside: readonly string[];
  /** In it, before the program. */
  readonly inside: readonly string[];
  /** To be called when the sandbox is gone. */
  release(): Promise<void>;
}

/** No limit. */
export const NO_CAP: ProcessCap = { outside: [], inside: [], release: async () => undefined };

/**
 * A limit for one sandbox: a control group for root, whom no other limit holds, else a resource
 * limit inside. Where neither is to be had the warden alone counts. name: 16 hexadecimal digits.
 */
export function processCap(name: string): ProcessCap {
  if (process.getuid?.() === 0) return controlGroup(name);
  if (!countsByNamespace()) return NO_CAP;
  const words = ['-c', `ulimit -u ${MOST_TASKS} 2>/dev/null || ulimit -p ${MOST_TASKS}; exec "$@"`];
  return { ...NO_CAP, inside: ['/bin/sh', ...words, 'sh'] };
}

/** Older ones count all processes of the user, wherever they are. */
function countsByNamespace(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > FIRST_KERNEL[0] || (major === FIRST_KERNEL[0] && minor >= FIRST_KERNEL[1]);
}

function controlGroup(name: string): ProcessCap {
  const parent = groupFolder();
  if (parent === null) return NO_CAP;
  const group = join(parent, `meshd-${process.pid}-${name}`);
  try {
    mkdirSync(group);
    writeFileSync(join(group, 'pids.max'), `${MOST_TASKS}\n`);
  } catch {
    // Not permitted in a container; or its parent does not pass that limit on.
    removeGroup(group);
    return NO_CAP;
  }
  return {
    outside: ['/bin/sh', '-c', 'echo 0 2>/dev/null >"$0/cgroup.procs"; exec "$@"', group],
    inside: [],
    release: async () => {
      for (let tried = 0; tried < REMOVALS && !removeGroup(group); tried += 1) {
        await sleep(PAUSE_MS, undefined, { ref: false });
      }
    },
  };
}

let found: string | null | undefined;

/** The folder of this process's own group that limits processes; null where there is none. */
function groupFolder(): string | null {
  found ??= findGroupFolder();
  return found;
}

function findGroupFolder(): string | null {
  try {
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    const own = readFileSync('/proc/self/cgroup', 'utf8');
    // 36 35 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
    const first = mounts.find((line) => / - cgroup \S+ \S*\bpids\b/.test(line));
    const unified = mounts.find((line) => line.includes(' - cgroup2 '));
    const mount = (first ?? unified)?.split(' ');
    const pattern = first === undefined ? /^0::(.*)$/m : /^\d+:(?:[^:]*,)?pids(?:,[^:]*)?:(.*)$/m;
    const path = pattern.exec(own)?.[1];
    const [, , , root = '/', point] = mount ?? [];
    if (path === undefined || point === undefined) return null;
    const folder = join(point, root === '/' ? path : path.slice(root.length));
    removeLeftGroups(folder);
    return folder;
  } catch {
    // Not Linux, or no /proc.
    return null;
  }
}

/** Those of peers that are gone; one that still holds something is not removed by this. */
function removeLeftGroups(folder: string): void {
  for (const name of readdirSync(folder)) {
    const peer = /^meshd-(\d+)-[0-9a-f]{16}$/.exec(name)?.[1];
    if (peer !== undefined && !existsSync(`/proc/${peer}`)) removeGroup(join(folder, name));
  }
}

/** Says whether it is gone. */
function removeGroup(group: string): boolean {
  try {
    rmdirSync(group);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}
