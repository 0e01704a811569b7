import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { MeshError } from '../core/mesh-error.ts';
import { stateFolder } from '../node/admission/state-folder.ts';

/** Longest path of a unix socket that every system takes (macOS: 104 bytes with the final zero). */
const MAX_SOCKET_BYTES = 103;

/**
 * The folder that holds all state of a peer: `MESHD_HOME`, else `$XDG_STATE_HOME/meshd`, else
 * `~/.local/state/meshd` (Windows: `%LOCALAPPDATA%\meshd`). Absolute.
 */
export function defaultHome(env: NodeJS.ProcessEnv = process.env): string {
  const given = env['MESHD_HOME'];
  if (given) return resolve(given);
  return join(stateFolder(env), 'meshd');
}

/**
 * Where a home's peer listens for its clients: `<home>/meshd.sock`; a named pipe on Windows; a
 * hashed name in the user's temporary folder when the path is too long for a socket.
 * @throws MeshError MESH_HOME_UNUSABLE when that temporary folder belongs to somebody else.
 */
export function socketPath(home: string): string {
  if (process.platform === 'win32') return `\\\\.\\pipe\\meshd-${hashOf(home)}`;
  const inside = join(home, 'meshd.sock');
  if (Buffer.byteLength(inside) <= MAX_SOCKET_BYTES) return inside;
  const folder = join(shortTemp(), `meshd-${userInfo().uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0) {
    throw new MeshError(
      'MESH_HOME_UNUSABLE',
      `${home}: the path is too long for a socket, and ${folder} is not private to this user: ` +
        'use a shorter --home',
    );
  }
  return join(folder, `${hashOf(home)}.sock`);
}

function shortTemp(): string {
  const longest = MAX_SOCKET_BYTES - 50;
  return Buffer.byteLength(tmpdir()) <= longest ? tmpdir() : '/tmp';
}

/** The same for all spellings of a folder that exists. */
function hashOf(home: string): string {
  let real = resolve(home);
  try {
    real = realpathSync(real);
  } catch {
    // It does not exist yet: nobody can listen there, and the plain path will do.
  }
  return createHash('sha256').update(real).digest('hex').slice(0, 16);
}
