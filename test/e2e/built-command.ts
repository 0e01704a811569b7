import { type ChildProcess, execFile } from 'node:child_process';
import { ENTRY } from './built.ts';

/** How the built command ended; code −1: by a signal. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where the built command runs. */
export interface Place {
  readonly home: string;
  readonly cwd: string;
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts the built command in a process of its own. */
export function startBuilt(
  args: readonly string[],
  { home, cwd, stdin = '', env = {} }: Place,
): { child: ChildProcess; ended: Promise<Ended> } {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const options = {
    ...{ cwd, maxBuffer: 2 ** 28 },
    env: { ...process.env, ...env, MESHD_HOME: home },
  };
  const child = execFile(process.execPath, [ENTRY, ...args], options, (error, stdout, stderr) => {
    const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
    resolve({ code, stdout, stderr });
  });
  child.stdin?.end(stdin);
  return { child, ended: promise };
}
