import { win32 } from 'node:path';

/** What of a system decides which shell runs commands. */
export interface ShellPlace {
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<NodeJS.ProcessEnv>;
  readonly exists: (path: string) => boolean;
}

/**
 * The program that runs commands: a shell of the POSIX language on each system, so that a command
 * and what is quoted in it mean the same on every machine of a mesh. /bin/sh is dash, bash or
 * another one; on Windows it is the first sh.exe of the PATH, as Git for Windows brings it, and
 * never cmd.exe, which quotes otherwise. Null: there is none.
 */
export function systemShell({ platform, environment, exists }: ShellPlace): string | null {
  if (platform !== 'win32') return '/bin/sh';
  const [, path = ''] =
    Object.entries(environment).find(([name]) => name.toUpperCase() === 'PATH') ?? [];
  const found = path
    .split(win32.delimiter)
    .filter((folder) => win32.isAbsolute(folder))
    .map((folder) => win32.join(folder, 'sh.exe'))
    .find(exists);
  return found ?? null;
}

/** A path as such a shell takes it: on Windows with slashes, for a backslash is a quote there. */
export function pathForShell(path: string, platform: NodeJS.Platform): string {
  return platform === 'win32' ? path.replaceAll('\\', '/') : path;
}
