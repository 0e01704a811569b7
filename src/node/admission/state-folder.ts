import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/**
 * Where this user's programs keep their state: `$XDG_STATE_HOME`, else `~/.local/state` (Windows:
 * `%LOCALAPPDATA%`). Absolute.
 */
export function stateFolder(env: NodeJS.ProcessEnv = process.env): string {
  const local = env['LOCALAPPDATA'];
  if (process.platform === 'win32' && local) return local;
  const state = env['XDG_STATE_HOME'];
  // The XDG specification says that a relative path is to be ignored.
  return state && isAbsolute(state) ? state : join(homedir(), '.local', 'state');
}
